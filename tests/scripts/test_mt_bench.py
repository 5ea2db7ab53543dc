"""The command line of MT-Bench: the budget before anything is sent, the scores in every format, bad input."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import judging
from support.judging import by_turn, endpoint, error_line

IDS = [1001, 1005]  # writing, reasoning


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return judging.run_with_answers(tmp_path, IDS)


@pytest.fixture
def judge(run: Path, cache: Path, machine: dict, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Return a command line that judges ``run`` at an address; what the test says comes last."""

    def command(url: str, *more: str) -> int:
        where = [f"judge={run}", f"questions=[{','.join(map(str, IDS))}]", "data.root=embedded", f"cache={cache}"]
        settings = [f"judge.base_url={url}", "judge.model=tester", "judge.key_env=null"]
        return judging.command_line(monkeypatch, *where, *settings, *more)

    return command


def test_without_yes_the_budget_is_printed_and_nothing_sent(
    judge: Callable[..., int], run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with endpoint(by_turn) as server:
        assert judge(server.url, "judge.price={input: 10, output: 1000}") == 0
        assert server.bodies == []
    said = capsys.readouterr().out
    assert "requests: 4, of which 0 are cached and 4 are left" in said
    assert "at most 8,192 to write" in said
    assert "cost: at most about 8.2" in said
    assert "judge.yes=true" in said
    assert not (run / "mt_bench" / "judgments.jsonl").exists()


@pytest.mark.parametrize(
    ("kind", "fragment"),
    [
        ("text", "turn 1"),
        ("markdown", "| all | 6.00 ± 0.00 | 8.00 ± 0.00 | 7.00 ± 0.00 | 0 |"),
        ("latex", r"all & 6.00 +- 0.00 & 8.00 +- 0.00 & 7.00 +- 0.00 & 0 \\"),
        ("json", '"judge": "tester"'),
    ],
)
def test_the_scores_are_shown_in_every_format(
    kind: str, fragment: str, judge: Callable[..., int], run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with endpoint(by_turn) as server:
        assert judge(server.url, "judge.yes=true", f"format={kind}") == 0
    said = capsys.readouterr()
    assert fragment in said.out
    notes = said.out if kind == "text" else said.err  # a program reads the table alone
    assert "NOT MT-Bench" in notes and "written:" in notes and "requests: 4" in notes
    if kind == "json":
        assert json.loads(said.out) == json.loads((run / "mt_bench" / "judged.json").read_text())


REFUSED = {
    "no answers to some": ({"questions": "[1001,1002,1003]"}, ["lacks 2 of 3", "1002, 1003", "answer=RUN"]),
    "an unknown question": ({"questions": "[81]"}, ["questions=[81]", "1001 to 1016"]),
    "too many questions": ({"questions": "17"}, ["questions=17", "1 to 16"]),
    "no questions": ({"questions": "0"}, ["questions must be a whole number of at least 1", "got 0"]),
    "half a price": ({"judge.price": "{input: 3}"}, ["judge.price.output is missing"]),
    "a price in words": (
        {"judge.price": "{input: 3, output: much}"},
        ["judge.price.output must be a number, got much"],
    ),
    "no prompts": ({"judge.prompts": "/nowhere.jsonl"}, ["judge.prompts=/nowhere.jsonl", "prompt_template"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_line(
    case: str,
    run: Path,
    cache: Path,
    machine: dict,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    changed, fragments = REFUSED[case]
    given = {"judge": str(run), "questions": "[1001]", "data.root": "embedded", "cache": str(cache)} | changed
    arguments = [f"{key}={value}" if not key.startswith("-") else key for key, value in given.items()]
    assert judging.command_line(monkeypatch, *arguments) == 2
    line = error_line(capsys)
    assert all(fragment in line for fragment in fragments), line
    assert "secret" not in line
    assert [file.name for file in (run / "mt_bench").iterdir()] == ["answers.jsonl"]
