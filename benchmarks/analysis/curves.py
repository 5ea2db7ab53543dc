"""A row's scores on dev by epoch, and how long it trains until it reaches a given one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.analysis import baselines
from benchmarks.analysis.measures import Measure, key_of
from benchmarks.analysis.sheets import Row, Sheet
from benchmarks.records.schema import Record


@dataclass(frozen=True)
class Band:
    """The average over seeds of the score after an epoch, with the least and the most, scaled."""

    score: float
    low: float
    high: float


def by_epoch(cell: Sequence[Record], measure: Measure) -> dict[int, Band]:
    """Return a cell's band after each epoch that all its runs had."""
    bands = {}
    for number in range(min(len(run.epochs) for run in cell)):
        values = [measure.scale * run.epochs[number].scores[run.scores.primary] for run in cell]
        bands[number + 1] = Band(measure.average(values), min(values), max(values))
    return bands


def level(rows: Sequence[Row], task: str) -> float | None:
    """Return a task's highest score on dev that the median seed of every row reaches, but for the floor's rows.

    It is before scaling, and None where no row but the floor's ran the task.
    """
    cells = [row.cells[task] for row in rows if task in row.cells and baselines.role(row.method) != "floor"]
    return min((median(run.scores.best for run in cell) for cell in cells), default=None)


def levels(sheet: Sheet, given: Mapping[str, float]) -> dict[str, float | None]:
    """Return each task's level before scaling: the given one, which is scaled and by key, else that of ``level``."""
    scale = sheet.kind.held_out.scale
    return {
        task: given[key_of(task)] / scale if key_of(task) in given else level(sheet.rows, task) for task in sheet.tasks
    }


def seconds_to(run: Record, wanted: float, seconds: float) -> float | None:
    """Return how long a run trained until its score on dev was at least ``wanted``; None where it never was.

    Epochs have as many batches each, so each takes its share of the run's ``seconds``.
    """
    reached = (epoch.epoch for epoch in run.epochs if epoch.scores[run.scores.primary] >= wanted)
    epoch = next(reached, None)
    return None if epoch is None else seconds * epoch / len(run.epochs)
