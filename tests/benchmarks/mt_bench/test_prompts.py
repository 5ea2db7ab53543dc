"""The judge's prompts: the suite's own, a file in FastChat's format, and files that are neither."""

import json
from pathlib import Path

import pytest
from support import judging

from benchmarks.errors import SuiteError
from benchmarks.mt_bench import prompts
from benchmarks.mt_bench.folder import Answer
from benchmarks.mt_bench.questions import Question

PLAIN = Question(1, "stem", ("first {q}?", "second?"), None)
SUM = Question(2, "math", ("1 + 1?", "times 2?"), ("it is two", "it is four"))
ANSWER = Answer(question_id=1, turns=("one {braces} {0}", "another"))


def sent(question: Question, turn: int) -> str:
    return " ".join(message["content"] for message in prompts.messages(prompts.read(None), question, ANSWER, turn))


def test_the_first_turn_is_judged_alone() -> None:
    said = sent(PLAIN, 1)
    assert "first {q}?" in said
    assert "one {braces} {0}" in said
    assert "second?" not in said
    assert "another" not in said
    assert "[[5]]" in said


def test_the_second_turn_is_judged_with_the_whole_conversation() -> None:
    said = sent(PLAIN, 2)
    places = [
        said.index(text) for text in ("[[5]]", *[PLAIN.turns[0], ANSWER.turns[0]], *[PLAIN.turns[1], ANSWER.turns[1]])
    ]
    assert places == sorted(places)


def test_a_reference_stands_beside_the_turns_that_are_judged() -> None:
    assert "it is two" in sent(SUM, 1)
    assert "it is four" not in sent(SUM, 1)
    assert "it is two" in sent(SUM, 2)
    assert "it is four" in sent(SUM, 2)
    assert "reference" not in sent(PLAIN, 1) + sent(PLAIN, 2)


def test_the_four_prompts_go_by_reference_and_turn() -> None:
    names = [prompts.name_of(question, turn) for question in (PLAIN, SUM) for turn in (1, 2)]
    assert names == ["single-v1", "single-v1-multi-turn", "single-math-v1", "single-math-v1-multi-turn"]


def test_a_file_in_fastchats_format_is_read(tmp_path: Path) -> None:
    read = prompts.read(judging.write_prompts(tmp_path / "mine.jsonl"))
    assert read.name == "mine.jsonl"
    (message,) = prompts.messages(read, SUM, ANSWER, 1)
    assert message["content"].startswith("1 + 1?\nReference: it is two\none {braces} {0}\n")
    assert read.sha256 != prompts.read(None).sha256


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        (lambda rows: rows.pop(2), "lacks the prompt single-v1-multi-turn"),
        (
            lambda rows: rows[0].update(prompt_template="{question}"),
            "template of single-v1 must have exactly the fields {answer}, {question}",
        ),
        (
            lambda rows: rows[0].update(prompt_template="{question}{answer}{ref_answer_1}"),
            "must have exactly the fields",
        ),
        (lambda rows: rows[0].update(prompt_template="{question}{answer}{"), "must have exactly the fields"),
        (lambda rows: rows[1].update(output_format="[[A]]"), r"single-math-v1 asks for [[A]]"),
        (lambda rows: rows[0].pop("system_prompt"), "system_prompt"),
        (lambda rows: rows.append("text"), "each line is a JSON object"),
    ],
)
def test_a_file_that_lacks_what_is_needed_is_refused(change, fragment: str, tmp_path: Path) -> None:
    file = judging.write_prompts(tmp_path / "mine.jsonl")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    change(rows)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(SuiteError) as error:
        prompts.read(file)
    assert fragment in str(error.value)


def test_a_file_that_is_not_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text("name: single-v1\n")
    with pytest.raises(SuiteError, match="cannot be read"):
        prompts.read(tmp_path / "mine.jsonl")
