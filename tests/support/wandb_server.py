"""A W&B server on loopback, as far as saving a workspace or a report asks one."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0123456789abcdef0123456789abcdef01234567"
ENTITY = "someone"


class Server(ThreadingHTTPServer):
    """Answers GraphQL with what was asked for; ``asked`` are the operations and their variables, in order."""

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = status
        self.asked: list[tuple[str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/graphql":  # the client's own statistics
            self.send_error(404)
            return
        asked = json.loads(content)
        name = re.search(r"(?:query|mutation)\s+(\w+)", asked["query"])[1]
        variables = asked.get("variables") or {}
        self.server.asked.append((name, variables))
        answer = {"data": _answer(name, variables)} if self.server.status == 200 else {"errors": [{"message": "no"}]}
        content = json.dumps(answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


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
