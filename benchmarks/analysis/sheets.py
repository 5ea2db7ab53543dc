"""Records sorted into sheets, one for each table file, and within a sheet into rows.

A sheet holds one benchmark on one backbone, and only runs that can be compared: runs on generated data have sheets of
their own, and so have a task's runs on other rows of data.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np

from benchmarks.analysis import intervals
from benchmarks.analysis.intervals import Interval
from benchmarks.analysis.measures import Kind, Measure, kind_of
from benchmarks.conf import LOCAL, ROOT
from benchmarks.errors import SuiteError
from benchmarks.records import predictions, store
from benchmarks.records.schema import Record

DIGITS = 6  # of a fingerprint, which is enough to tell two apart by eye


@dataclass(frozen=True, eq=False)
class Row:
    """One method, targets and variant: for each task the finished runs, which differ in the seed alone."""

    method: str
    targets: str
    variant: str
    cells: dict[str, list[Record]]

    @cached_property
    def runs(self) -> list[Record]:
        """Return the row's runs on all tasks."""
        return [run for cell in self.cells.values() for run in cell]

    @property
    def stored(self) -> list[float]:
        """Return each run's stored numbers."""
        return [run.parameters.stored for run in self.runs]

    def mean(self, measure: Measure) -> float:
        """Return the mean over the row's tasks of the average over seeds, scaled."""
        return measure.scale * mean(measure.average(measure.values(cell)) for cell in self.cells.values())

    def spread_of_mean(self, measure: Measure) -> float | None:
        """Return the deviation over seeds of the mean over tasks; None where fewer than two seeds ran every task."""
        means = self._means_by_seed(measure)
        return measure.scale * stdev(means) if len(means) > 1 else None

    def interval_of_mean(self, measure: Measure) -> Interval | None:
        """Return the mean over tasks with its 95% interval over seeds, scaled; None as for ``spread_of_mean``.

        Its width is that of the average over seeds of each seed's mean over tasks.
        """
        means = self._means_by_seed(measure)
        if len(means) < 2:
            return None
        around = intervals.over_seeds(np.array(means), intervals.STATISTICS[measure.average])
        value, half = self.mean(measure), measure.scale * (around.high - around.low) / 2
        return Interval(value, value - half, value + half)

    def _means_by_seed(self, measure: Measure) -> list[float]:
        """Return the mean over tasks of each seed that ran every task, before scaling."""
        by_seed = [
            {run.seed: value for run in cell if (value := measure.value(run)) is not None}
            for cell in self.cells.values()
        ]
        seeds = set.intersection(*(set(cell) for cell in by_seed))
        return [mean(cell[seed] for cell in by_seed) for seed in sorted(seeds)]


@dataclass(frozen=True, eq=False)
class Sheet:
    """The records of one table file; ``fingerprint`` is that of the data, on a sheet that was split off for it."""

    benchmark: str
    backbone: str
    embedded: bool
    fingerprint: str | None
    records: list[Record]

    @property
    def stem(self) -> str:
        """Return the name of its files, without a suffix."""
        parts = [self.benchmark, "embedded" if self.embedded else "", self.backbone, (self.fingerprint or "")[:DIGITS]]
        return "-".join(part for part in parts if part)

    @property
    def title(self) -> str:
        """Return what the sheet is, in one line."""
        data = f": generated data, not {self.benchmark.upper()}" if self.embedded else ""
        split = f" (data {self.fingerprint[:DIGITS]})" if self.fingerprint else ""
        return f"{self.benchmark}, {self.backbone}{split}{data}"

    @cached_property
    def finished(self) -> list[Record]:
        """Return the finished runs, without those that were trained to choose learning rates."""
        return [record for record in self.records if record.stands]

    @cached_property
    def tasks(self) -> list[str]:
        """Return the tasks that have a finished run."""
        return sorted({record.task for record in self.finished})

    def metric(self, task: str) -> str:
        """Return what a task's score on dev is called."""
        return next(run.scores.primary for run in self.finished if run.task == task).replace("_", "-")

    @cached_property
    def rows(self) -> list[Row]:
        """Return the sheet's rows."""
        return rows_of(self.finished)

    @cached_property
    def kind(self) -> Kind:
        """Return how its runs are shown."""
        return kind_of(self.finished)

    @cached_property
    def complete(self) -> list[Row]:
        """Return the rows that ran every task, whose means over tasks can be compared."""
        return [row for row in self.rows if list(row.cells) == self.tasks]


def roots(given: Sequence[Path] = ()) -> list[Path]:
    """Return the given folders, or results, results/local and the folders in it that hold records/.

    Raises SuiteError for a given folder that holds no records/.
    """
    for root in given:
        if not (root / "records").is_dir():
            raise SuiteError(f"--root {root} holds no records/: give a folder that a run was told as results=DIR")
    return list(given) or [root for root in (ROOT, LOCAL, *sorted(LOCAL.glob("*"))) if (root / "records").is_dir()]


def load(root: Path) -> list[Record]:
    """Read every record below ``root``/records; raises SuiteError naming a file that ``store.read`` refuses."""
    return [_noted(store.read(path, root), path) for path in store.files(root / "records")]


def _noted(record: Record, path: Path) -> Record:
    """Note whether a run collapsed where its record was written before that was noted, if it left predictions."""
    if record.collapsed is not None or not (record.stands and record.config["task"].get("labels")):
        return record
    try:
        kept = predictions.read(path)
    except SuiteError:  # a comparison, which needs them, says what is wrong with them
        return record
    return record if kept is None else record.model_copy(update={"collapsed": kept.collapsed})


def rows_of(records: Iterable[Record]) -> list[Row]:
    """Group finished records into rows, the smallest first within a method and its targets.

    Runs in one cell differ in the seed alone; other differences make rows of their own, named in ``variant``. Settings
    are compared within each task, since a row may use other settings on another task.
    """
    by_method = defaultdict(list)
    for record in sorted(records, key=lambda r: (r.task, r.method, r.targets, r.seed, r.identity)):
        by_method[record.method, record.targets].append(record)
    rows = []
    for (method, targets), runs in sorted(by_method.items()):
        settings = [_settings(run) for run in runs]
        keys = _differing(runs, settings)
        variants = defaultdict(lambda: defaultdict(list))
        for run, values in zip(runs, settings, strict=True):
            label = ", ".join(f"{key}={values.get(key, 'unset')}" for key in keys)
            variants[label][run.task].append(run)
        rows += [Row(method, targets, label, dict(cells)) for label, cells in variants.items()]
    for row in rows:
        for cell in row.cells.values():
            refuse_twice(cell)
    return sorted(rows, key=lambda row: (row.method, row.targets, median(row.stored), row.variant))


def _settings(record: Record) -> dict[str, str]:
    """Return what identifies a run apart from its seed: its config by dotted key, and what it ran on."""
    facts = {
        "backbone name": record.backbone.name,
        "backbone fingerprint": record.backbone.fingerprint[:DIGITS],
        "data fingerprint": record.data.fingerprint[:DIGITS],
    }
    if record.started_from:
        facts["started from"] = record.started_from.identity[:DIGITS]
    config = {key: value for key, value in record.config.items() if key != "seed"}
    return facts | dict(flat(config))


def leaves(tree: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Yield (dotted key, value) of each leaf; an empty mapping is a leaf."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def flat(tree: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield (dotted key, value as text) of each leaf."""
    for key, value in leaves(tree):
        yield key, value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _differing(runs: Sequence[Record], settings: Sequence[dict[str, str]]) -> list[str]:
    """Return the keys in which two runs of one task differ, sorted."""
    by_task = defaultdict(list)
    for run, values in zip(runs, settings, strict=True):
        by_task[run.task].append(values)
    keys = {key for values in settings for key in values}
    return sorted(key for key in keys if any(_vary(key, alike) for alike in by_task.values()))


def _vary(key: str, settings: Iterable[dict[str, str]]) -> bool:
    return len({values.get(key) for values in settings}) > 1


def refuse_twice(cell: Sequence[Record]) -> None:
    """Raise SuiteError where two records have the same seed, since an average would count that run twice."""
    seen = {}
    for run in cell:
        if run.seed in seen:
            what = f"{run.task}, {run.method}, {run.targets}, seed {run.seed}"
            raise SuiteError(f"two records of the same run ({what}): {seen[run.seed]} and {run.identity}: delete one")
        seen[run.seed] = run.identity


def sheets_of(records: Iterable[Record]) -> list[Sheet]:
    """Split records into one sheet for each table file.

    Where a task's runs have several data fingerprints, those of the one with most finished runs stay in the main sheet,
    and each other fingerprint gets a sheet of its own.
    """
    groups = defaultdict(list)
    for record in records:
        groups[record.task.partition("/")[0], record.backbone.name, record.data.source == "embedded"].append(record)
    sheets = []
    for group, members in sorted(groups.items()):
        main = _main_fingerprints(members)
        split = defaultdict(list)
        for record in members:
            digest = record.data.fingerprint
            split["" if digest == main[record.task] else digest].append(record)
        sheets += [Sheet(*group, digest or None, runs) for digest, runs in sorted(split.items())]
    twice = [stem for stem, count in Counter(sheet.stem for sheet in sheets).items() if count > 1]
    if twice:
        raise SuiteError(f"two tables would be named {twice[0]}: give one of the backbones another name")
    for sheet in sheets:
        _refuse_two_metrics(sheet)
    return sheets


def _main_fingerprints(records: Iterable[Record]) -> dict[str, str]:
    """Return for each task the data fingerprint that most finished runs have; of a tie, the first in sorted order."""
    finished = defaultdict(Counter)
    for record in records:
        finished[record.task][record.data.fingerprint] += record.stands
    return {task: min(counts, key=lambda digest: (-counts[digest], digest)) for task, counts in finished.items()}


def _refuse_two_metrics(sheet: Sheet) -> None:
    for task in sheet.tasks:
        primary = sorted({run.scores.primary for run in sheet.finished if run.task == task})
        if len(primary) > 1:
            raise SuiteError(
                f"{task} on {sheet.backbone} is scored by {' and by '.join(primary)}: move the records of one away"
            )
