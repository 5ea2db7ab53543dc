"""A hub on loopback that serves models and data sets as huggingface_hub asks for them, and breaks when told to."""

import hashlib
import json
import re
import socket
import struct
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+)(?:/(.*))?)?")
_FILE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
LARGE = (".safetensors", ".parquet")  # what a hub keeps as LFS, under its SHA-256


@dataclass
class Repository:
    """``commits`` holds each commit's files, and ``refs`` the commit of each branch and tag."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    refusal: tuple[int, str] | None = None  # a status and an error code, for all that is asked of it

    def commit(self, files: dict[str, bytes], *refs: str) -> str:
        """Add a commit that ``main``, and ``refs``, point to; return it."""
        contents = [(name, hashlib.sha1(content).digest()) for name, content in sorted(files.items())]
        made = hashlib.sha1(repr(contents).encode()).hexdigest()
        self.commits[made] = files
        self.refs |= dict.fromkeys(("main", *refs), made)
        return made


def files_of(folder: Path) -> dict[str, bytes]:
    """Return a folder's files as a commit has them."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


class Hub(ThreadingHTTPServer):
    """``repositories`` by kind and name, such as models/me/tiny; ``faults`` are used up one a request that they match.

    A fault is a status, ``(429, seconds)``, or one of reset, short and stalled, by a part of the address. While it is
    ``down``, everything is answered with that status, or with nothing at all where it is "silent".
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = defaultdict(Repository)
        self.faults: dict[str, list[Any]] = {}
        self.down: int | str | None = None
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connection that a client or a fault has broken."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._serve(body=False)

    def do_GET(self) -> None:
        self._serve(body=True)

    def _serve(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"{self.command} {path}")
        fault = self._fault(path) if body else None
        if self.server.down == "silent":
            threading.Event().wait(10)  # and not time.sleep, which tests replace
            self.close_connection = True
        elif self.server.down:
            self._answer(self.server.down, b"{}")
        elif isinstance(fault, int | tuple):
            status, wait = fault if isinstance(fault, tuple) else (fault, None)
            self._answer(status, b"{}", **({"Retry-After": str(wait)} if wait is not None else {}))
        elif match := _API.fullmatch(path):
            self._api(*match.groups())
        elif match := _FILE.fullmatch(path):
            kind, name, revision, file = match.groups()
            self._file("datasets" if kind else "models", name, revision, file, body, fault)
        else:
            self._answer(404, b"{}")

    def _fault(self, path: str) -> Any:
        for part, left in self.server.faults.items():
            if part in path and left:
                return left.pop(0)
        return None

    def _found(self, kind: str, name: str, revision: str | None) -> tuple[str, dict[str, bytes]] | None:
        """Return a revision's commit and files; None once an answer has said why there are none."""
        repository = self.server.repositories.get(f"{kind}/{name}")
        if repository is None:
            self._answer(401, b"{}", **{"X-Error-Code": "RepoNotFound"})
        elif repository.refusal:
            status, code = repository.refusal
            self._answer(status, b"{}", **({"X-Error-Code": code} if code else {}))
        else:
            commit = repository.refs.get(revision or "main", revision)
            if commit in repository.commits:
                return commit, repository.commits[commit]
            self._answer(404, b"{}", **{"X-Error-Code": "RevisionNotFound"})
        return None

    def _api(self, kind: str, name: str, what: str | None, revision: str | None, below: str | None) -> None:
        found = self._found(kind, name, revision)
        if found is None:
            return
        commit, files = found
        if what == "tree":
            content: Any = [_entry(path, held) for path, held in files.items()]
        else:
            content = {"id": name, "sha": commit, "private": False, "gated": False, "disabled": False, "tags": []}
            content |= {"siblings": [{"rfilename": path} for path in files], "downloads": 0, "likes": 0}
            content |= {"lastModified": "2024-01-01T00:00:00.000Z", "createdAt": "2024-01-01T00:00:00.000Z"}
        self._answer(200, json.dumps(content).encode())

    def _file(self, kind: str, name: str, revision: str, path: str, body: bool, fault: str | None) -> None:
        found = self._found(kind, name, revision)
        if found is None:
            return
        commit, files = found
        if path not in files:
            self._answer(404, b"", **{"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
            return
        content, start = files[path], 0
        if asked := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            start = int(asked[1])
        headers = {"ETag": f'"{_etag(path, content)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._answer(206 if start else 200, content[start:], body, fault, **headers)

    def _answer(self, status: int, content: bytes, body: bool = True, fault: str | None = None, **headers: str) -> None:
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD" or not body:
            return
        self.wfile.write(content[: len(content) // 2] if fault in ("short", "stalled") else content)
        self.wfile.flush()
        if fault == "stalled":
            time.sleep(3)
        if fault:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True


def _etag(path: str, content: bytes) -> str:
    if path.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def _entry(path: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": _etag(path, content)}
    if path.endswith(LARGE):
        entry["lfs"] = {"oid": entry["oid"], "size": len(content), "pointerSize": 134}
    return entry


@contextmanager
def serving() -> Iterator[Hub]:
    """Run a hub without repositories."""
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
