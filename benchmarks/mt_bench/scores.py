"""What a judge's ratings come to: each turn's mean, both turns', and how far judgings of the same answers swing."""

import statistics
from collections import defaultdict
from collections.abc import Iterable

from rich import box
from rich.table import Table

from benchmarks.mt_bench.judgments import Judgment
from benchmarks.mt_bench.questions import Question
from benchmarks.records.schema import Typed


class Score(Typed):
    """Ratings of 1 to 10 over ``questions``; None where there is nothing to compute it of.

    ``means`` has each repeat's mean over all rated turns, as FastChat takes it; ``median`` and ``swing`` (largest minus
    smallest) are of those. ``standard_error`` is over questions, each with the mean of its ratings. ``unscored`` counts
    the judgments without a rating: they are in no mean.
    """

    median: float | None
    swing: float | None
    standard_error: float | None
    means: list[float | None]
    questions: int
    unscored: int


class Turns(Typed):
    """The first turn, as papers report, the second, and both."""

    first: Score
    second: Score
    both: Score


class Prompting(Typed):
    """Which file of prompts the judge was given."""

    name: str
    sha256: str


class Judged(Typed):
    """A run's MT-Bench as one judge gave it, in the file judged.json.

    ``fingerprint`` is of the questions, ``answers_sha256`` of the answer file. ``served_by`` has the models that the
    replies named. Tokens are those that the replies count, over all judgments, cached ones too; None where some reply
    counts none. ``cut`` counts the judgments that ended at ``max_tokens``.
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
    every = list(judged)
    first, second = ([judgment for judgment in every if judgment.turn == turn] for turn in (1, 2))
    return Turns(first=_score(first, repeats), second=_score(second, repeats), both=_score(every, repeats))


def by_category(judged: list[Judgment], questions: list[Question], repeats: int) -> dict[str, Turns]:
    """Return the scores of each category, in the order of the questions."""
    category_of = {question.id: question.category for question in questions}
    found = defaultdict(list)
    for question in questions:
        found[question.category]  # the order
    for judgment in judged:
        found[category_of[judgment.question_id]].append(judgment)
    return {category: turns(own, repeats) for category, own in found.items()}


def _score(judged: list[Judgment], repeats: int) -> Score:
    rated = [judgment for judgment in judged if judgment.rating is not None]
    means = [_mean(judgment.rating for judgment in rated if judgment.repeat == repeat + 1) for repeat in range(repeats)]
    there = [mean for mean in means if mean is not None]
    of_question = defaultdict(list)
    for judgment in rated:
        of_question[judgment.question_id].append(judgment.rating)
    own = [statistics.fmean(ratings) for ratings in of_question.values()]
    return Score(
        median=statistics.median(there) if there else None,
        swing=max(there) - min(there) if len(there) > 1 else None,
        standard_error=statistics.stdev(own) / len(own) ** 0.5 if len(own) > 1 else None,
        means=means,
        questions=len(own),
        unscored=len(judged) - len(rated),
    )


def _mean(values: Iterable[float]) -> float | None:
    there = list(values)
    return statistics.fmean(there) if there else None


def table(judged: Judged) -> Table:
    """Return the scores as a table: all questions, then each category; every cell ± its error over questions."""
    shown = Table("", "turn 1", "turn 2", "both", box=box.SIMPLE_HEAD)
    if judged.repeats > 1:
        shown.add_column("swing of turn 1")
        shown.add_column("swing of both")
    shown.add_column("unscored")
    for name, own in {"all": judged.scores, **judged.categories}.items():
        cells = [_cell(own.first), _cell(own.second), _cell(own.both)]
        if judged.repeats > 1:
            cells += [_number(own.first.swing), _number(own.both.swing)]
        shown.add_row(name, *cells, str(own.both.unscored))
    return shown


def _cell(score: Score) -> str:
    error = "" if score.standard_error is None else f" ± {score.standard_error:.2f}"
    return _number(score.median) + error


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
