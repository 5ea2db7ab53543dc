"""Who ran each published figure: the figures that papers print for one nominal cell, and how far these lie apart.

A cell is a method on a backbone, with one score of one task. Papers fill it with runs of their own, and with runs of
other papers that they repeat; sizes, seeds and epochs differ.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median, stdev

from benchmarks.errors import SuiteError, nearest
from benchmarks.papers.published import NOT_STATED, PRIOR_WORK, PublishedRow, PublishedScore


@dataclass(frozen=True)
class Figure:
    """One printed figure: a score of a row."""

    row: PublishedRow
    score: str

    @property
    def cell(self) -> PublishedScore:
        """Return what is printed."""
        return self.row.scores[self.score]

    @property
    def value(self) -> float:
        """Return the figure, in the paper's unit."""
        return self.cell.value

    @property
    def spread(self) -> float | None:
        """Return the printed spread over seeds."""
        return self.cell.spread

    @property
    def runner(self) -> str | None:
        """Return whose run it is; None where that is not known."""
        return None if self.row.runner in (NOT_STATED, PRIOR_WORK) else self.row.runner

    @property
    def apart(self) -> str:
        """Return why the figure is not compared with the others of its cell; empty where it is."""
        if self.row.variant:
            return "another form of the method"
        if self.row.source_trust == "low":
            return "doubtful reading"
        if self.row.benchmark == "glue" and self.row.epoch == "held-out":
            return "scored on a part of dev"
        return ""


@dataclass(frozen=True)
class Cell:
    """One nominal cell, with every figure that is printed for it."""

    method: str
    backbone: str
    task: str
    score: str
    figures: tuple[Figure, ...]

    @property
    def runs(self) -> list[Figure]:
        """Return one figure for each who ran the cell, their highest, in falling order.

        Figures of one table whose runner is not known stand for one more who ran it, unless their highest equals
        another: then it is a repeat of that.
        """
        compared = [figure for figure in self.figures if not figure.apart]
        known = _highest((figure.runner, figure) for figure in compared if figure.runner)
        unknown = _highest(((f.row.source, f.row.table), f) for f in compared if not f.runner)
        values = {figure.value for figure in compared if figure.runner}
        others = {figure.value: figure for figure in reversed(unknown) if figure.value not in values}
        return sorted([*known, *others.values()], key=lambda figure: -figure.value)

    @property
    def spread(self) -> float | None:
        """Return the highest minus the lowest of ``runs``; None where there are fewer than two."""
        values = [figure.value for figure in self.runs]
        return rounded(values[0] - values[-1]) if len(values) > 1 else None

    @property
    def deviation(self) -> float | None:
        """Return the standard deviation (n - 1) of ``runs``; None where there are fewer than two."""
        values = [figure.value for figure in self.runs]
        return stdev(values) if len(values) > 1 else None

    @property
    def over_seeds(self) -> float | None:
        """Return the median of the spreads over seeds that are printed with ``runs``; None where none is."""
        spreads = [figure.spread for figure in self.runs if figure.spread is not None]
        return rounded(median(spreads)) if spreads else None


@dataclass(frozen=True)
class Gain:
    """What a paper's own method gains over a baseline in the paper's own table; ``cell`` is the baseline's."""

    own: Figure
    baseline: Figure
    cell: Cell

    @property
    def value(self) -> float:
        """Return the gain, in the unit of the score."""
        return rounded(self.own.value - self.baseline.value)

    @property
    def within_spread(self) -> bool:
        """Say whether the gain is smaller than what papers print for the baseline lies apart."""
        return self.value < self.cell.spread


def rounded(difference: float) -> float:
    """Return a difference of printed figures without what floating point adds to it."""
    return round(difference, 6)


def _highest(figures: Iterable[tuple[Hashable, Figure]]) -> list[Figure]:
    """Return the highest figure of each key."""
    by_key: dict[Hashable, Figure] = {}
    for key, figure in figures:
        by_key[key] = max(by_key.get(key, figure), figure, key=lambda one: one.value)
    return list(by_key.values())


def cells(rows: Iterable[PublishedRow]) -> list[Cell]:
    """Return every cell that rows print, in the order in which they first do."""
    by_cell: dict[tuple[str, str, str, str], list[Figure]] = defaultdict(list)
    for row in rows:
        for score in row.scores:
            by_cell[row.method, row.backbone, task_of(row, score), score].append(Figure(row, score))
    return [Cell(*key, tuple(figures)) for key, figures in by_cell.items()]


def task_of(row: PublishedRow, score: str) -> str:
    """Return what a score is measured on, with what was learnt where a benchmark has several such sets."""
    return row.task_of(score) + (f" ({row.trained_on})" if row.trained_on else "")


def compared(every: Iterable[Cell]) -> list[Cell]:
    """Return the cells that two ran or more, those that lie furthest apart first."""
    return sorted((cell for cell in every if cell.spread is not None), key=lambda cell: -cell.spread)


def gains(rows: Iterable[PublishedRow], every: Iterable[Cell]) -> list[Gain]:
    """Return the gains that papers print over baselines whose cell two ran or more, the smallest first.

    A table's gain on a score is that of its best row of a method that the paper proposes over its best row of a
    baseline. Rows that are not compared are left out, and so is a method that gains nothing.
    """
    by_cell = {(cell.method, cell.backbone, cell.task, cell.score): cell for cell in compared(every)}
    found = []
    for (*_, backbone, task, score), figures in _tables(rows).items():
        own = _highest((True, figure) for figure in figures if _is_own(figure))
        others = [figure for figure in figures if figure.row.method not in figure.row.proposes]
        for baseline in _highest((figure.row.method, figure) for figure in others):
            if own and (cell := by_cell.get((baseline.row.method, backbone, task, score))):
                found.append(Gain(own[0], baseline, cell))
    return sorted((gain for gain in found if gain.value > 0), key=lambda gain: gain.value)


def _tables(rows: Iterable[PublishedRow]) -> dict[tuple, list[Figure]]:
    """Return the figures that stand beside each other: of one table, backbone and score."""
    tables = defaultdict(list)
    for row in rows:
        for score in row.scores:
            if not (figure := Figure(row, score)).apart:
                tables[row.source, row.table, row.backbone, task_of(row, score), score].append(figure)
    return tables


def _is_own(figure: Figure) -> bool:
    return figure.row.method in figure.row.proposes and figure.row.run_by is None


def chosen(every: Sequence[Cell], wanted: dict[str, str | None]) -> list[Cell]:
    """Return the cells of a ``method``, ``backbone``, ``task`` and ``metric``; what is None is any.

    A task is named with its benchmark or without: "glue/rte" or "rte". Raises SuiteError where no cell is left.
    """
    left, so_far = list(every), []
    for what, value in wanted.items():
        if value is None:
            continue
        names = [_names(cell, what) for cell in left]
        if not any(value in of_cell for of_cell in names):
            known = sorted({of_cell[-1] for of_cell in names})
            more = f" for {', '.join(so_far)}" if so_far else ""
            raise SuiteError(
                f"no paper here prints {what} {value}{more}; nearest: {nearest(value, known)}; "
                f"known: {', '.join(known)}"
            )
        left = [cell for cell, of_cell in zip(left, names, strict=True) if value in of_cell]
        so_far.append(f"{what} {value}")
    return left


def _names(cell: Cell, what: str) -> list[str]:
    """Return what a cell's method, backbone, task or metric may be called; the last is the shortest."""
    if what == "task":
        task = cell.task.partition(" (")[0]
        return [cell.task, task, task.partition("/")[2] or task]
    return [cell.score if what == "metric" else getattr(cell, what)]
