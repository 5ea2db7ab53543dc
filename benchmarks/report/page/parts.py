"""What the page is put together from: tables and figures with what they are filtered by, in blocks and sections."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.markup import Column, Columns, Page
from benchmarks.report import names

_NAMING = ("method", "against")  # headings of columns whose cells begin with a method's name
_FILTERED = ("targets", "task", "seeds", "seed")  # headings of what a table is filtered by


@dataclass(frozen=True)
class Table:
    """A table with its notes; ``tags`` holds what each line is filtered by, a line of text for each method."""

    title: str
    columns: Columns
    tags: Sequence[dict[str, str]]
    notes: Sequence[str] = ()

    @property
    def lines(self) -> list[tuple[dict[str, str], list[tuple[Column, str]]]]:
        """Return each line's tags, and its cells with their columns."""
        cells = zip(*(column.cells for column in self.columns), strict=True)
        return [(tag, list(zip(self.columns, line, strict=True))) for tag, line in zip(self.tags, cells, strict=True)]


@dataclass(frozen=True)
class Figure:
    """A figure as Vega-Lite, in words, and as a table; ``task`` is the task that it is of, where it is of one."""

    name: str
    title: str
    words: str
    spec: dict[str, Any]
    table: Table
    task: str = ""


@dataclass(frozen=True)
class Block:
    """A heading with its notes, figures and tables. ``folded`` blocks are opened by who wants them."""

    title: str
    notes: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page. ``filters`` has for each filter its choices, as (value, what is read)."""

    name: str
    title: str
    blocks: Sequence[Block]
    notes: Sequence[str] = ()
    filters: dict[str, list[tuple[str, str]]] = field(default_factory=dict)


def table(title: str, columns: Iterable[Column], notes: Sequence[str] = ()) -> Table:
    """Return a table for the page, with the papers' names of methods."""
    columns = list(columns)
    by_heading = {column.heading: column.cells for column in columns}
    tags: list[dict[str, str]] = [{} for _ in columns[0].cells]
    for heading in (name for name in _FILTERED if name in by_heading):
        for tag, cell in zip(tags, by_heading[heading], strict=True):
            tag[heading] = cell
    for heading in (name for name in _NAMING if name in by_heading):
        for tag, cell in zip(tags, by_heading[heading], strict=True):
            tag["method"] = "\n".join(filter(None, [tag.get("method"), names.method_of(cell)]))
    return Table(title, [_shown(column) for column in columns], tags, notes)


def table_of(page: Page) -> Table:
    """Return a table that commands show, for the page."""
    return table(page.title, page.columns, page.notes)


def _shown(column: Column) -> Column:
    if column.heading not in _NAMING:
        return column
    return Column(column.heading, [names.shown(cell) for cell in column.cells], column.align)
