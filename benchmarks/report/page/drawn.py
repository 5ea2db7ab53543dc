"""A sheet's figures on the page: what is drawn, said in words, and shown as a table beside it."""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from benchmarks.analysis.curves import Band, by_epoch
from benchmarks.analysis.front import Front, Standing, percent
from benchmarks.analysis.measures import Measure, key_of
from benchmarks.analysis.sheets import Row, Sheet
from benchmarks.markup import ABSENT, Column, text_column
from benchmarks.records.schema import Record
from benchmarks.report import columns, names
from benchmarks.report.page import figures
from benchmarks.report.page.parts import Figure, table

Cells = Sequence[tuple[Row, list[Record]]]  # of one task: each row that ran it, and its runs


def pareto(sheet: Sheet, standing: Front) -> Figure:
    """Return the figure of bytes against the score, of one row or more."""
    measure = sheet.kind.drawn
    marks = [_mark(each, measure) for each in standing.standings]
    best = sorted((mark for mark in marks if mark["front"] == "yes"), key=lambda mark: mark["bytes"])
    listed = (f"{mark['name']} ({mark['bytes']:,.15g} bytes, {measure.number(mark['score'])})" for mark in best)
    axis = sheet.kind.axis
    words = f"Bytes of the adapter against {axis}, {len(marks)} rows. On the front, from the fewest bytes to the most: "
    words += ", ".join(listed) + "."
    return Figure(
        name=f"{sheet.stem}-pareto",
        title="Score against size",
        words=words,
        spec=figures.pareto(marks, axis, words),
        table=table(f"{sheet.title}: score against size", _pareto_columns(standing, marks, measure)),
    )


def _mark(standing: Standing, measure: Measure) -> dict[str, Any]:
    row = standing.row
    mark = {"stored": median(row.stored), "bytes": standing.stored, "score": standing.score}
    mark["front"] = "yes" if standing.on else "no"
    if standing.chance is not None:
        mark["chance"] = percent(standing.chance)
    seeds_of_all = min(len(cell) for cell in row.cells.values())
    return _facts(row, seeds_of_all) | mark | _bars(row, measure)


def _bars(row: Row, measure: Measure) -> dict[str, float]:
    spread, interval = row.spread_of_mean(measure), row.interval_of_mean(measure)
    if spread is None or interval is None:
        return {}
    mean = interval.value
    return {"low": interval.low, "high": interval.high, "less": mean - spread, "more": mean + spread}


def _pareto_columns(standing: Front, marks: Sequence[dict[str, Any]], measure: Measure) -> list[Column]:
    def written(mark: dict[str, Any], *ends: str) -> str:
        return " to ".join(measure.number(mark[end]) for end in ends) if ends[0] in mark else ABSENT

    return [
        *columns.names_of([each.row for each in standing.standings]),
        Column("stored", [f"{mark['stored']:,.15g}" for mark in marks]),
        Column("adapter bytes", [f"{mark['bytes']:,.15g}" for mark in marks]),
        Column("score", [written(mark, "score") for mark in marks]),
        Column("95% interval", [written(mark, "low", "high") for mark in marks]),
        text_column("on the front", [mark["front"] for mark in marks]),
        Column("chance of it", [mark.get("chance", ABSENT) for mark in marks]),
    ]


def _facts(row: Row, count: int) -> dict[str, Any]:
    """Return what every mark of a row is named and filtered by; ``count`` is how many seeds it has."""
    title = names.title(row.method)
    return {"method": row.method, "title": title, "name": names.of_row(row), "targets": row.targets, "seeds": count}


def _of_task(sheet: Sheet, task: str) -> Cells:
    return [(row, row.cells[task]) for row in sheet.rows if task in row.cells]


def seeds(sheet: Sheet, task: str) -> Figure:
    """Return the figure of a task's runs, each seed a point: best, last and held-out."""
    cells, choices = _of_task(sheet, task), sheet.kind.chosen[:3]
    points = [
        _facts(row, len(cell))
        | {"choice": measure.heading, "seed": run.seed, "score": measure.scale * measure.value(run)}
        for row, cell in cells
        for measure in choices
        for run in cell
    ]
    measure = sheet.kind.held_out
    held_out = [measure.scale * value for _, cell in cells for value in measure.values(cell)]
    low, high = measure.number(min(held_out)), measure.number(max(held_out))
    words = (
        f"Scores of {len(held_out)} runs on {key_of(task)}, at the best and the last epoch and held-out. Held-out "
        f"scores are from {low} to {high}."
    )
    lines = [(row, task, [run]) for row, cell in cells for run in cell]
    runs = [run for _, _, (run,) in lines]
    task_column, *named, _ = columns.named(lines)
    shown = [
        task_column,
        *named,
        Column("seed", [str(run.seed) for run in runs]),
        *(Column(measure.heading, [measure.cell([run], 0) for run in runs]) for measure in choices),
        Column("best epoch", [str(run.scores.best_epoch) for run in runs]),
    ]
    return Figure(
        name=f"{sheet.stem}-{key_of(task)}-seeds",
        title=f"Seeds on {key_of(task)}",
        words=words,
        spec=figures.seeds(points, f"{sheet.metric(task)} on dev", words),
        table=table(f"{sheet.title}: seeds on {key_of(task)}", shown),
        task=key_of(task),
    )


def has_curves(sheet: Sheet, task: str) -> bool:
    """Say whether a run on a task has more than one epoch."""
    return any(len(run.epochs) > 1 for _, cell in _of_task(sheet, task) for run in cell)


def curves(sheet: Sheet, task: str) -> Figure:
    """Return the figure of a task's scores on dev by epoch."""
    cells, measure = _of_task(sheet, task), sheet.kind.held_out
    points, written = [], []
    for row, cell in cells:
        bands = by_epoch(cell, measure)
        points += [_facts(row, len(cell)) | {"epoch": epoch} | asdict(band) for epoch, band in bands.items()]
        written.append({epoch: _band(band, measure) for epoch, band in bands.items()})
    epochs = sorted({point["epoch"] for point in points})
    last = {point["name"]: point["score"] for point in points}  # the last of each name stays
    top, low = max(last, key=last.get), min(last, key=last.get)
    words = (
        f"Scores on {key_of(task)} after each of {len(epochs)} epochs, {len(last)} rows. After the last epoch {top} is "
        f"highest ({measure.number(last[top])}) and {low} lowest ({measure.number(last[low])})."
    )
    shown = [
        *columns.named([(row, task, cell) for row, cell in cells]),
        *(Column(f"epoch {epoch}", [line.get(epoch, ABSENT) for line in written]) for epoch in epochs),
    ]
    return Figure(
        name=f"{sheet.stem}-{key_of(task)}-curves",
        title=f"Learning curves on {key_of(task)}",
        words=words,
        spec=figures.curves(points, f"{sheet.metric(task)} on dev", words),
        table=table(f"{sheet.title}: {key_of(task)} by epoch, average (least to most)", shown),
        task=key_of(task),
    )


def _band(band: Band, measure: Measure) -> str:
    score, low, high = (measure.number(end) for end in (band.score, band.low, band.high))
    return score if low == high else f"{score} ({low} to {high})"
