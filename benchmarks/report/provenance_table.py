"""Who ran each published figure, as tables: all cells that several ran, the gains over them, or one cell's figures."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import markup
from benchmarks.markup import ABSENT, Column, Page, text_column
from benchmarks.papers import provenance
from benchmarks.papers.provenance import Cell, Figure, Gain
from benchmarks.papers.published import NOT_STATED, PublishedRow
from benchmarks.records.files import write_atomic

_ORIGIN = "Made by `python scripts/provenance.py --write` from results/published; do not edit by hand."
_CELLS = (
    "A cell is a method on a backbone, with one score of one task, as papers print it. Papers: how many ran it, each "
    "with the highest figure of its own. Where a table does not say who ran a figure, that counts as one more, unless "
    "it equals another, of which it is then a repeat.",
    "Spread: the highest minus the lowest. Deviation: the standard deviation (n - 1) over who ran it. Over seeds: the "
    "median of the ± that are printed with these figures. The figures differ in sizes, rates, seeds and epochs, which "
    "`python scripts/provenance.py --method lora --backbone roberta-base --task rte` lists.",
    "Left out of the spread: ablations, second-hand readings of low trust, and scores on a part of GLUE's dev set.",
)
_GAINS = (
    "A gain is that of the best row of a paper's own method over the best row of a baseline in the same table. It is "
    "marked where it is smaller than the spread of what papers print for that baseline.",
    "A smaller gain need not be wrong: within one table both rows may share settings and seeds. It cannot be told, "
    "though, from the difference that another paper's run of the baseline would make.",
)


def overview(rows: Sequence[PublishedRow]) -> list[Page]:
    """Return the cells that two ran or more, those furthest apart first, and the gains over baselines among them."""
    every = provenance.cells(rows)
    return [_cells(provenance.compared(every)), _gains(provenance.gains(rows, every))]


def _cells(cells: Sequence[Cell]) -> Page:
    columns = [
        text_column("method", [cell.method for cell in cells]),
        text_column("backbone", [cell.backbone for cell in cells]),
        text_column("task", [_task(cell) for cell in cells]),
        Column("papers", [str(len(cell.runs)) for cell in cells]),
        text_column("highest", [_named(cell.runs[0]) for cell in cells]),
        text_column("lowest", [_named(cell.runs[-1]) for cell in cells]),
        Column("spread", [_as_printed(cell, cell.spread) for cell in cells]),
        Column("deviation", [f"{cell.deviation:.2f}" for cell in cells]),
        Column("over seeds", [ABSENT if cell.over_seeds is None else f"{cell.over_seeds:.2f}" for cell in cells]),
    ]
    both = [cell for cell in cells if cell.over_seeds is not None]
    counted = (
        f"{len(cells)} cells were run by two papers or more. The spread across papers is wider than that over seeds in "
        f"{sum(cell.spread > cell.over_seeds for cell in both)} of the {len(both)} that have both."
    )
    figure = "![GLUE: how far each cell's figures lie below its highest](../figures/provenance.png)"
    return Page(columns, "Who ran the published figures", [counted, *_CELLS], _ORIGIN, figure)


def _as_printed(cell: Cell, difference: float) -> str:
    """Return a difference of a cell's figures with as many decimals as the finest of those compared."""
    digits = max(figure.cell.decimals for figure in cell.runs)
    return f"{difference:.{digits}f}"


def _task(cell: Cell) -> str:
    """Return a cell's task, with its score where the task has several."""
    return cell.task if cell.task.endswith(f"/{cell.score}") else f"{cell.task}: {cell.score}"


def _named(figure: Figure) -> str:
    return f"{figure.cell.text} ({_runner(figure)}{', from MNLI' if _from_mnli(figure) else ''})"


def _runner(figure: Figure) -> str:
    """Return for people whose run a figure is."""
    row = figure.row
    return f"{NOT_STATED}, in {row.source}" if row.runner == NOT_STATED else row.runner


def _from_mnli(figure: Figure) -> bool:
    return figure.score in figure.row.from_mnli


def _gains(gains: Sequence[Gain]) -> Page:
    columns = [
        text_column("paper", [f"{gain.own.row.source} {gain.own.row.table}" for gain in gains]),
        text_column("backbone", [gain.cell.backbone for gain in gains]),
        text_column("task", [_task(gain.cell) for gain in gains]),
        text_column("own method", [f"{gain.own.row.method} {gain.own.cell.text}" for gain in gains]),
        text_column("baseline", [f"{gain.cell.method} {gain.baseline.cell.text}" for gain in gains]),
        Column("gain", [_as_printed(gain.cell, gain.value) for gain in gains]),
        Column("baseline's spread", [_as_printed(gain.cell, gain.cell.spread) for gain in gains]),
        text_column("smaller", ["yes" if gain.within_spread else ABSENT for gain in gains]),
    ]
    benchmarks = Counter(gain.own.row.benchmark for gain in gains)
    within = Counter(gain.own.row.benchmark for gain in gains if gain.within_spread)
    each = ", ".join(f"{within[name]} of {count} on {name}" for name, count in benchmarks.most_common())
    counted = (
        f"{len(gains)} published gains are over a baseline that two papers ran or more; {within.total()} of them are "
        f"smaller than the baseline's spread across papers: {each}."
    )
    return Page(columns, "Published gains beside the spread of their baselines", [counted, *_GAINS])


def listed(cell: Cell) -> Page:
    """Return every figure that papers print for a cell, who ran it and how: those that are compared, then others."""
    figures = sorted(cell.figures, key=lambda figure: (bool(figure.apart), -figure.value))
    rows = [figure.row for figure in figures]
    columns = [
        Column("figure", [figure.cell.printed for figure in figures]),
        text_column("run by", [_runner(figure) for figure in figures]),
        text_column("printed in", [f"{row.source} {row.table}" for row in rows]),
        text_column("statistic", [row.statistic for row in rows]),
        text_column("epoch", [row.epoch for row in rows]),
        text_column("seeds", [str(row.seeds) for row in rows]),
        text_column("targets", [row.target_names for row in rows]),
        text_column("rank", [str(row.rank or ABSENT) for row in rows]),
        text_column("parameters", [row.printed_count or ABSENT for row in rows]),
        text_column("apart", [_apart(figure) for figure in figures]),
        text_column("reading", [row.source_trust or "first-hand" for row in rows]),
    ]
    return Page(columns, f"{cell.method}, {cell.backbone}, {_task(cell)}", [_summary(cell)])


def _apart(figure: Figure) -> str:
    """Return what sets a figure apart from the others of its cell, and in brackets why it is not compared with them."""
    row = figure.row
    parts = [part for part in (row.variant, row.note, "from MNLI" if _from_mnli(figure) else None) if part]
    excluded = [f"(not compared: {figure.apart})"] if figure.apart else []
    return " ".join([*([", ".join(parts)] if parts else []), *excluded]) or ABSENT


def _summary(cell: Cell) -> str:
    if cell.spread is None:
        return "Fewer than two ran it in a way that compares, so there is no spread across papers."
    seeds = "none prints a spread over seeds" if cell.over_seeds is None else f"over seeds {cell.over_seeds:.2f}"
    apart = f"spread {_as_printed(cell, cell.spread)}, deviation {cell.deviation:.2f}"
    return f"Across {len(cell.runs)} that ran it: {apart}; {seeds}."


def all_facts(rows: Sequence[PublishedRow]) -> dict[str, Any]:
    """Return what the overview says for JSON."""
    every = provenance.cells(rows)
    return {
        "cells": facts(provenance.compared(every)),
        "gains": [_facts_of_gain(gain) for gain in provenance.gains(rows, every)],
    }


def facts(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return cells for JSON, with every figure of each."""
    return [
        {"method": cell.method, "backbone": cell.backbone, "task": cell.task, "score": cell.score}
        | {"papers": len(cell.runs), "spread": cell.spread, "deviation": cell.deviation, "over_seeds": cell.over_seeds}
        | {"figures": [_facts_of(figure) for figure in cell.figures]}
        for cell in cells
    ]


def _facts_of(figure: Figure) -> dict[str, Any]:
    row = figure.row
    named = {"source", "arxiv", "table", "statistic", "epoch", "seeds", "source_trust", "targets", "rank", "variant"}
    return (
        {"value": figure.value, "spread": figure.spread, "run_by": row.runner, "from_mnli": _from_mnli(figure)}
        | row.model_dump(include=named | {"note", "parameters", "parameters_as_printed"})
        | {"not_compared": figure.apart or None}
    )


def _facts_of_gain(gain: Gain) -> dict[str, Any]:
    return (
        {"source": gain.own.row.source, "table": gain.own.row.table, "backbone": gain.cell.backbone}
        | {"task": gain.cell.task, "score": gain.cell.score, "method": gain.own.row.method, "value": gain.own.value}
        | {"baseline": gain.cell.method, "baseline_value": gain.baseline.value, "gain": gain.value}
        | {"baseline_spread": gain.cell.spread, "smaller": gain.within_spread}
    )


def write(rows: Sequence[PublishedRow], root: Path) -> list[Path]:
    """Write the overview, and its figure of the cells of GLUE, below ``root``; return their paths."""
    from benchmarks.report.figures import canvas  # here, so that printing does not wait for matplotlib
    from benchmarks.report.figures import provenance as figure

    on_glue = [cell for cell in provenance.compared(provenance.cells(rows)) if cell.task.startswith("glue/")]
    table = root / "tables" / "provenance.md"
    write_atomic(table, markup.document(overview(rows), "markdown").encode())
    return [table, canvas.write(figure.draw(on_glue), root / "figures" / "provenance.png")]
