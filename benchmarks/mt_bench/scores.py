"""Scores from a judge's ratings: the mean of each turn and of both, and how much repeated judgings differ."""

import statistics
from collections import defaultdict
from collections.abc import Iterable

from benchmarks.markup import Column, text_column
from benchmarks.mt_bench.judgments import Judgment
from benchmarks.mt_bench.questions import Question
from benchmarks.records.schema import Typed


class Score(Typed):
    """Ratings from 1 to 10 over ``questions``; None where there is nothing to compute a figure from.

    ``means`` has the mean of each repeat over all rated turns, as in FastChat; ``median`` and ``swing`` (largest minus
    smallest) are of those means. ``standard_error`` is over questions, each with the mean of its ratings. ``unscored``
    counts the judgments without a rating, which no mean includes.
    """

    median: float | None
    swing: float | None
    standard_error: float | None
    means: list[float | None]
    questions: int
    unscored: int


class Turns(Typed):
    """The first turn, which papers report, the second, and both."""

    first: Score
    second: Score
    both: Score


class Prompting(Typed):
    """Which file of prompts the judge was given."""

    name: str
    sha256: str


class Judged(Typed):
    """A run's MT-Bench as one judge scored it: the content of judged.json.

    ``fingerprint`` is of the questions, ``answers_sha256`` of the answer file. ``served_by`` has the models that the
    replies named. Tokens are summed over all judgments, cached ones included; None where some reply did not count them.
    ``cut`` counts the judgments that ended at ``max_tokens``.
    """

    judge: str
    base_url: str
    served_by: list[str]
    prompts: Prompting
    repeats: int
    temperature: float
    max_tokens: int
    source: str
    dataset: str
    fingerprint: str
    answers_sha256: str
    questions: int
    judgments: int
    unscored: int
    cut: int
    prompt_tokens: int | None
    completion_tokens: int | None
    scores: Turns
    categories: dict[str, Turns]
    judged_at: str


def turns(judged: Iterable[Judgment], repeats: int) -> Turns:
    """Return the scores of judgments by turn."""
    both = list(judged)
    first, second = ([judgment for judgment in both if judgment.turn == turn] for turn in (1, 2))
    return Turns(first=_score(first, repeats), second=_score(second, repeats), both=_score(both, repeats))


def by_category(judged: list[Judgment], questions: list[Question], repeats: int) -> dict[str, Turns]:
    """Return the scores of each category, in the order of the questions."""
    category_of = {question.id: question.category for question in questions}
    judged_in: dict[str, list[Judgment]] = {category: [] for category in category_of.values()}
    for judgment in judged:
        judged_in[category_of[judgment.question_id]].append(judgment)
    return {category: turns(judgments, repeats) for category, judgments in judged_in.items()}


def _score(judged: list[Judgment], repeats: int) -> Score:
    rated = [judgment for judgment in judged if judgment.rating is not None]
    means = [_mean(judgment.rating for judgment in rated if judgment.repeat == repeat + 1) for repeat in range(repeats)]
    known = [mean for mean in means if mean is not None]
    ratings_of = defaultdict(list)
    for judgment in rated:
        ratings_of[judgment.question_id].append(judgment.rating)
    by_question = [statistics.fmean(ratings) for ratings in ratings_of.values()]
    return Score(
        median=statistics.median(known) if known else None,
        swing=max(known) - min(known) if len(known) > 1 else None,
        standard_error=statistics.stdev(by_question) / len(by_question) ** 0.5 if len(by_question) > 1 else None,
        means=means,
        questions=len(by_question),
        unscored=len(judged) - len(rated),
    )


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return statistics.fmean(known) if known else None


def columns(judged: Judged) -> list[Column]:
    """Return the scores as columns: a line for all questions, then one for each category, ± the error over questions.

    Where answers were judged repeatedly there are columns for how much the judgings differ.
    """
    lines = {"all": judged.scores, **judged.categories}
    shown = [text_column("questions", list(lines))]
    shown.append(Column("turn 1", [_cell(turns.first) for turns in lines.values()]))
    shown.append(Column("turn 2", [_cell(turns.second) for turns in lines.values()]))
    shown.append(Column("both", [_cell(turns.both) for turns in lines.values()]))
    if judged.repeats > 1:
        shown.append(Column("swing of turn 1", [_number(turns.first.swing) for turns in lines.values()]))
        shown.append(Column("swing of both", [_number(turns.both.swing) for turns in lines.values()]))
    return [*shown, Column("unscored", [str(turns.both.unscored) for turns in lines.values()])]


def _cell(score: Score) -> str:
    error = "" if score.standard_error is None else f" ± {score.standard_error:.2f}"
    return _number(score.median) + error


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
