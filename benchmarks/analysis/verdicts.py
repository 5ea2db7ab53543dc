"""Every published score against what was measured under its protocol: reproduced, not, not comparable, or not run."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from benchmarks import conf
from benchmarks.analysis import intervals
from benchmarks.analysis.intervals import Interval
from benchmarks.analysis.measures import JUDGED, Measure, key_of, kind_of
from benchmarks.analysis.sheets import flat
from benchmarks.papers import recipes
from benchmarks.papers.published import NO_TARGETS, PublishedRow, Typed
from benchmarks.records.schema import Record, Start
from benchmarks.tasks.scoring.maths import scores as maths
from benchmarks.training import job
from benchmarks.training.settings import JobSettings

Ruling = Literal["reproduced", "within the spread", "not reproduced", "not comparable", "not run"]
_STATISTICS = {"mean": np.mean, "median": np.median}
_ENOUGH = 3  # differing settings that a reason names
_SAME_RESULT = ("accumulate", "gradient_checkpointing", "optimizer")

Scored = tuple[float, Record]


class Verdict(Typed):
    """One published score. ``measured`` and the ends of its interval are in the paper's unit; None if nothing compares.

    ``reason`` says what differs of runs that do not compare, or what the interval is over.
    """

    source: str
    table: int | str
    backbone: str
    method: str
    targets: str
    rank: int | None
    run_by: str | None
    score: str
    published: float
    spread: float | None
    measured: float | None
    low: float | None
    high: float | None
    runs: int
    ruling: Ruling
    reason: str

    @property
    def difference(self) -> float | None:
        """Return measured minus published."""
        return None if self.measured is None else self.measured - self.published


def verdicts(rows: Iterable[PublishedRow], found: Sequence[Record]) -> list[Verdict]:
    """Return a verdict on each score of each row, in their order; the papers' own averages are no scores."""
    by_setting = defaultdict(list)
    for record in found:
        if record.tuning is not None:  # it was trained to choose learning rates, and by no row's recipe
            continue
        by_setting[record.backbone.name, record.method].append(record)
    return [
        _verdict(row, key, by_setting[row.backbone, row.method]) for row in rows for key in row.scores if key != "avg"
    ]


def _verdict(row: PublishedRow, key: str, candidates: Sequence[Record]) -> Verdict:
    task = f"{row.benchmark}/{key}" if row.benchmark == "glue" else row.benchmark
    printed = row.scores[key]
    facts: dict[str, Any] = row.model_dump(include={"source", "table", "backbone", "method", "rank", "run_by"})
    facts |= {"targets": row.target_names, "score": key, "published": printed.value, "spread": printed.spread}
    nothing = {"measured": None, "low": None, "high": None}
    if row.method not in conf.options("method"):
        return Verdict(**facts, **nothing, runs=0, ruling="not run", reason=f"there is no method {row.method} here")
    own = [run for run in candidates if run.task == task and run.targets in (row.target_names, NO_TARGETS)]
    if not own:
        return Verdict(**facts, **nothing, runs=0, ruling="not run", reason="no record")
    settings = job.read(conf.composed(recipes.overrides(row, task)))
    right, reasons = [], Counter()
    for record in own:
        differing = differences(record, row, key, settings)
        if differing:
            more = f" and {len(differing) - _ENOUGH} more" if len(differing) > _ENOUGH else ""
            reasons[", ".join(differing[:_ENOUGH]) + more] += 1
        else:
            right.append(record)
    cells = [_scored(cell, key) for cell in _cells(right, settings)]
    seeds, statistic = len(settings.seeds), _STATISTICS[row.statistic]
    whole = [cell[:seeds] for cell in cells if len(cell) >= seeds]
    if not whole:
        most = max(map(len, cells), default=0)
        why = f"{most} of {seeds} seeds" if most else _listed(reasons) or "the score is absent"
        return Verdict(**facts, **nothing, runs=len(own), ruling="not comparable", reason=why)
    best = max(whole, key=lambda cell: float(statistic([value for value, _ in cell])))
    interval, over = _interval(best, statistic, row, key)
    ruling: Ruling = _rule(interval, printed.value, printed.spread)
    if not row.settings_printed:
        ruling, over = "not comparable", "no paper prints this row's settings: ours are a guess"
    ends = {"measured": interval.value, "low": interval.low, "high": interval.high}
    return Verdict(**facts, **ends, runs=len(best), ruling=ruling, reason=over)


def _listed(reasons: Counter[str]) -> str:
    return "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common())


def _rule(interval: Interval, published: float, spread: float | None) -> Ruling:
    rounding = 0.5 * 10.0 ** -len(f"{published}".partition(".")[2])  # half of the last digit that is printed
    if interval.low - rounding <= published <= interval.high + rounding:
        return "reproduced"
    near = spread is not None and abs(interval.value - published) <= spread + rounding
    return "within the spread" if near else "not reproduced"


def _interval(cell: Sequence[Scored], statistic: Any, row: PublishedRow, key: str) -> tuple[Interval, str]:
    """Return the interval of the scores, and what it is over: seeds, or of a single one examples."""
    if len(cell) > 1:
        values = np.array([value for value, _ in cell])
        return intervals.over_seeds(values, statistic), f"{row.statistic} over {len(cell)} seeds"
    ((value, run),) = cell
    if key in run.exams:
        solved = run.exams[key]
        right = np.array(maths.score(solved.predictions, solved.answers, solved.kind)["paper"]["verdicts"], dtype=float)
        own = intervals.over_examples(lambda rows: 100 * float(right[rows].mean()), len(right))
        return own, f"one seed, over {len(right):,} questions"
    error = _measure(run, key).error
    reach = 1.96 * ((error and error(run)) or 0.0)
    return Interval(value, value - reach, value + reach), "one seed, over questions, by their standard error"


def differences(record: Record, row: PublishedRow, key: str, settings: JobSettings) -> list[str]:
    """Return all that keeps a run from a row's protocol: its data, its backbone, its settings."""
    if record.status != "finished":
        return ["failed"]
    found = ["the suite's own data"] if record.data.source == "embedded" else []
    learnt, scored = record.data.train_rows, _rows_scored(record, key)
    for what, there, wanted in (("learnt", learnt, row.train_rows), ("scored", scored, row.scored_rows)):
        if there != wanted[key if key in wanted else key_of(record.task)]:
            found.append(f"{there:,} rows {what} for {wanted[key if key in wanted else key_of(record.task)]:,}")
    if record.mt_bench is not None and key == JUDGED and not record.mt_bench.as_published:
        found.append("another judge, other prompts or questions than the papers'")
    if record.backbone.path != settings.backbone.path:
        found.append(f"the backbone at {record.backbone.path}, which cannot be known to be {settings.backbone.path}")
    if record.started_from is not None and settings.start:
        found += _other_start(record.started_from, row, settings.start)
    targets = [] if row.targets == NO_TARGETS else settings.target_names()
    own, expected = _settings(record.config), _settings(settings.run_config(settings.method, targets))
    grid = settings.grid
    return found + [
        f"{name}={own.get(name, 'unset')} for {expected.get(name, 'unset')}"
        for name in sorted(own.keys() | expected.keys())
        if own.get(name) != expected.get(name) and own.get(name) not in map(_text, grid.get(name, []))
    ]


def _other_start(began: Start, row: PublishedRow, start: JobSettings) -> list[str]:
    """Return what keeps the run that a run began from apart from the one that its recipe begins from."""
    wanted = len(start.points)
    found = []
    if began.train_rows != row.start_rows:
        found.append(f"begun from {began.train_rows:,} rows of {began.task} for {row.start_rows:,}")
    if began.runs != wanted:
        found.append(f"begun from the best of {began.runs} on {began.task} for one of {wanted}")
    return found


def _rows_scored(record: Record, key: str) -> int:
    """Return how many rows, prompts or questions a score is of."""
    if record.generation is not None:
        return record.generation.instances
    if key in record.exams:
        return len(record.exams[key].answers)
    if key == JUDGED:
        return record.mt_bench.questions if record.mt_bench else 0
    return record.data.validation_rows


def _settings(config: dict[str, Any]) -> dict[str, str]:
    """Return a run's settings by dotted key, but for those that change a result by rounding at most."""
    kept = {name: value for name, value in config.items() if name not in ("seed", "precision")}
    kept["train"] = {name: value for name, value in kept["train"].items() if name not in _SAME_RESULT}
    return {name: _text(value) for name, value in flat(kept)}


def _text(value: Any) -> str:
    """Return a setting as text; of a number the same one however it is written."""
    try:
        return f"{float(value):.15g}"
    except (TypeError, ValueError):
        return str(value)


def _cells(runs: Sequence[Record], settings: JobSettings) -> list[list[Record]]:
    """Return the runs by what they may differ in beside the seed, one of each seed, by seed.

    That is the grid's point, the precision, the very rows and weights, and what it began from.
    """
    cells: dict[tuple, dict[int, Record]] = defaultdict(dict)
    for run in runs:
        chosen = _settings(run.config)
        point = (*(chosen.get(name) for name in settings.grid), run.config["precision"])
        began = run.started_from and run.started_from.identity
        cells[*point, run.data.fingerprint, run.backbone.fingerprint, began].setdefault(run.seed, run)
    return [[cell[seed] for seed in sorted(cell)] for cell in cells.values()]


def _scored(cell: Sequence[Record], key: str) -> list[Scored]:
    """Return each run that has the score, after the score in the paper's unit."""
    scored = []
    for run in cell:
        measure = _measure(run, key)
        value = measure and measure.value(run)
        if value is not None:
            scored.append((measure.scale * value, run))
    return scored


def _measure(run: Record, key: str) -> Measure | None:
    return next((measure for measure in kind_of([run]).main if measure.published == key), None)
