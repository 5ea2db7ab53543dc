"""Ratings read from texts, and what they come to, against values worked out by hand."""

import statistics
from pathlib import Path

import pytest

from benchmarks.errors import SuiteError
from benchmarks.mt_bench import judgments, scores
from benchmarks.mt_bench.judgments import Judgment
from benchmarks.mt_bench.questions import Question


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("Rating: [[7]]", 7),
        ("[[8.5]] and not [[2]]", 8.5),
        ("[3] is what I said first, [[6]] what I mean", 6),
        ("Rating: [9], of nums[1]", None),  # FastChat takes it
        ("[[10]]", 10),
        ("[[7.]]", 7),
        ("[[1]]", 1),
        ("[[0]]", None),
        ("[[10.5]]", None),
        ("[[11]] or [5]", None),  # the first [[n]] decides, though it is not a score
        ("[[ 7 ]]", None),
        ("[[-3]]", None),
        ("[[seven]]", None),
        ("7/10", None),
        ("", None),
    ],
)
def test_a_rating_is_the_first_in_double_brackets_and_must_be_1_to_10(text: str, rating: float | None) -> None:
    assert judgments.rating(text) == rating


def judgment(question: int, turn: int, repeat: int, rating: float | None) -> Judgment:
    text = "none" if rating is None else f"[[{rating}]]"
    return Judgment(
        key=f"{question}-{turn}-{repeat}",
        question_id=question,
        turn=turn,
        repeat=repeat,
        prompt="single-v1",
        judge="j",
        base_url="u",
        served_by="j",
        text=text,
        finish_reason="stop",
        prompt_tokens=1,
        completion_tokens=1,
        judged_at="2024-01-01T00:00:00+00:00",
    )


MADE = [
    judgment(1, 1, 1, 4),
    judgment(2, 1, 1, 8),
    judgment(3, 1, 1, None),
    judgment(1, 2, 1, 2),
    judgment(2, 2, 1, 6),
    judgment(3, 2, 1, 10),
    judgment(1, 1, 2, 5),
    judgment(2, 1, 2, 9),
    judgment(3, 1, 2, None),
    judgment(1, 2, 2, 2),
    judgment(2, 2, 2, None),
    judgment(3, 2, 2, 10),
]


def test_means_are_over_what_has_a_score_and_the_error_over_questions() -> None:
    turns = scores.turns(MADE, repeats=2)
    assert turns.first.means == [6, 7]
    assert (turns.first.median, turns.first.swing, turns.first.questions, turns.first.unscored) == (6.5, 1, 2, 2)
    assert turns.first.standard_error == pytest.approx(statistics.stdev([4.5, 8.5]) / 2**0.5)
    assert turns.second.means == [6, 6]
    assert turns.second.unscored == 1
    # As in FastChat: over all rated turns, not the mean of the two turns' means.
    assert turns.both.means == [pytest.approx((4 + 8 + 2 + 6 + 10) / 5), pytest.approx((5 + 9 + 2 + 10) / 4)]
    of_question = [(4 + 2 + 5 + 2) / 4, (8 + 6 + 9) / 3, 10]
    assert turns.both.standard_error == pytest.approx(statistics.stdev(of_question) / 3**0.5)


def test_what_no_judgment_scores_has_no_mean() -> None:
    score = scores.turns([judgment(1, 1, 1, None), judgment(1, 2, 1, None)], repeats=1).both
    assert (score.median, score.swing, score.standard_error, score.means) == (None, None, None, [None])
    assert (score.questions, score.unscored) == (0, 2)


def test_a_repeat_without_a_score_is_in_no_median() -> None:
    score = scores.turns([judgment(1, 1, 1, 3), judgment(1, 1, 2, None), judgment(1, 1, 3, 4)], repeats=3).first
    assert (score.means, score.median, score.swing) == ([3, None, 4], 3.5, 1)


def test_a_category_has_its_own_questions() -> None:
    kinds = {1: "math", 2: "stem", 3: "math"}
    questions = [Question(number, kind, ("a", "b"), None) for number, kind in kinds.items()]
    categories = scores.by_category(MADE, questions, repeats=2)
    assert list(categories) == ["math", "stem"]
    assert categories["math"].first.means == [4, 5]
    assert categories["stem"].both.means == [7, 9]


def test_judgments_are_read_back_as_they_were_added(tmp_path: Path) -> None:
    file = tmp_path / "run" / "judgments.jsonl"
    for one in MADE[:3]:
        judgments.append(file, one)
    kept = judgments.read(file)
    assert list(kept.judgments.values()) == MADE[:3]
    assert (kept.size, kept.torn) == (file.stat().st_size, False)
    assert judgments.read(tmp_path / "none").judgments == {}


def test_a_line_that_is_not_a_judgment_is_named(tmp_path: Path) -> None:
    file = tmp_path / "judgments.jsonl"
    judgments.append(file, MADE[0])
    with file.open("a") as opened:
        opened.write('{"key": "1"}\n')
    with pytest.raises(
        SuiteError, match=r"judgments.jsonl line 2 is not a judgment \(Field required\): remove that line"
    ):
        judgments.read(file)


def judged(repeats: int) -> scores.Judged:
    turns = scores.turns(MADE, repeats)
    facts = dict.fromkeys(("judge", "base_url", "source", "dataset", "fingerprint", "answers_sha256", "judged_at"), "x")
    counts = dict.fromkeys(("questions", "judgments", "unscored", "cut", "max_tokens"), 3)
    return scores.Judged(
        **facts,
        **counts,
        served_by=["x"],
        prompts=scores.Prompting(name="x", sha256="x"),
        repeats=repeats,
        temperature=0.0,
        prompt_tokens=None,
        completion_tokens=None,
        scores=turns,
        categories={"math": turns},
    )


def test_the_columns_have_a_line_for_all_and_for_each_category() -> None:
    once, twice = ({column.heading: column.cells for column in scores.columns(judged(n))} for n in (1, 2))
    assert list(once) == ["questions", "turn 1", "turn 2", "both", "unscored"]
    assert once["questions"] == ["all", "math"]
    assert twice["turn 1"][0] == "6.50 ± 2.00"
    assert twice["swing of turn 1"] == ["1.00", "1.00"]
    assert twice["unscored"] == ["3", "3"]
