"""Files that are whole or absent."""

import hashlib
import os
import secrets
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.errors import SuiteError

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_HASH_BYTES = 32


def write_atomic(path: Path, content: bytes) -> None:
    """Write through a temporary file in the same folder, so that ``path`` is whole or absent.

    Temporary files that a killed process left are removed. Raises OSError with the file's name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_strays(path)
    # The name says who writes, so that another process can tell whether that one is still alive.
    temporary = path.with_name(f".{path.name}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        # tempfile's files can be read by their owner alone; here the umask decides, as for any other file.
        with open(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_strays(path: Path) -> None:
    """Remove temporary files of ``path`` that processes of this machine left which have ended."""
    for stray in path.parent.glob(f".{path.name}.*"):
        host, _, rest = stray.name.removeprefix(f".{path.name}.").partition("-")
        process = rest.partition("-")[0]
        if host == _host() and process.isdigit() and not _alive(int(process)):
            stray.unlink(missing_ok=True)


def check_writable(folder: Path, setting: str) -> None:
    """Make a folder if it does not exist. Raises SuiteError that names ``setting`` where it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{_host()}-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SuiteError(f"{setting}={folder} must be a folder that can be written to: {error.strerror}") from error


def _host() -> str:
    return socket.gethostname().replace(".", "_").replace("-", "_")


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def check_not_pointer(path: Path) -> None:
    """Raise SuiteError for a file that Git LFS has left a pointer of in the place of its content."""
    with path.open("rb") as file:
        if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
            raise SuiteError(f"{path} is a Git LFS pointer, without the content: run `git lfs pull` in its repository")


def kept(path: Path, made_for: str, make: Callable[[], bytes]) -> bytes:
    """Return the content of a cache file, which ``make`` makes where it is absent, damaged or was made for another use.

    ``made_for`` names all that the content depends on. A file begins with the hash of that and of its content.
    """
    if path.exists():
        stored = path.read_bytes()
        if stored[:_HASH_BYTES] == _checksum(made_for, content := stored[_HASH_BYTES:]):
            return content
        print(f"{path} is damaged, or was made for something else: it is made again", file=sys.stderr)
    content = make()
    write_atomic(path, _checksum(made_for, content) + content)
    return content


def _checksum(made_for: str, content: bytes) -> bytes:
    digest = hashlib.sha256(f"{made_for}\n".encode())
    digest.update(content)
    return digest.digest()
