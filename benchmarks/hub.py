"""What is fetched from the hub: models and data, at a revision, whole; and what a person is told where they are not."""

import hashlib
import itertools
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeVar

import httpx2
import huggingface_hub
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from benchmarks.errors import SuiteError, first_line

TRIES = 4
PAUSE = 1.0  # seconds before the second try, which doubles before each further one
_LONGEST = 300.0  # seconds that are waited where the hub asks for it
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BROKEN = (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError, httpx2.TimeoutException)
_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"

T = TypeVar("T")
Kind = Literal["model", "dataset"]


class Unfetched(SuiteError):
    """What was asked for is not there, and not kept either."""


@dataclass
class _Known:
    """What this process knows of the hub: why it was out of reach, if it was."""

    lost: str | None = None


_known = _Known()


@lru_cache(maxsize=64)
def snapshot(repository: str, kind: Kind, revision: str | None, patterns: tuple[str, ...] | None) -> Path:
    """Return the folder with a repository's files at a revision, None for main, as the hub's client keeps it.

    ``patterns`` names the files that are needed; None for all. Where the hub is out of reach, what is kept is taken;
    a process learns that once, and asks no more for what is kept. A process asks for each once, so that all its jobs
    see one revision. Raises Unfetched with the reason, in one line.
    """

    def fetch(kept: bool = False) -> str:
        return huggingface_hub.snapshot_download(
            repository,
            repo_type=kind,
            revision=revision,
            allow_patterns=patterns and list(patterns),
            local_files_only=kept,
        )

    what = f"{repository} at {revision}" if revision else repository
    if _known.lost:
        with suppress(LocalEntryNotFoundError):
            return Path(fetch(kept=True))
    fault = _fault_of_asking(repository, kind, revision)
    if fault is None:
        return Path(_tried(fetch, what))
    why = f"{type(fault).__name__}: {first_line(fault)}"
    try:
        folder = Path(fetch(kept=True))
    except LocalEntryNotFoundError as error:
        if isinstance(fault, HfHubHTTPError) and not _known.lost:
            return Path(_tried(fetch, what))  # a hub that answers at all may soon answer better
        _known.lost = why
        raise Unfetched(f"the hub is out of reach, and {what} is not in its client's cache ({why})") from error
    _known.lost = why
    print(f"the hub is out of reach ({why}): what its client has kept is taken", file=sys.stderr)
    return folder


def forget() -> None:
    """Ask the hub for everything anew, as another process would."""
    snapshot.cache_clear()
    _known.lost = None


def environment() -> dict[str, str]:
    """Return what spares the commands that this one starts from finding out that the hub is out of reach."""
    return {"HF_HUB_OFFLINE": "1"} if _known.lost else {}


def _fault_of_asking(repository: str, kind: Kind, revision: str | None) -> Exception | None:
    """Ask for a repository, with a time-out, which the client's own question is without; return why that failed.

    Return None where the hub has answered, whatever it said, and where there is nothing to ask: a commit is for ever.
    """
    if huggingface_hub.is_offline_mode() or (revision and _COMMIT.fullmatch(revision)):
        return None
    try:
        wait = huggingface_hub.constants.HF_HUB_ETAG_TIMEOUT
        huggingface_hub.HfApi().repo_info(repository, repo_type=kind, revision=revision, timeout=wait)
    except (httpx2.ConnectError, httpx2.TimeoutException) as error:
        return error
    except (httpx2.HTTPError, ValueError, OSError) as error:  # whatever else it is, the client meets it again
        return error if isinstance(error, HfHubHTTPError) and error.response.status_code >= 500 else None
    return None


def commit_of(folder: Path) -> str | None:
    """Return the commit of a folder that ``snapshot`` gave, or of one in it; None of another folder."""
    parts = folder.absolute().parts
    named = [part for before, part in itertools.pairwise(parts) if before == "snapshots"]
    return named[-1] if named and _COMMIT.fullmatch(named[-1]) else None


def digest(file: Path) -> bytes:
    """Return a file's SHA-256. Raises SuiteError for one of the hub's client that is not what the hub has.

    The client keeps a file under its checksum: the SHA-256 of a large one, and Git's SHA-1 of another.
    """
    with file.open("rb") as content:
        made = hashlib.file_digest(content, "sha256")
    kept = file.resolve()
    wanted = kept.name if kept.parent.name == "blobs" else ""
    if re.fullmatch(r"[0-9a-f]{64}", wanted):
        whole = made.hexdigest() == wanted
    elif re.fullmatch(r"[0-9a-f]{40}", wanted):
        whole = hashlib.sha1(f"blob {kept.stat().st_size}\0".encode() + kept.read_bytes()).hexdigest() == wanted
    else:
        whole = True
    if not whole:
        raise SuiteError(
            f"{file} is garbled: its checksum is not the hub's, {wanted}: delete {kept} and run the same command again"
        )
    return made.digest()


def _tried(fetch: Callable[[], T], what: str) -> T:
    for attempt in range(TRIES):
        try:
            return fetch()
        except (httpx2.HTTPError, OSError, ValueError) as error:
            wait = _wait(error, attempt)
            if wait is None:
                raise Unfetched(_why(error, what)) from error
            if attempt + 1 == TRIES:
                raise Unfetched(
                    f"the connection broke {TRIES} times while {what} was fetched ({type(error).__name__}: "
                    f"{first_line(error)}): run the same command again, which goes on from where it was"
                ) from error
            time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def _wait(error: Exception, attempt: int) -> float | None:
    """Return how long to wait before the next try; None where another try would give the same."""
    pause = PAUSE * 2**attempt
    causes = [error, error.__cause__, error.__context__]
    if any(isinstance(cause, _BROKEN) and not isinstance(cause, httpx2.ConnectTimeout) for cause in causes):
        return pause
    for cause in causes:
        if isinstance(cause, HfHubHTTPError) and cause.response.status_code in (429, 500, 502, 503, 504):
            asked = cause.response.headers.get("Retry-After", "")
            return min(max(pause, float(asked)) if asked.isdigit() else pause, _LONGEST)
    return None


def _why(error: Exception, what: str) -> str:
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    if isinstance(error, GatedRepoError):
        name = what.partition(" ")[0]
        return f"{what} is gated: accept its licence at {huggingface_hub.constants.ENDPOINT}/{name} and {_LOG_IN}"
    if isinstance(error, RevisionNotFoundError):
        return f"{what} is not on the hub: the repository is there, and has no such revision"
    if isinstance(error, RepositoryNotFoundError):
        return f"{what} is not on the hub, or it is private: check its name, or {_LOG_IN} as somebody who may read it"
    if status == 401:
        return f"the hub refuses your token for {what}, which may have expired: {_LOG_IN} to a new one"
    if isinstance(error, LocalEntryNotFoundError):
        return f"the hub is out of reach, and {what} is not in its client's cache ({first_line(error)})"
    return f"cannot fetch {what} from the hub ({type(error).__name__}: {first_line(error)})"
