"""A W&B server on loopback, as far as saving a workspace or a report, and sending offline runs, ask one."""

import gzip
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0123456789abcdef0123456789abcdef01234567"
ENTITY = "someone"
REFUSAL = "nobody has this key"


@dataclass
class Arrived:
    """What a server holds of one run: how it was last made, its files' lines by their place, and how it ended."""

    made: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, dict[int, str]] = field(default_factory=dict)
    uploaded: dict[str, bytes] = field(default_factory=dict)
    exit: int | None = None

    @property
    def config(self) -> dict[str, Any]:
        return {key: item["value"] for key, item in json.loads(self.made["config"]).items()}

    @property
    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for _, line in sorted(self.lines["wandb-history.jsonl"].items())]

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads(self.lines["wandb-summary.json"][0])

    def stream(self, sent: dict[str, Any]) -> None:
        """Take what the client sends of a run's files: lines from a place on, in the place of any that were there."""
        for name, part in (sent.get("files") or {}).items():
            lines = self.lines.setdefault(name, {})
            lines |= {part["offset"] + place: line for place, line in enumerate(part["content"])}
        if sent.get("complete"):
            self.exit = sent["exitcode"]


class Server(ThreadingHTTPServer):
    """Answers with what was asked for.

    ``asked`` are the GraphQL operations and their variables, in order; ``runs`` are those that arrived, by name.
    """

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = status
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.runs: dict[str, Arrived] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, name: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Return the data of a GraphQL operation."""
        self.asked.append((name, variables))
        if name == "UpsertBucket":
            known = variables["name"] in self.runs
            run = self.runs.setdefault(variables["name"], Arrived())
            run.made |= {key: value for key, value in variables.items() if value is not None}
            return {"upsertBucket": {"bucket": _bucket(run), "inserted": not known}}
        if name == "CreateRunFiles":
            urls = [{"name": file, "uploadUrl": f"{self.url}/{variables['run']}/{file}"} for file in variables["files"]]
            return {"createRunFiles": {"runID": variables["run"], "uploadHeaders": [], "files": urls}}
        return _answer(name, variables)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_POST(self) -> None:
        content = self._content()
        if self.server.status != 200:
            self._send(self.server.status, {"errors": [{"message": REFUSAL}]})
        elif self.path == "/graphql":
            asked = json.loads(content)
            name = re.search(r"(?:query|mutation)\s+(\w+)", asked["query"])[1]
            self._send(200, {"data": self.server.answer(name, asked.get("variables") or {})})
        elif stream := re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path):
            self.server.runs[stream[1]].stream(json.loads(content))
            self._send(200, {})
        else:  # the client's own statistics
            self.send_error(404)

    def do_PUT(self) -> None:
        _, run, file = self.path.split("/", 2)
        self.server.runs[run].uploaded[file] = self._content()
        self._send(200, {})

    def _content(self) -> bytes:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        return gzip.decompress(content) if self.headers["Content-Encoding"] == "gzip" else content

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def _bucket(run: Arrived) -> dict[str, Any]:
    names = {key: run.made[key] for key in ("name", "displayName", "config")}
    project = {"id": "1", "name": run.made["project"], "entity": {"id": "1", "name": ENTITY}}
    return {"id": "1", "description": "", "sweepName": None, "project": project, "historyLineCount": 0} | names


def _answer(name: str, variables: dict[str, Any]) -> dict[str, Any]:
    if name in ("UpsertView2", "upsertView"):
        view = {
            "id": "Vmlldzox",
            "type": "runs",
            "name": variables["name"],
            "displayName": variables["displayName"],
            "description": "",
            "project": {"id": "1", "name": variables["projectName"], "entityName": variables["entityName"]},
            "spec": variables["spec"],
            "updatedAt": "2026-01-01T00:00:00Z",
        }
        return {"upsertView": {"view": view, "inserted": True}}
    viewer = {
        "id": "1",
        "username": ENTITY,
        "email": "someone@example.org",
        "admin": False,
        "flags": "{}",
        "entity": ENTITY,
        "deletedAt": None,
        "apiKeys": {"edges": []},
        "teams": {"edges": []},
    }
    models = {"edges": [], "pageInfo": {"endCursor": None, "hasNextPage": False}}
    made = {
        "upsertModel": {"model": {"name": variables.get("name"), "entityName": ENTITY}, "project": {}, "inserted": True}
    }
    return {"viewer": viewer, "models": models, "serverInfo": {"features": []}} | made


@contextmanager
def serving(status: int = 200) -> Iterator[Server]:
    """Serve on a free port of this machine; with another ``status``, refuse all that is asked."""
    server = Server(status)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
