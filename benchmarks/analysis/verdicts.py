"""Whether each published score was reproduced by the runs that followed its recipe."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from benchmarks import conf
from benchmarks.analysis import intervals
from benchmarks.analysis.intervals import Interval
from benchmarks.analysis.measures import JUDGED, Measure, key_of, kind_of, of_exam
from benchmarks.analysis.sheets import flat
from benchmarks.papers import published, recipes
from benchmarks.papers.published import NO_TARGETS, NOT_STATED, Epoch, PublishedRow, PublishedScore
from benchmarks.records.schema import LOG_LIKELIHOOD, Record, Scores, Start, Typed
from benchmarks.tasks.scoring import shares
from benchmarks.training import job
from benchmarks.training.settings import JobSettings
from methods import declared

Ruling = Literal["reproduced", "within the spread", "not reproduced", "not comparable", "not run"]
_STATISTICS = {"mean": np.mean, "median": np.median}
_ENOUGH = 3  # differing settings that a reason names
_SAME_RESULT = ("accumulate", "gradient_checkpointing", "optimizer")

# A paper that does not say of which epoch its scores on dev are is taken to print the best.
_EPOCHS: dict[Epoch, Callable[[Scores], float]] = {
    "best": lambda scores: scores.best,
    NOT_STATED: lambda scores: scores.best,
    "last": lambda scores: scores.last,
    "held-out": lambda scores: scores.held_out,
}

Scored = tuple[float, Record]


class Verdict(Typed):
    """The verdict on one published score. ``measured`` and its interval, ``low`` to ``high``, are in the paper's unit.

    They are None where no runs compare. ``printed`` is the published score as the paper has it. ``reason`` says why
    runs do not compare, or what the interval is over.
    """

    source: str
    table: int | str
    backbone: str
    method: str
    targets: str
    rank: int | None
    variant: str | None
    run_by: str | None
    score: str
    printed: str
    published: float
    spread: float | None
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    runs: int
    ruling: Ruling
    reason: str

    @property
    def difference(self) -> float | None:
        """Return measured minus published."""
        return None if self.measured is None else self.measured - self.published


@dataclass(frozen=True)
class Recipe:
    """What a row's recipe asks of its runs on one task.

    ``points`` has the settings by dotted key at each point of the recipe's grid: a run may have those of any point.
    ``fingerprint`` is the backbone's, where conf/backbone has it. ``starts`` is how many runs on another task they
    begin from the best of; None where they begin from the backbone.
    """

    seeds: int
    backbone: str
    fingerprint: str | None
    points: list[dict[str, str]]
    starts: int | None


def verdicts(rows: Iterable[PublishedRow], records: Iterable[Record]) -> list[Verdict]:
    """Return a verdict on each score of each row that has an experiment, in their order; papers' averages have none."""
    by_setting = defaultdict(list)
    for record in records:
        if record.tuning is None:  # a run that was trained to choose learning rates follows no row's recipe
            by_setting[record.backbone.name, record.method].append(record)
    judged = [(row, score) for row in published.runnable(rows) for score in row.scored]
    return [_verdict(row, score, by_setting[row.backbone, row.method]) for row, score in judged]


def _verdict(row: PublishedRow, score: str, candidates: Sequence[Record]) -> Verdict:
    printed, task = row.scores[score], row.task_of(score)
    named = {"source", "table", "backbone", "method", "rank", "variant", "run_by"}
    facts: dict[str, Any] = row.model_dump(include=named)
    facts |= {"targets": row.target_names, "score": score, "printed": printed.printed}
    facts |= {"published": printed.value, "spread": printed.spread}
    if row.method not in conf.options("method"):
        return Verdict(**facts, runs=0, ruling="not run", reason=f"there is no method {row.method} here")
    runs = [run for run in candidates if run.task == task and run.targets in (row.target_names, NO_TARGETS)]
    if not runs:
        return Verdict(**facts, runs=0, ruling="not run", reason="no record")
    recipe = _recipe(tuple(recipes.overrides(row, task)))
    right, reasons = _sorted_out(runs, row, score, recipe)
    cells = [_scored(cell, row, score) for cell in _cells(right, recipe)]
    whole = [cell[: recipe.seeds] for cell in cells if len(cell) >= recipe.seeds]
    if not whole:
        most = max(map(len, cells), default=0)
        reason = f"{most} of {recipe.seeds} seeds" if most else _listed(reasons) or "the score is absent"
        return Verdict(**facts, runs=len(runs), ruling="not comparable", reason=reason)
    # A paper's single run, or a statistic that it does not name, is compared with our mean.
    name = "median" if row.statistic == "median" else "mean"
    best = max(whole, key=lambda cell: float(_STATISTICS[name]([value for value, _ in cell])))
    interval, over = _interval(best, name, row, score)
    if count := sum(run.collapsed is True for _, run in best):
        over += f"; {count} of {len(best)} answer one class alone, so the interval does not cover a {name}"
    by_epoch = _by_epoch(best[0][1])
    if row.epoch == NOT_STATED and by_epoch:
        over += "; the paper names no epoch, and ours are the best"
    ruling = _rule(interval, printed)
    if not row.settings_printed:
        ruling, over = "not comparable", "no paper prints this row's settings, so ours are a guess"
    elif row.epoch == "best" and not by_epoch:
        ruling, over = "not comparable", "the paper's score is of the best epoch, and ours of the last"
    facts |= {"measured": interval.value, "low": interval.low, "high": interval.high}
    return Verdict(**facts, runs=len(best), ruling=ruling, reason=over)


@cache  # since papers print each other's rows
def _recipe(overrides: tuple[str, ...]) -> Recipe:
    return recipe_of(job.read(conf.composed([*overrides])))


def recipe_of(settings: JobSettings) -> Recipe:
    """Return what a recipe's settings ask of its runs."""
    targets = settings.target_names() if declared.facts(settings.method["name"])["adapts_sites"] else []
    return Recipe(
        seeds=len(settings.seeds),
        backbone=settings.backbone.path,
        fingerprint=settings.backbone.fingerprint,
        points=[_settings(settings.run_config(point.method, targets)) for point in settings.points],
        starts=len(settings.start.points) if settings.start else None,
    )


def _sorted_out(
    runs: Sequence[Record], row: PublishedRow, score: str, recipe: Recipe
) -> tuple[list[Record], Counter[str]]:
    """Return the runs that followed a row's recipe, and how often each reason kept the others apart."""
    right, reasons = [], Counter()
    for run in runs:
        if differing := differences(run, row, score, recipe):
            more = f" and {len(differing) - _ENOUGH} more" if len(differing) > _ENOUGH else ""
            reasons[", ".join(differing[:_ENOUGH]) + more] += 1
        else:
            right.append(run)
    return right, reasons


def _listed(reasons: Counter[str]) -> str:
    return "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common())


def _rule(interval: Interval, printed: PublishedScore) -> Ruling:
    rounding = 0.5 * 10.0**-printed.decimals  # half a unit of the last printed digit
    if interval.low - rounding <= printed.value <= interval.high + rounding:
        return "reproduced"
    near = printed.spread is not None and abs(interval.value - printed.value) <= printed.spread + rounding
    return "within the spread" if near else "not reproduced"


def _interval(cell: Sequence[Scored], name: str, row: PublishedRow, score: str) -> tuple[Interval, str]:
    """Return the interval of the scores, and what it is over: seeds, or the examples of a single seed."""
    if len(cell) > 1:
        values = np.array([value for value, _ in cell])
        unnamed = "; the paper names no statistic" if row.statistic == NOT_STATED else ""
        return intervals.over_seeds(values, _STATISTICS[name]), f"{name} over {len(cell)} seeds{unnamed}"
    ((value, run),) = cell
    if score in run.exams:
        from benchmarks.tasks.scoring.maths import scores as maths  # here: it loads sympy

        exam = run.exams[score]
        right = np.array(maths.score(exam.predictions, exam.answers, exam.kind)[row.extractor]["verdicts"], dtype=float)
        low, high = (100 * end for end in shares.wilson(float(right.mean()), len(right)))
        return Interval(100 * float(right.mean()), low, high), f"one seed, over {len(right):,} questions"
    error = _measure(run, row, score).error
    reach = 1.96 * ((error and error(run)) or 0.0)
    return Interval(value, value - reach, value + reach), "one seed, over questions, by their standard error"


def differences(record: Record, row: PublishedRow, score: str, recipe: Recipe) -> list[str]:
    """Return how a run departs from a row's recipe: in its data, its backbone, its start or its settings."""
    if record.status != "finished":
        return ["failed"]
    reasons = ["the suite's own data"] if record.data.source == "embedded" else []
    learnt, scored = record.data.train_rows, _rows_scored(record, score)
    for what, rows, wanted in (("learnt", learnt, row.train_rows), ("scored", scored, row.scored_rows)):
        expected = wanted[score if score in wanted else key_of(record.task)]
        if rows != expected:
            reasons.append(f"{rows:,} rows {what} instead of {expected:,}")
    if record.mt_bench is not None and score in JUDGED and not record.mt_bench.as_published:
        reasons.append("another judge, or other prompts or questions, than the papers'")
    reasons += _other_backbone(record, recipe)
    if record.started_from is not None and recipe.starts is not None:
        reasons += _other_start(record.started_from, row, recipe.starts)
    settings = _settings(record.config)
    return reasons + min((_other_settings(settings, point) for point in recipe.points), key=len)


def _other_backbone(record: Record, recipe: Recipe) -> list[str]:
    """Return how the backbone departs from the recipe's: by its files where those are known, else by where it lies."""
    given = record.backbone
    if recipe.fingerprint is not None:
        wanted = recipe.fingerprint
        return (
            []
            if given.fingerprint == wanted
            else [f"a backbone of the fingerprint {given.fingerprint} instead of {wanted}"]
        )
    if given.path == recipe.backbone:
        return []
    return [f"the backbone at {given.path}, which may differ from {recipe.backbone}"]


def _other_start(start: Start, row: PublishedRow, wanted: int) -> list[str]:
    """Return how the run that a run began from departs from the one that its recipe begins from."""
    reasons = []
    if start.train_rows != row.start_rows:
        reasons.append(f"begun from {start.train_rows:,} rows of {start.task} instead of {row.start_rows:,}")
    if start.runs != wanted:
        reasons.append(f"begun from the best of {start.runs} runs on {start.task} instead of {wanted}")
    return reasons


def _rows_scored(record: Record, score: str) -> int:
    """Return how many rows, prompts or questions a score is computed on."""
    if record.generation is not None:
        return record.generation.instances
    if score in record.exams:
        return len(record.exams[score].answers)
    if score in JUDGED:
        return record.mt_bench.questions if record.mt_bench else 0
    return record.data.validation_rows


def _other_settings(settings: dict[str, str], expected: dict[str, str]) -> list[str]:
    return [
        f"{key}={settings.get(key, 'unset')} instead of {expected.get(key, 'unset')}"
        for key in sorted(settings.keys() | expected.keys())
        if settings.get(key) != expected.get(key)
    ]


def _settings(config: dict[str, Any]) -> dict[str, str]:
    """Return a run's settings by dotted key, without those that change its result by rounding at most."""
    kept = {key: value for key, value in config.items() if key not in ("seed", "precision")}
    kept["train"] = {key: value for key, value in kept["train"].items() if key not in _SAME_RESULT}
    return {key: _text(value) for key, value in flat(kept)}


def _text(value: Any) -> str:
    """Return a setting as text, in which a number is the same however it was written."""
    try:
        return f"{float(value):.15g}"
    except (TypeError, ValueError):
        return str(value)


def _cells(runs: Sequence[Record], recipe: Recipe) -> list[list[Record]]:
    """Return runs that differ in the seed alone, by seed and one for each; other differences make other cells.

    Runs that follow one recipe may differ in the point of its grid, the precision, the very rows and weights, and the
    run that they began from.
    """
    cells: dict[tuple, dict[int, Record]] = defaultdict(dict)
    for run in runs:
        point = recipe.points.index(_settings(run.config))
        start = run.started_from and run.started_from.identity
        key = (point, run.config["precision"], run.data.fingerprint, run.backbone.fingerprint, start)
        cells[key].setdefault(run.seed, run)
    return [[cell[seed] for seed in sorted(cell)] for cell in cells.values()]


def _scored(cell: Sequence[Record], row: PublishedRow, score: str) -> list[Scored]:
    """Return each run that has the score, with the score in the paper's unit and at the epoch of the row's runs."""
    scored = []
    for run in cell:
        measure = _measure(run, row, score)
        at_epoch = _EPOCHS[row.epoch] if _by_epoch(run) else None
        value = measure and (at_epoch(run.scores) if at_epoch else measure.value(run))
        if value is not None:
            scored.append((measure.scale * value, run))
    return scored


def _by_epoch(run: Record) -> bool:
    """Say whether each epoch of a run has the papers' score; texts and exams are scored after the last alone."""
    return run.scores.primary != LOG_LIKELIHOOD


def _measure(run: Record, row: PublishedRow, score: str) -> Measure | None:
    if score in run.exams:
        return of_exam(score, row.extractor)
    return next((measure for measure in kind_of([run]).main if measure.published == score), None)
