"""The Pareto front: which rows no other one beats with as few bytes, and how likely each of them is to be there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.analysis import intervals
from benchmarks.analysis.intervals import STATISTICS
from benchmarks.analysis.measures import Measure
from benchmarks.analysis.parts import Parts, by_row, name_of
from benchmarks.analysis.sheets import Row, Sheet

DRAWS = 2_000
_SEED = 0  # of all draws, so that the same records give the same chances


@dataclass(frozen=True, eq=False)
class Standing:
    """A row with the bytes of its adapter, its score (scaled) and whether it is on the front.

    ``chance`` is the probability of that, and None where a row of the front has one seed alone.
    """

    row: Row
    stored: float
    score: float
    on: bool
    chance: float | None


@dataclass(frozen=True)
class Front:
    """The rows that ran every task; ``samples`` names what the chances take as a sample, and is empty without them."""

    standings: list[Standing]
    samples: str


def of_sheet(sheet: Sheet, root: Path) -> Front:
    """Return how the sheet's rows stand. ``root`` is where its records and predictions lie.

    A chance is the share of draws in which a row is on the front. In each draw, the rows of dev are resampled, the same
    for all methods, where every run left predictions and is scored on dev; and of each task's scores over seeds one
    value is drawn from the distribution of their average (``intervals.around``).
    """
    measure = sheet.kind.drawn
    rows = [row for row in sheet.complete if measure.values(row.runs)]
    sizes = [median(run.parameters.adapter_bytes for run in row.runs) for row in rows]
    scores = [row.mean(measure) for row in rows]
    there = front(list(zip(sizes, scores, strict=True)))
    chances, samples = [None] * len(rows), ""
    if rows and all(len(measure.values(cell)) > 1 for row in rows for cell in row.cells.values()):
        parts = _parts(rows, sheet, root)
        drawn = _draws(rows, measure, parts)
        chances = [float(share) for share in _on_front(np.array(sizes, float), drawn).mean(axis=0)]
        samples = "seeds and rows of dev" if parts else "seeds"
    standings = [Standing(*each) for each in zip(rows, sizes, scores, there, chances, strict=True)]
    return Front(standings, samples)


def percent(chance: float) -> str:
    """Write a probability, of which draws tell no more than whole hundredths."""
    return "<1%" if chance < 0.005 else ">99%" if chance > 0.995 else f"{100 * chance:.0f}%"


def front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Say of each point, (what it stores, its score), whether it is on the front.

    It is where no other point stores as little or less and scores as high or higher, and differs in one of the two.
    """
    sizes, scores = (np.array(values, float) for values in zip(*points, strict=True)) if points else (np.empty(0),) * 2
    return _on_front(sizes, scores[None])[0].tolist()


def _on_front(sizes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Say which rows are on the front in each draw, (draws, rows). sizes: (rows,), scores: (draws, rows)."""
    smaller, no_larger = (compare(sizes[None], sizes[:, None]) for compare in (np.less, np.less_equal))
    higher, as_high = (compare(scores[:, None], scores[:, :, None]) for compare in (np.greater, np.greater_equal))
    return ~((no_larger & higher) | (smaller & as_high)).any(axis=2)


def _parts(rows: Sequence[Row], sheet: Sheet, root: Path) -> dict[str, Parts]:
    """Return each row's parts by its name; nothing where one has none, or the score is not dev's."""
    if sheet.kind.drawn.value is not sheet.kind.held_out.value:
        return {}
    parts, left_out = by_row(rows, sheet.tasks, root, "held_out")
    return {} if left_out else parts


def _draws(rows: Sequence[Row], measure: Measure, parts: dict[str, Parts]) -> np.ndarray:
    """Return the score of each row in each draw, (draws, rows), before scaling."""
    random = np.random.default_rng(_SEED)
    by_task = []
    for task in rows[0].cells:
        weights = None
        of_rows = []
        for row in rows:
            scores = np.tile(measure.values(row.cells[task]), (DRAWS, 1))
            if parts:
                own = np.array(list(parts[name_of(row)][task].values()))  # (seeds, examples)
                if weights is None:
                    count = own.shape[1]
                    weights = random.multinomial(count, np.full(count, 1 / count), size=DRAWS) / count
                scores = scores + weights @ own.T - own.mean(axis=1)
            of_rows.append(intervals.around(random, scores, STATISTICS[measure.average]))
        by_task.append(np.stack(of_rows, axis=1))
    return np.mean(by_task, axis=0).round(9)  # so that equal scores stay equal
