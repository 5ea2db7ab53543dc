"""Every published score against what was measured under its protocol: reproduced, not, not comparable, or not run."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from omegaconf import OmegaConf

import methods
from benchmarks import intervals, plan, recipes
from benchmarks.intervals import Interval
from benchmarks.maths import scores as maths
from benchmarks.measures import Measure, key_of, kind_of
from benchmarks.published import PublishedRow, Typed
from benchmarks.records import Record
from benchmarks.sheets import flat

Ruling = Literal["reproduced", "within the spread", "not reproduced", "not comparable", "not run"]
_STATISTICS = {"mean": np.mean, "median": np.median}
_ENOUGH = 3  # differing settings that a reason names


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
    if row.method not in methods.find():
        return Verdict(**facts, **nothing, runs=0, ruling="not run", reason=f"there is no method {row.method} here")
    own = [r for r in candidates if (r.task == task and row.target_names in (r.targets, "-")) or r.targets == "-"]
    own = [record for record in own if record.task == task]
    if not own:
        return Verdict(**facts, **nothing, runs=0, ruling="not run", reason="no record")
    config = recipes.composed(recipes.overrides(row, task))
    right, reasons = [], Counter()
    for record in own:
        differs = _differs(record, row, key_of(task), config)
        if differs is None:
            right.append(record)
        else:
            reasons[differs] += 1
    seeds = len(config.seeds)
    cells = _cells(right, config)
    measures = {measure.published: measure for measure in kind_of(right).main} if right else {}
    if key not in measures or not cells:
        why = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common()) or "the score is absent"
        return Verdict(**facts, **nothing, runs=len(own), ruling="not comparable", reason=why)
    statistic = _STATISTICS[row.statistic]
    best = max(cells, key=lambda cell: float(statistic(measures[key].values(cell) or [-np.inf])))
    values = np.array(measures[key].values(best)) * measures[key].scale
    if len(values) < seeds:
        why = f"{len(values)} of {seeds} seeds"
        return Verdict(**facts, **nothing, runs=len(values), ruling="not comparable", reason=why)
    interval, over = _interval(values, statistic, best, measures[key], row, key)
    ruling = _rule(interval, printed.value, printed.spread)
    return Verdict(
        **facts,
        measured=interval.value,
        low=interval.low,
        high=interval.high,
        runs=len(values),
        ruling=ruling,
        reason=over,
    )


def _rule(interval: Interval, published: float, spread: float | None) -> Ruling:
    if interval.holds(published):
        return "reproduced"
    near = spread is not None and abs(interval.value - published) <= spread
    return "within the spread" if near else "not reproduced"


def _interval(
    values: np.ndarray, statistic: Any, runs: Sequence[Record], measure: Measure, row: PublishedRow, key: str
) -> tuple[Interval, str]:
    """Return the interval of the scores, and what it is over: seeds, or of a single one examples."""
    if len(values) > 1:
        return intervals.over_seeds(values, statistic), f"{row.statistic} over {len(values)} seeds"
    (run,) = runs
    if key in run.exams:
        solved = run.exams[key]
        right = np.array(maths.score(solved.predictions, solved.answers, solved.kind)["paper"]["verdicts"], dtype=float)
        own = intervals.over_examples(lambda rows: 100 * float(right[rows].mean()), len(right))
        return own, f"one seed, over {len(right):,} questions"
    value, error = float(values[0]), measure.error and measure.error(run)
    if error is None:
        return Interval(value, value, value), "one seed, of which no interval is known"
    reach = 1.96 * measure.scale * error
    return Interval(value, value - reach, value + reach), "one seed, over questions, as their standard error has it"


def _differs(record: Record, row: PublishedRow, key: str, config: Any) -> str | None:
    """Say what keeps a run from the row's protocol, or None."""
    if record.status != "finished":
        return "failed"
    if record.data.source == "embedded":
        return "the suite's own data"
    wanted = row.train_rows[key]
    if record.data.train_rows != wanted:
        return f"{record.data.train_rows:,} rows for {wanted:,}"
    own = _settings(record.config)
    expected = _settings(plan.settings_of(config))
    grid = OmegaConf.to_container(config.grid, resolve=True) if config.grid else {}
    differing = [
        f"{name}={own.get(name, 'unset')} for {expected.get(name, 'unset')}"
        for name in sorted(own.keys() | expected.keys())
        if own.get(name) != expected.get(name) and _setting(record, name) not in grid.get(name, [])
    ]
    if not differing:
        return None
    more = f" and {len(differing) - _ENOUGH} more" if len(differing) > _ENOUGH else ""
    return ", ".join(differing[:_ENOUGH]) + more


def _setting(record: Record, name: str) -> Any:
    """Return a setting of a run by its dotted name, or None."""
    value: Any = record.config
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _settings(config: dict[str, Any]) -> dict[str, str]:
    return dict(flat({name: value for name, value in config.items() if name not in ("seed", "precision")}))


def _cells(runs: Sequence[Record], config: Any) -> list[list[Record]]:
    """Return the runs by what they may differ in beside the seed: the points of the recipe's grid."""
    grid = OmegaConf.to_container(config.grid, resolve=True) if config.grid else {}
    cells = defaultdict(list)
    for run in runs:
        cells[tuple(str(_setting(run, name)) for name in grid)].append(run)
    return list(cells.values())
