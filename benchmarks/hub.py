"""What is fetched from the hub: models and data, at a revision, whole; and what a person is told where they are not."""

import hashlib
import itertools
import re
import time
from collections.abc import Callable
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
_BROKEN = (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError, httpx2.TimeoutException)
_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"

T = TypeVar("T")


class Unfetched(SuiteError):
    """What was asked for is not there, and not kept either."""


@lru_cache(maxsize=64)
def snapshot(
    repository: str, kind: Literal["model", "dataset"], revision: str | None, patterns: tuple[str, ...] | None
) -> Path:
    """Return the folder with a repository's files at a revision, None for main, as the hub's client keeps it.

    ``patterns`` names the files that are needed; None for all. Where the hub is out of reach, what is kept is taken.
    A process asks for each once, so that all its jobs see one revision. Raises Unfetched with the reason, in one line.
    """

    def fetch() -> str:
        return huggingface_hub.snapshot_download(
            repository, repo_type=kind, revision=revision, allow_patterns=patterns and list(patterns)
        )

    return Path(_tried(fetch, f"{repository} at {revision}" if revision else repository))


def commit_of(folder: Path) -> str | None:
    """Return the commit of a folder that ``snapshot`` gave, or of one in it; None of another folder."""
    parts = folder.absolute().parts
    named = [part for before, part in itertools.pairwise(parts) if before == "snapshots"]
    return named[-1] if named and re.fullmatch(r"[0-9a-f]{40}", named[-1]) else None


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
