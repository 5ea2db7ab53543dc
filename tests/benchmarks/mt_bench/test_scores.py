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
        ("[[11]] or [5]", None),  # the first [[n]] decides, though it is no score
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
    found = scores.turns(MADE, repeats=2)
    assert found.first.means == [6, 7]
    assert (found.first.median, found.first.swing, found.first.questions, found.first.unscored) == (6.5, 1, 2, 2)
    assert found.first.standard_error == pytest.approx(statistics.stdev([4.5, 8.5]) / 2**0.5)
    assert found.second.means == [6, 6]
    assert found.second.unscored == 1
    # As FastChat: over all rated turns, not the mean of the two turns' means.
    assert found.both.means == [pytest.approx((4 + 8 + 2 + 6 + 10) / 5), pytest.approx((5 + 9 + 2 + 10) / 4)]
    of_question = [(4 + 2 + 5 + 2) / 4, (8 + 6 + 9) / 3, 10]
    assert found.both.standard_error == pytest.approx(statistics.stdev(of_question) / 3**0.5)


def test_what_no_judgment_scores_has_no_mean() -> None:
    found = scores.turns([judgment(1, 1, 1, None), judgment(1, 2, 1, None)], repeats=1).both
    assert (found.median, found.swing, found.standard_error, found.means) == (None, None, None, [None])
    assert (found.questions, found.unscored) == (0, 2)


def test_a_repeat_without_a_score_is_in_no_median() -> None:
    found = scores.turns([judgment(1, 1, 1, 3), judgment(1, 1, 2, None), judgment(1, 1, 3, 4)], repeats=3).first
    assert (found.means, found.median, found.swing) == ([3, None, 4], 3.5, 1)


def test_a_category_has_its_own_questions() -> None:
    kinds = {1: "math", 2: "stem", 3: "math"}
    questions = [Question(number, kind, ("a", "b"), None) for number, kind in kinds.items()]
    found = scores.by_category(MADE, questions, repeats=2)
    assert list(found) == ["math", "stem"]
    assert found["math"].first.means == [4, 5]
    assert found["stem"].both.means == [7, 9]


def test_judgments_are_read_back_as_they_were_added(tmp_path: Path) -> None:
    file = tmp_path / "run" / "judgments.jsonl"
    for one in MADE[:3]:
        judgments.append(file, one)
    kept = judgments.read(file)
    assert list(kept.judgments.values()) == MADE[:3]
    assert (kept.size, kept.torn) == (file.stat().st_size, False)
    assert judgments.read(tmp_path / "none").judgments == {}


def test_a_line_that_is_no_judgment_is_named(tmp_path: Path) -> None:
    file = tmp_path / "judgments.jsonl"
    judgments.append(file, MADE[0])
    with file.open("a") as opened:
        opened.write('{"key": "1"}\n')
    with pytest.raises(SuiteError, match=r"judgments.jsonl line 2 is no judgment \(Field required\): remove that line"):
        judgments.read(file)
