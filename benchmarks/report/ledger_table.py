"""The ledger as a table, or as one card for each row: where published parameter counts come from."""

from collections.abc import Sequence
from typing import Any

from benchmarks.markup import Column, Page, text_column
from benchmarks.papers.ledger import Entry
from benchmarks.papers.published import label
from benchmarks.report.notes import FORMULAS

_NOTES = (
    "Printed: the paper's figure. Stored: how many numbers an adapter stores, as the method's paper counts them and "
    "without the classification head. A figure follows where stored, rounded to the printed digits, equals it.",
    "Bytes: the size of the adapter file that the suite writes. Regenerated: how many frozen numbers no file holds, "
    "because they are computed again from what the next column names.",
    FORMULAS,
    "Where a figure does not follow, the verdict says what does, and any other way to count that would give the "
    "printed figure: that is arithmetic, and not a claim of what the paper did.",
)
_ORIGIN = (
    "Made by `make audit` from results/published, the recipes in conf/ and the methods' `init`, with each backbone at "
    "its real shape and without weights; do not edit by hand."
)


def page(entries: Sequence[Entry], brief: bool = False) -> Page:
    """Return the ledger as one table; ``brief`` leaves out the columns and notes that do not fit a screen."""
    following = sum(entry.follows for entry in entries)
    counted = f"{following} of {len(entries)} figures follow, {len(entries) - following} do not."
    if brief:
        return Page(columns(entries, brief), "The ledger of parameter counts", [counted])
    return Page(columns(entries), "The ledger of parameter counts", [*_NOTES, counted], _ORIGIN)


def pages(entries: Sequence[Entry], form: str, one_by_one: bool) -> list[Page]:
    """Return the ledger as one page; as text it is brief, or ``one_by_one`` a card for each entry."""
    if form != "text":
        return [page(entries)]
    return [_card(entry) for entry in entries] if one_by_one else [page(entries, brief=True)]


def _card(entry: Entry) -> Page:
    headings, cells = zip(*((column.heading, column.cells[0]) for column in columns([entry])), strict=True)
    return Page([text_column("what", headings), text_column("value", cells)], entry.name)


def facts(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the ledger for JSON."""
    return [entry.model_dump() | {"verdict": entry.verdict} for entry in entries]


def columns(entries: Sequence[Entry], brief: bool = False) -> list[Column]:
    """Return the ledger as columns; ``brief`` leaves out those that do not fit a screen."""
    made = [
        text_column("row", [label(e.source, e.table, e.run_by) for e in entries]),
        text_column("backbone", [e.backbone for e in entries]),
        text_column("method", [e.method for e in entries]),
        text_column("targets", [e.targets for e in entries]),
        text_column("sizes", [_sizes(e) for e in entries]),
        Column("printed", [e.printed for e in entries]),
        Column("stored", [f"{e.stored:,.15g}" for e in entries]),
        Column("trained", [f"{e.trained:,}" for e in entries]),
        Column("bytes", [f"{e.adapter_bytes:,}" for e in entries]),
    ]
    if not brief:
        made += [
            Column("regenerated", [f"{e.regenerated:,}" for e in entries]),
            text_column("regenerated from", [e.regenerated_from or "-" for e in entries]),
            Column("head", [f"{e.head:,}" for e in entries]),
            text_column("formula", [e.formula for e in entries]),
        ]
    return [*made, text_column("verdict", [e.verdict for e in entries])]


def surprises(entries: Sequence[Entry]) -> list[str]:
    """Return a line on each row whose figure follows although it was known not to, or the other way round."""
    return [
        f"{e.name}: {e.printed} is printed, and {e.stored:,.15g} numbers are {e.derived}"
        + ("" if e.expected else ", so set count_follows to true")
        for e in entries
        if e.follows != e.expected
    ]


def _sizes(entry: Entry) -> str:
    sizes = {name: value for name, value in entry.hyperparameters.items() if not name.endswith("_seed")}
    return ", ".join(f"{name}={_size(value)}" for name, value in sizes.items())


def _size(value: bool | float | str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:g}"
