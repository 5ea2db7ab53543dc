"""Judging by real HTTP: cache, repeats, limits, and every way in which an endpoint fails."""

import hashlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from support import judging
from support.judging import by_turn, completion, endpoint, error_line, judgments_of, run_with_answers
from support.record_factory import make_record, save

from benchmarks.mt_bench import folder
from benchmarks.mt_bench.folder import Answer
from benchmarks.mt_bench.scores import Judged
from benchmarks.records import store

IDS = [1001, 1005, 1007, 1009]  # writing, reasoning, math, coding
ROOT = Path(__file__).parents[3]
Judge = Callable[..., int]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_with_answers(tmp_path, IDS)


@pytest.fixture
def judge(run: Path, cache: Path, machine: dict, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Return a command line that judges ``run`` at an address; what the test says comes last."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    questions = f"questions=[{','.join(map(str, IDS))}]"

    def command(url: str, *more: str) -> int:
        settings = [f"judge.base_url={url}", "judge.model=tester", "judge.retries=1", "judge.timeout=10"]
        where = [f"judge={run}", questions, "data.root=embedded", f"cache={cache}"]
        return judging.command_line(monkeypatch, *where, *settings, "judge.key_env=null", "judge.yes=true", *more)

    return command


def judged(run: Path) -> Judged:
    return Judged.model_validate_json((run / "mt_bench" / "judged.json").read_bytes())


def test_the_record_has_the_scores_in_short(judge: Judge, run: Path, tmp_path: Path) -> None:
    (record,) = save(tmp_path / "results", make_record("alpaca", primary="log_likelihood", best=-1.25))
    place = store.folder_of(record)
    place.parent.mkdir(parents=True)
    run.rename(place)
    with endpoint(lambda _, body: completion(f"[[{1 + len(body['messages'][-1]['content']) % 10}]]")) as server:
        assert judge(server.url, f"judge={place}") == 0
    scores, kept = judged(place).scores, store.read(record).mt_bench
    assert (kept.turn_1, kept.turn_1_error) == (scores.first.median, scores.first.standard_error)
    assert (kept.both_turns, kept.both_turns_error) == (scores.both.median, scores.both.standard_error)
    assert len({kept.turn_1, kept.turn_1_error, kept.both_turns, kept.both_turns_error}) == 4


def test_both_turns_of_each_question_are_judged(judge: Judge, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with endpoint(by_turn) as server:
        assert judge(server.url) == 0
    assert len(server.bodies) == 2 * len(IDS)
    assert {(body["model"], body["temperature"], body["max_tokens"]) for body in server.bodies} == {("tester", 0, 2048)}
    with_reference = [body for body in server.bodies if "<reference" in body["messages"][-1]["content"]]
    assert len(with_reference) == 6
    scored = judged(run)
    assert (scored.scores.first.median, scored.scores.second.median, scored.scores.both.median) == (6, 8, 7)
    assert list(scored.categories) == ["writing", "reasoning", "math", "coding"]
    assert (scored.questions, scored.judgments, scored.unscored, scored.served_by) == (4, 8, 0, ["tester-2024"])
    assert (scored.prompt_tokens, scored.completion_tokens) == (800, 80)
    assert scored.prompts.name == "the suite's own"
    out = capsys.readouterr().out
    assert "turn 1" in out
    assert "NOT MT-Bench" in out


def test_what_was_judged_is_not_asked_again(judge: Judge, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with endpoint(by_turn) as server:
        assert judge(server.url) == 0
        first = judged(run)
        (run / "mt_bench" / "judged.json").unlink()
        assert judge(server.url, "judge.yes=false") == 0  # nothing is left to pay for
        assert len(server.bodies) == 8
        again = judged(run)
        assert again.scores == first.scores
        assert "8 are cached and 0 are left" in capsys.readouterr().out
        assert judge(server.url, "judge.model=another") == 0
        assert len(server.bodies) == 16
        answers = folder.read_answers(run / "mt_bench")
        changed = Answer(question_id=1009, turns=(answers[1009].turns[0], "Another answer."))
        folder.write_answers(run / "mt_bench", (answers | {1009: changed}).values())
        assert judge(server.url) == 0
        assert len(server.bodies) == 17  # the second turn of one question


def test_repeats_give_the_median_and_the_swing(judge: Judge, run: Path) -> None:
    seen: dict[str, int] = {}

    def drifting(number: int, body: dict) -> tuple:
        text = body["messages"][-1]["content"]
        seen[text] = seen.get(text, 0) + 1
        return completion(f"[[{(5, 9, 6)[seen[text] - 1]}]]")

    with endpoint(drifting) as server:
        assert judge(server.url, "judge.at_once=1") == 0
        assert judge(server.url, "judge.at_once=1", "judge.repeats=3") == 0
    assert len(server.bodies) == 3 * 8  # the first repeat was there
    score = judged(run).scores.first
    assert (score.means, score.median, score.swing) == ([5, 9, 6], 6, 4)
    assert score.standard_error == 0


def test_a_text_without_a_score_is_kept_counted_and_never_guessed(
    judge: Judge, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["I would say seven.", "[[11]]", None, "[[5.5]]", "so a[0] = 1", "Rating: [9]", "[[4]]", "[[0]]"]
    with endpoint(lambda number, body: completion(texts[number - 1], "length")) as server:
        assert judge(server.url, "judge.at_once=1") == 0
    scored = judged(run)
    assert (scored.judgments, scored.unscored, scored.cut) == (8, 6, 8)
    assert scored.scores.both.means == [pytest.approx((5.5 + 4) / 2)]
    assert [row["text"] for row in judgments_of(run)] == [text or "" for text in texts]
    assert "6 of 8 judgments give no score" in capsys.readouterr().out


def test_no_more_requests_are_under_way_than_allowed(judge: Judge) -> None:
    with endpoint(by_turn, seconds=0.15) as server:
        assert judge(server.url, "judge.at_once=3") == 0
    assert server.most_under_way == 3


def test_a_server_that_fails_once_is_asked_again(judge: Judge, run: Path) -> None:
    def failing(number: int, body: dict) -> tuple:
        return (500, {}, b"{}") if number == 3 else by_turn(number, body)

    with endpoint(failing) as server:
        assert judge(server.url, "judge.at_once=1") == 0
    assert len(server.bodies) == 9
    assert judged(run).judgments == 8


def test_a_rate_limit_is_waited_for_as_long_as_it_says(judge: Judge, run: Path) -> None:
    def limiting(number: int, body: dict) -> tuple:
        return (429, {"Retry-After": "1.2"}, b"{}") if number == 1 else by_turn(number, body)

    with endpoint(limiting) as server:
        assert judge(server.url, "judge.at_once=1") == 0
    assert len(server.bodies) == 9
    assert server.times[1] - server.times[0] >= 1.2  # its own back-off would be at most 0.5
    assert judged(run).judgments == 8


# (what the endpoint sends from its third request on, more settings, what the line must hold, requests that follow)
ENDS = {
    "failing": ((500, {}, b'{"error": {"message": "boom"}}'), [], ["failed 2 times", "boom"], 2),
    "limiting": ((429, {"Retry-After": "0.01"}, b"{}"), [], ["limits its requests", "judge.at_once", "later"], 2),
    "refusing the key": ((401, {}, b'{"error": {"message": "bad key"}}'), [], ["refuses the key", "bad key"], 1),
    "without the model": ((404, {}, b"{}"), [], ["does not have judge.model=tester", "judge.base_url"], 1),
}


@pytest.mark.parametrize("case", ENDS)
def test_a_judge_that_fails_for_good_is_one_line_and_the_same_command_goes_on(
    case: str, judge: Judge, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reply, more, fragments, requests = ENDS[case]
    down = threading.Event()
    down.set()

    def ending(number: int, body: dict) -> tuple:
        return reply if down.is_set() and number > 2 else by_turn(number, body)

    with endpoint(ending) as server:
        assert judge(server.url, "judge.at_once=1", *more) == 2
        line = error_line(capsys)
        assert all(fragment in line for fragment in [*fragments, server.url, "2 judgments came", "judgments.jsonl"])
        assert len(server.bodies) == 2 + requests
        assert not (run / "mt_bench" / "judged.json").exists()
        down.clear()
        assert judge(server.url, "judge.at_once=1", *more) == 0
        assert len(server.bodies) == 2 + requests + 6  # what came was not asked again
    assert judged(run).judgments == 8


@pytest.mark.parametrize(
    ("reply", "fragment"),
    [
        ((200, {"Content-Type": "text/html"}, b"<html>Sign in</html>"), "<html>Sign in</html>"),
        ((200, {}, b'{"choices": ['), "choices"),
        ((200, {}, b'{"model": "m", "choices": []}'), "is not a chat completion"),
        ((400, {}, b'{"error": {"message": "too long"}}'), "too long"),
    ],
)
def test_one_request_that_fails_leaves_the_others(
    reply: tuple, fragment: str, judge: Judge, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with endpoint(lambda number, body: reply if number == 3 else by_turn(number, body)) as server:
        assert judge(server.url, "judge.at_once=1") == 2
        line = error_line(capsys)
        assert all(
            part in line for part in [fragment, "question 1005, turn 1", "1 of 8 requests failed", "7 judgments"]
        )
        assert len(judgments_of(run)) == 7
        assert judge(server.url) == 0
    assert len(server.bodies) == 9


@pytest.mark.parametrize("reason", ["error", "tool_calls", "abort"])
def test_a_reply_that_broke_off_is_asked_for_again(
    reason: str, judge: Judge, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaking(number: int, body: dict) -> tuple:
        return completion("So far [[1]]", reason) if number == 3 else by_turn(number, body)

    with endpoint(breaking) as server:
        assert judge(server.url, "judge.at_once=1") == 2
        line = error_line(capsys)
        assert f"broke off its reply to question 1005, turn 1 (finish_reason {reason})" in line
        assert "1 of 8 requests failed, 7 judgments" in line
        assert judge(server.url) == 0
    assert len(server.bodies) == 9
    assert judged(run).scores.first.means == [6]


def test_a_reply_that_broke_off_and_is_in_the_file_is_asked_for_again(judge: Judge, run: Path) -> None:
    file = run / "mt_bench" / "judgments.jsonl"
    with endpoint(by_turn) as server:
        assert judge(server.url, "judge.at_once=1") == 0
        file.write_text(file.read_text().replace('"finish_reason": "stop"', '"finish_reason": "error"', 1))
        assert judge(server.url) == 0
        assert len(server.bodies) == 9
        assert judge(server.url) == 0
        assert len(server.bodies) == 9
    assert judged(run).judgments == 8


def test_a_judge_that_wants_another_name_of_the_limit_is_asked_with_it(judge: Judge, run: Path) -> None:
    said = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    error = {"message": said, "type": "invalid_request_error", "param": "max_tokens", "code": "unsupported_parameter"}

    def newer(number: int, body: dict) -> tuple:
        return (400, {}, json.dumps({"error": error}).encode()) if "max_tokens" in body else by_turn(number, body)

    with endpoint(newer) as server:
        assert judge(server.url, "judge.at_once=1") == 0
        assert len(server.bodies) == 9  # the first request was refused, and not paid for
        assert [body.get("max_completion_tokens") for body in server.bodies] == [None] + [2048] * 8
        assert judge(server.url) == 0
        assert len(server.bodies) == 9
    with endpoint(newer) as server:
        assert judge(server.url, "judge.at_once=4") == 0
    assert sum("max_completion_tokens" in body for body in server.bodies) == 8
    assert judged(run).judgments == 8


def test_a_judge_that_cannot_have_a_setting_is_asked_once(judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    said = "'temperature' does not support 0 with this model. Only the default (1) value is supported."
    error = {"message": said, "param": "temperature", "code": "unsupported_value"}
    with endpoint(lambda number, body: (400, {}, json.dumps({"error": error}).encode())) as server:
        assert judge(server.url, "judge.at_once=1") == 2
    line = error_line(capsys)
    assert "judge.temperature=0.0" in line and said in line.replace('"', "'")
    assert len(server.bodies) == 1


def test_a_limit_that_is_too_large_is_not_another_name(judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    error = {"message": "max_tokens is too large: 2048", "param": "max_tokens", "code": None}
    with endpoint(lambda number, body: (400, {}, json.dumps({"error": error}).encode())) as server:
        assert judge(server.url, "judge.at_once=1") == 2
    assert "max_tokens is too large" in error_line(capsys)
    assert len(server.bodies) == 8


def test_a_completion_without_a_model_is_a_judgment(judge: Judge, run: Path) -> None:
    with endpoint(lambda number, body: completion("[[7]]", model=None)) as server:
        assert judge(server.url) == 0
    assert len(server.bodies) == 8
    assert (judged(run).scores.both.median, judged(run).served_by) == (7, ["unnamed"])


def test_of_two_commands_on_one_run_the_second_waits_and_pays_nothing(
    judge: Judge, run: Path, cache: Path, machine: dict[str, str]
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def waiting(number: int, body: dict) -> tuple:
        begun.set()
        go_on.wait(60)
        return by_turn(number, body)

    with endpoint(waiting) as server:
        judge(server.url, "judge.yes=false")  # leaves the questions in the cache
        settings = ["judge.model=tester", "judge.key_env=null", "judge.yes=true", f"judge.base_url={server.url}"]
        where = [f"judge={run}", f"questions={IDS}".replace(" ", ""), "data.root=embedded", f"cache={cache}"]
        command = [sys.executable, "-u", "scripts/mt_bench.py", *where, *settings]
        piped = {"cwd": ROOT, "env": machine, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, **piped) as first:
            assert begun.wait(60)
            with subprocess.Popen(command, **piped) as second:
                said = [second.stdout.readline() for _ in range(4)]
                go_on.set()
                assert "another command is judging this run" in said[-1]
                assert (first.wait(60), second.wait(60)) == (0, 0)
                assert "turn 1" in second.stdout.read()
    assert len(server.bodies) == 8
    assert len(judgments_of(run)) == 8


def test_what_a_filter_refuses_is_a_judgment_without_a_score(judge: Judge, run: Path) -> None:
    refused = (400, {}, b'{"error": {"message": "not for me", "code": "content_filter"}}')
    with endpoint(lambda number, body: refused if number == 3 else by_turn(number, body)) as server:
        assert judge(server.url, "judge.at_once=1") == 0
    assert (judged(run).judgments, judged(run).unscored) == (8, 1)
    (kept,) = [row for row in judgments_of(run) if row["finish_reason"] == "content_filter"]
    assert "not for me" in kept["text"]


def test_a_reply_without_what_no_score_needs_is_a_judgment(judge: Judge, run: Path) -> None:
    content = [{"type": "text", "text": "Rating: "}, {"type": "text", "text": "[[7]]"}]
    bare = {"choices": [{"message": {"content": content}}], "usage": {"prompt_tokens": 5}}
    with endpoint(lambda number, body: (200, {}, json.dumps(bare).encode())) as server:
        assert judge(server.url) == 0
    assert (judged(run).scores.first.median, judged(run).completion_tokens) == (7, None)


def test_a_temperature_is_a_number_however_it_is_written(judge: Judge) -> None:
    with endpoint(by_turn) as server:
        assert judge(server.url, "judge.temperature=0") == 0
        assert judge(server.url, "judge.temperature=0.0") == 0
    assert len(server.bodies) == 8


def test_a_slow_judge_is_one_line(judge: Judge, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with endpoint(by_turn, seconds=1.0) as server:
        assert judge(server.url, "judge.timeout=0.2", "judge.at_once=1") == 2
    assert "was silent for judge.timeout=0.2 seconds, 2 times" in error_line(capsys)
    assert len(server.bodies) == 2


def test_a_judge_that_is_down_is_one_line(judge: Judge, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:  # a port where nothing listens
        taken.bind(("127.0.0.1", 0))
        assert judge(f"http://127.0.0.1:{taken.getsockname()[1]}/v1") == 2
    line = error_line(capsys)
    assert "cannot be reached" in line
    assert "judge.base_url" in line
    assert len((run / "mt_bench" / "answers.jsonl").read_text().splitlines()) == len(IDS)


def test_half_a_line_of_a_kill_is_told_of_and_judged_again(
    judge: Judge, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = run / "mt_bench" / "judgments.jsonl"
    with endpoint(by_turn) as server:
        assert judge(server.url) == 0
        before = file.read_bytes()
        file.write_bytes(before[:-40])
        assert judge(server.url, "judge.yes=false") == 0
        assert "half a judgment" in capsys.readouterr().out
        assert file.read_bytes() == before[:-40]  # nothing is touched without yes
        assert judge(server.url) == 0
        assert len(server.bodies) == 9
    assert len(judgments_of(run)) == 8
    assert file.read_bytes().startswith(before[: before[:-1].rfind(b"\n")])


def test_after_a_kill_nothing_is_paid_for_twice(judge: Judge, run: Path, cache: Path, machine: dict[str, str]) -> None:
    file = run / "mt_bench" / "judgments.jsonl"
    with endpoint(by_turn, seconds=0.3) as server:
        judge(server.url, "judge.yes=false")  # leaves the questions in the cache
        settings = ["judge.model=tester", "judge.key_env=null", "judge.at_once=1", "judge.yes=true"]
        where = [f"judge={run}", f"questions={IDS}".replace(" ", ""), "data.root=embedded", f"cache={cache}"]
        command = [sys.executable, "scripts/mt_bench.py", *where, *settings, f"judge.base_url={server.url}"]
        with subprocess.Popen(command, cwd=ROOT, env=machine, stdout=subprocess.DEVNULL) as child:
            while not file.exists() or file.read_bytes().count(b"\n") < 3:
                assert child.poll() is None
                time.sleep(0.01)
            child.kill()
        assert child.returncode == -signal.SIGKILL
        came, sent = len(judgments_of(run)), len(server.bodies)
        assert 3 <= came < 8
        assert sent <= came + 1  # the one that was under way
        assert judge(server.url) == 0
        assert len(server.bodies) == sent + 8 - came
    assert len(judgments_of(run)) == 8


def test_the_key_comes_from_the_variable_that_is_named(
    judge: Judge, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with endpoint(by_turn) as server:
        assert judge(server.url, "judge.key_env=MY_KEY") == 2
        assert "set MY_KEY" in error_line(capsys)
        assert server.bodies == []
        monkeypatch.setenv("MY_KEY", "sesame")
        assert judge(server.url, "judge.key_env=MY_KEY") == 0
        monkeypatch.setenv("MY_KEY", "sesame\r\n")  # of a file with the ends of lines of Windows
        assert judge(server.url, "judge.key_env=MY_KEY", "judge.model=other") == 0
        capsys.readouterr()
        monkeypatch.setenv("MY_KEY", "ses\tame")
        assert judge(server.url, "judge.key_env=MY_KEY", "judge.model=third") == 2
        line = error_line(capsys)
    assert "MY_KEY" in line and "ame" not in line.replace("same", "").replace("name", "")
    assert set(server.keys) == {"Bearer sesame"}


KEY = 'sesame/"open'  # JSON and addresses write two of its characters in another way
ECHOES = {
    "in an error": lambda key: (401, {}, json.dumps({"error": {"message": f"no such key: {key}"}}).encode()),
    "in a refusal": lambda key: (400, {}, json.dumps({"error": {"message": f"what is {key}?"}}).encode()),
    "across the end of what is shown": lambda key: (200, {}, b"x" * 74 + json.dumps(key)[1:].encode()),
    "in an address": lambda key: (404, {}, json.dumps({"error": {"message": f"no /{quote(key, safe='')}"}}).encode()),
}


@pytest.mark.parametrize("case", ECHOES)
def test_a_key_that_the_server_sends_back_is_in_no_message(
    case: str, judge: Judge, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with endpoint(lambda number, body: ECHOES[case](KEY)) as server:
        assert judge(server.url, "judge.key_env=MY_KEY") == 2
    line = error_line(capsys)
    assert "sesame" not in line
    assert "***" in line
    assert set(server.keys) == {f"Bearer {KEY}"}


def test_a_key_that_the_server_sends_back_is_in_no_file(
    judge: Judge, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    refused = {"error": {"message": f"not for {KEY}", "code": "content_filter"}}

    def echo(number: int, body: dict) -> tuple:
        text = f"You are {KEY}: [[6]]"
        return (400, {}, json.dumps(refused).encode()) if number == 3 else completion(text, model=f"of {KEY}")

    with endpoint(echo) as server:
        assert judge(server.url, "judge.key_env=MY_KEY", "judge.at_once=1") == 0
    files = [file for file in run.rglob("*") if file.is_file()]
    assert {"judgments.jsonl", "judged.json"} <= {file.name for file in files}
    assert all(b"sesame" not in file.read_bytes() for file in files)
    assert judgments_of(run)[0]["text"] == "You are ***: [[6]]"
    assert judged(run).scores.both.median == 6


@pytest.mark.parametrize("key", ["6", "none"])
def test_a_made_up_key_of_a_server_without_keys_is_a_word_as_others(
    key: str, judge: Judge, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", key)
    with endpoint(lambda number, body: completion("It has none of them: [[6]]")) as server:
        assert judge(server.url, "judge.key_env=MY_KEY") == 0
    assert judged(run).scores.both.median == 6
    assert judgments_of(run)[0]["text"] == "It has none of them: [[6]]"


def test_without_the_package_one_line_says_how_to_get_it(
    judge: Judge, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)  # as Python marks a module that cannot be imported
    assert judge("http://127.0.0.1:9/v1") == 2
    assert "editable '.[judge]'" in error_line(capsys)


def test_a_file_of_prompts_is_used_and_recorded(judge: Judge, run: Path, tmp_path: Path) -> None:
    file = judging.write_prompts(tmp_path / "judge_prompts.jsonl")
    with endpoint(lambda number, body: completion("[[3]]")) as server:
        assert judge(server.url, f"judge.prompts={file}", "judge.at_once=1") == 0
    (message,) = server.bodies[0]["messages"]  # an empty system prompt is not sent
    assert message["role"] == "user"
    assert message["content"].endswith("\nIt is 1001.\nRate the last answer from 1 to 10, in this form: [[5]]")
    assert judged(run).prompts.name == "judge_prompts.jsonl"
    assert judged(run).prompts.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
