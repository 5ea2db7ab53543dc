"""A hub on loopback that takes uploads of models, as huggingface_hub sends them: small files inline, tensors as LFS."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0" * 40


class Uploads(ThreadingHTTPServer):
    """``files`` holds what was committed, as bytes by (repository, path); ``private`` which repositories are."""

    def __init__(self, refusing: int | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refusing = refusing
        self.files: dict[tuple[str, str], bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.private: dict[str, bool] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Uploads

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.blobs[hashlib.sha256(content).hexdigest()] = content
        self._answer(200, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.refusing:
            self._answer(self.server.refusing, {"error": "no"})
        elif self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.server.private[name] = asked.get("private") or asked.get("visibility") == "private"
            self._answer(200, {"url": f"{self.server.address}/{name}", "name": name, "id": "1"})
        elif self.path == "/api/validate-yaml":  # of the model card's head
            self._answer(200, {"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            files = json.loads(body)["files"]
            modes = {True: "lfs", False: "regular"}
            answer = [{"path": f["path"], "uploadMode": modes[f["path"].endswith(".safetensors")]} for f in files]
            self._answer(200, {"files": [each | {"shouldIgnore": False} for each in answer]})
        elif self.path.endswith("/info/lfs/objects/batch"):
            objects = [
                each | {"actions": {"upload": {"href": f"{self.server.address}/blobs/{each['oid']}"}}}
                for each in json.loads(body)["objects"]
            ]
            self._answer(200, {"transfer": "basic", "objects": objects})
        elif "/commit/" in self.path:
            repository = "/".join(self.path.split("/")[3:5])
            self._commit(repository, body.decode())
            address = f"{self.server.address}/{repository}/commit/{COMMIT}"
            self._answer(200, {"commitUrl": address, "commitOid": COMMIT, "success": True})
        else:
            self._answer(404, {"error": self.path})

    def _commit(self, repository: str, lines: str) -> None:
        for line in lines.splitlines():
            item = json.loads(line)
            if item["key"] == "file":
                content = base64.b64decode(item["value"]["content"])
            elif item["key"] == "lfsFile":
                content = self.server.blobs[item["value"]["oid"]]
            else:
                continue
            self.server.files[repository, item["value"]["path"]] = content


@contextmanager
def uploads(refusing: int | None = None) -> Iterator[Uploads]:
    """Run such a hub; with ``refusing`` it answers everything with that status."""
    server = Uploads(refusing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
