"""What the tests of judging share: a small real HTTP endpoint, a run with answers, the command line."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks.mt_bench import folder
from benchmarks.mt_bench.folder import Answer
from scripts import mt_bench

Reply = tuple[int, dict[str, str], bytes]


def completion(text: str | None, finish_reason: str = "stop", model: str | None = "tester-2024") -> Reply:
    """Return a chat completion as an endpoint sends it."""
    body = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }
    return 200, {}, json.dumps(body).encode()


def by_turn(number: int, body: dict) -> Reply:
    """Rate a first turn 6, a second one 8."""
    return completion("[[8]]" if "request number" in body["messages"][-1]["content"] else "Good. Rating: [[6]]")


class Endpoint(ThreadingHTTPServer):
    """Answers with what ``reply(number, body)`` returns; ``number`` counts requests from 1."""

    daemon_threads = True

    def __init__(self, reply: Callable[[int, dict], Reply], seconds: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply, self.seconds = reply, seconds
        self.lock = threading.Lock()
        self.bodies: list[dict] = []
        self.keys: list[str] = []
        self.times: list[float] = []
        self.under_way = self.most_under_way = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request, client_address) -> None:
        """A client that hung up is what some tests want."""


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.bodies.append(body)
            server.keys.append(self.headers["Authorization"])
            server.times.append(time.monotonic())
            number = len(server.bodies)
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
        time.sleep(server.seconds)
        status, headers, content = server.reply(number, body)
        with server.lock:
            server.under_way -= 1
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments) -> None:
        """Say nothing."""


@contextmanager
def endpoint(reply: Callable[[int, dict], Reply], seconds: float = 0.0) -> Iterator[Endpoint]:
    """Serve on loopback, at a free port."""
    with Endpoint(reply, seconds) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def run_with_answers(place: Path, ids: range | list[int]) -> Path:
    """Make a run's folder with answers of a sentence or two to these questions."""
    run = place / "seed0-0123"
    folder.write_answers(
        run / "mt_bench", [Answer(question_id=n, turns=(f"It is {n}.", f"Again: {n}, {{so}}.")) for n in ids]
    )
    return run


def write_prompts(file: Path) -> Path:
    """Write short prompts in the format of FastChat's file, one of a pair among them."""
    asking = "Rate the last answer from 1 to 10, in this form: [[5]]"
    talk = "{question_1}\n{answer_1}\n{question_2}\n{answer_2}\n"
    templates = {
        "single-v1": f"{{question}}\n{{answer}}\n{asking}",
        "single-math-v1": f"{{question}}\nReference: {{ref_answer_1}}\n{{answer}}\n{asking}",
        "single-v1-multi-turn": f"{talk}{asking}",
        "single-math-v1-multi-turn": f"References: {{ref_answer_1}}\n{{ref_answer_2}}\n{talk}{asking}",
        "pair-v2": "{question}{answer_a}{answer_b}",
    }
    rows = [
        {
            "name": name,
            "type": "single",
            "system_prompt": "",
            "prompt_template": template,
            "output_format": "[[rating]]",
        }
        for name, template in templates.items()
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that a refused command leaves on standard error."""
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    return line


def judgments_of(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "mt_bench" / "judgments.jsonl").read_text().splitlines()]


def command_line(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run ``python scripts/mt_bench.py`` in this process; return its exit status."""
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")  # so that what main sets is undone
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    monkeypatch.setattr(sys, "argv", ["mt_bench", *arguments])
    try:
        return mt_bench.main()
    except SystemExit as end:
        return end.code
