"""A judge that is a language model behind a real server. It is a weak one: what is tested is the path."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import judging

from benchmarks.mt_bench import judgments
from benchmarks.mt_bench.scores import Judged


@pytest.fixture(scope="module")
def server(
    machine: dict[str, str], smollm2: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """Serve SmolLM2 on loopback; gives the address and the model's name there."""
    place, directory = tmp_path_factory.mktemp("judge"), str(smollm2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", directory, *address]
    with (
        (place / "log").open("wb") as log,
        subprocess.Popen(command, env=machine, stdout=log, stderr=subprocess.STDOUT) as child,
    ):
        try:
            _wait(child, f"http://127.0.0.1:{port}/health", place / "log")
            yield f"http://127.0.0.1:{port}/v1", directory
        finally:
            child.kill()


def _wait(child: subprocess.Popen, address: str, log: Path) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and child.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    pytest.fail(f"the server did not come up: {log.read_text()[-2000:]}")


def test_a_question_of_each_category_is_judged_by_a_served_model(
    server: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, model = server
    numbers = range(1001, 1017, 2)
    run = judging.run_with_answers(tmp_path, numbers)
    short = judging.write_prompts(tmp_path / "prompts.jsonl")  # a long prompt takes a small machine seconds to read
    settings = [f"judge.base_url={url}", f"judge.model='{model}'", "judge.key_env=null", "judge.max_tokens=8"]
    asking = f"questions={list(numbers)}".replace(" ", "")
    where = [f"judge={run}", asking, f"judge.prompts={short}", "data.root=embedded", f"cache={tmp_path}/cache"]
    assert judging.command_line(monkeypatch, *where, *settings, "judge.at_once=2", "judge.yes=true") == 0
    made = judging.judgments_of(run)
    asked = {(number, turn) for number in numbers for turn in (1, 2)}
    assert len(made) == len(asked)
    assert {(row["question_id"], row["turn"]) for row in made} == asked
    assert all(row["text"] and row["prompt_tokens"] > 30 and 0 < row["completion_tokens"] <= 8 for row in made)
    assert {row["served_by"] for row in made} == {f"{model}@main"}
    judged = Judged.model_validate_json((run / "mt_bench" / "judged.json").read_bytes())
    assert (judged.questions, judged.judgments, len(judged.categories)) == (8, 16, 8)
    assert judged.unscored == sum(judgments.rating(row["text"]) is None for row in made)
