"""What a sheet's methods are read against: the floor, which trains no more than a head, and the ceiling, all of it."""

from collections.abc import Sequence

from benchmarks.analysis.sheets import Row, Sheet
from methods import declared
from methods.errors import MethodError


def role(method: str) -> str:
    """Return "floor" for a method that leaves the backbone as it is, "ceiling" for one that trains it, else ""."""
    try:
        facts = declared.facts(method)
    except MethodError:  # of a method that was taken away, records may be left
        return ""
    if facts["trains_backbone"]:
        return "ceiling"
    return "" if facts["adapts_sites"] else "floor"


def ranked(sheet: Sheet) -> list[Row]:
    """Return the rows by their mean over tasks, best first; after them those that lack a task or a score."""
    measure = sheet.kind.drawn
    scored = [row for row in sheet.complete if measure.values(row.runs)]
    rest = [row for row in sheet.rows if row not in scored]
    return [*sorted(scored, key=lambda row: -row.mean(measure)), *rest]


def above_floor(sheet: Sheet) -> tuple[int, int] | None:
    """Return how many rows that adapt the backbone beat the floor, and how many there are; None without a floor.

    A row beats it where, on every task, its worst seed is above the floor's best seed by the held-out score.
    """
    floors = [row for row in sheet.complete if role(row.method) == "floor"]
    adapted = [row for row in sheet.complete if not role(row.method)]
    if not (floors and adapted):
        return None
    return sum(_beats(row, floors, sheet) for row in adapted), len(adapted)


def _beats(row: Row, floors: Sequence[Row], sheet: Sheet) -> bool:
    score = sheet.kind.held_out.values
    return all(min(score(row.cells[task])) > max(max(score(f.cells[task])) for f in floors) for task in sheet.tasks)
