"""Which methods of a sheet differ, as a table of pairs with its notes, and as files."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import markup
from benchmarks.analysis import comparisons
from benchmarks.analysis.comparisons import Compared
from benchmarks.analysis.intervals import Difference
from benchmarks.analysis.measures import key_of
from benchmarks.analysis.sheets import Sheet
from benchmarks.errors import SuiteError
from benchmarks.markup import ABSENT, Column, Page, text_column
from benchmarks.records.files import write_atomic
from benchmarks.records.schema import scale_and_digits
from benchmarks.report import tables

_SCORES = {"held_out": "held-out", "best": "best epoch on dev", "last": "last epoch"}


def compare(
    root: Path, name: str | None, score: str, targets: str | None, tasks: Sequence[str]
) -> tuple[list[tuple[Sheet, Compared]], list[str]]:
    """Compare within the sheet of this ``name`` below ``root``, or within each; return why others could not be, too.

    Raises SuiteError for an unknown sheet, and where no sheet can be compared.
    """
    every = tables.sheets_below(root)
    chosen = [sheet for sheet in every if name in (None, sheet.stem)]
    if not chosen:
        raise SuiteError(f"there is no sheet {name} below {root}/records; known: {', '.join(s.stem for s in every)}")
    made, refused = [], []
    for sheet in chosen:
        try:
            made.append((sheet, comparisons.compare(sheet, root, score, targets, tasks)))
        except SuiteError as error:
            refused.append(str(error))
    if not made:
        raise SuiteError("; ".join(refused))
    return made, refused


def page(sheet: Sheet, compared: Compared) -> Page:
    """Return a comparison as its table, with what must be known beside it."""
    return Page(
        title=f"Which methods differ: {_title(sheet, compared)}",
        columns=columns(sheet, compared),
        notes=_notes(sheet, compared),
        origin="Made by `python scripts/compare.py --write`; do not edit by hand.",
        figure=f"![mean ranks](../figures/{_figure(sheet, compared)})",
    )


def facts(sheet: Sheet, compared: Compared) -> dict[str, Any]:
    """Return a comparison for JSON, with scores as they are computed."""
    return {"sheet": sheet.stem, **asdict(compared)}


def write(sheet: Sheet, compared: Compared, root: Path) -> list[Path]:
    """Write a comparison's table and figure below ``root``; return their paths."""
    from benchmarks.report.figures import (  # here, so that printing a comparison does not wait for matplotlib
        canvas,
        ranks,
    )

    table = root / "tables" / f"compare-{_stem(sheet, compared)}.md"
    figure = root / "figures" / _figure(sheet, compared)
    write_atomic(table, markup.document([page(sheet, compared)], "markdown").encode())
    return [table, canvas.write(ranks.draw(compared, _title(sheet, compared)), figure)]


def columns(sheet: Sheet, compared: Compared) -> list[Column]:
    """Return the pairs as columns: differences with their 95% intervals, and tests."""
    pairs = compared.pairs
    unit = scale_and_digits(sheet.finished[0].scores.primary)
    made = [text_column("method", [pair.one for pair in pairs]), text_column("against", [pair.other for pair in pairs])]
    for task in compared.tasks:
        made.append(Column(key_of(task), [_cell(pair.by_task[task], *unit) for pair in pairs]))
    if len(compared.tasks) > 1:
        made.append(Column("mean", [_cell(pair.overall, *unit) for pair in pairs]))
    made.append(Column("p", [_p(None if pair.corrected is None else pair.overall.p) for pair in pairs]))
    made.append(Column("p, Holm", [_p(pair.corrected) for pair in pairs]))
    if any(pair.mcnemar is not None for pair in pairs):
        made.append(Column("McNemar", [_p(pair.mcnemar) for pair in pairs]))
    made.append(Column("effect", [f"{pair.overall.effect:+.2f}" for pair in pairs]))
    made.append(Column("seeds", [str(pair.seeds) for pair in pairs]))
    return made


def _cell(difference: Difference, scale: int, digits: int) -> str:
    interval = difference.interval
    value, low, high = (f"{scale * end:+.{digits}f}" for end in (interval.value, interval.low, interval.high))
    return f"{value} [{low}, {high}]"


def _p(value: float | None) -> str:
    if value is None:
        return ABSENT
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}" if value < 0.1 else f"{value:.2f}"


def _notes(sheet: Sheet, compared: Compared) -> list[str]:
    pairs, rows = len(compared.pairs), len(compared.ranks)
    notes = [
        f"Scores: {_SCORES[compared.score]}; {pairs} pairs of {rows} rows on {', '.join(compared.tasks)}.",
        "A difference is the mean over shared seeds and dev's rows, with [its 95% interval]; both seeds and rows are "
        "taken as samples. p: how likely a difference as large in the mean over tasks is if the methods do not differ; "
        "Holm: corrected for all pairs here. Effect: the difference divided by the deviation of one seed's "
        "difference on one row.",
        _mean_ranks(compared),
    ]
    if groups := comparisons.alike(compared.ranks, compared.pairs):
        notes.append("Not told apart at 5%: " + "; ".join(", ".join(group) for group in groups) + ".")
    if any(pair.seeds == 1 for pair in compared.pairs):
        notes.append(
            "One shared seed gives an interval over examples and no p of methods, since it tells nothing about other "
            "seeds. McNemar's p is of the two runs."
        )
    if compared.left_out:
        notes.append(f"Left out, {len(compared.left_out)}: " + "; ".join(compared.left_out) + ".")
    if sheet.embedded:
        notes.append("These rows of data are the suite's own, and from no paper's set.")
    return notes


def _mean_ranks(compared: Compared) -> str:
    """Return the mean ranks as a sentence, with their intervals where there are two tasks or more."""
    if len(compared.tasks) == 1:
        return "Rank: " + ", ".join(f"{name} {rank.value:.1f}" for name, rank in compared.ranks.items()) + "."
    each = (f"{name} {rank.value:.1f} [{rank.low:.1f}, {rank.high:.1f}]" for name, rank in compared.ranks.items())
    return (
        f"Mean rank: {', '.join(each)}. The 95% interval takes the tasks as a sample of tasks; it is too short for "
        "a method that is first, or last, on nearly all of them."
    )


def _stem(sheet: Sheet, compared: Compared) -> str:
    """Return the name of the files, which names the tasks where they are not all of the sheet's."""
    narrowed = [key_of(task) for task in compared.tasks] if compared.tasks != sheet.tasks else []
    return "-".join([sheet.stem, *narrowed])


def _figure(sheet: Sheet, compared: Compared) -> str:
    return f"ranks-{_stem(sheet, compared)}.png"


def _title(sheet: Sheet, compared: Compared) -> str:
    return sheet.title if compared.tasks == sheet.tasks else f"{sheet.title}: {', '.join(map(key_of, compared.tasks))}"
