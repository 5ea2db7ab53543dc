"""Tables as columns: for a terminal, in Markdown, in LaTeX and as JSON."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich import box
from rich.table import Table
from rich.text import Text

FORMATS = ("text", "markdown", "json", "latex")
ABSENT = "-"  # a cell without a value
PREAMBLE = r"% \usepackage{booktabs,siunitx} \sisetup{separate-uncertainty, group-separator={,}}"
# A figure as cells have them: 12,345 or -0.25 or 90.0 ± 0.3.
_FIGURE = re.compile(r"(?P<sign>[+-]?)(?P<whole>[\d,]+)(\.(?P<part>\d+))?( ± (?P<spread>\d+(\.\d+)?))?")
_TEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_TEX |= {character: "\\" + character for character in "&%$#_{}"}


@dataclass(frozen=True)
class Column:
    """A heading and a cell for each line; text stands to the left, figures to the right."""

    heading: str
    cells: Sequence[str]
    align: Literal["left", "right"] = "right"


Columns = Sequence[Column]


@dataclass(frozen=True)
class Page:
    """A table as a command shows it: its columns, their title, and notes on what the cells are.

    ``origin`` and ``figure`` are for a file: what made it, and a picture to show, as a Markdown link.
    """

    columns: Columns
    title: str = ""
    notes: Sequence[str] = ()
    origin: str = ""
    figure: str = ""


def text_column(heading: str, cells: Sequence[str]) -> Column:
    """Return a column whose cells are text, not figures."""
    return Column(heading, cells, "left")


def markdown(columns: Columns) -> list[str]:
    """Return the lines of a Markdown table."""
    ruled = ["---" if column.align == "left" else "---:" for column in columns]
    headings, *rows = _lines(columns)
    return ["| " + " | ".join(plain(cell) for cell in line) + " |" for line in [headings, ruled, *rows]]


def read(document: str) -> tuple[list[str], list[Column]]:
    """Return the notes and the columns of a Markdown document with one table, as ``document`` writes it."""
    lines = document.splitlines()
    headings, ruled, *rows = [_cells(line) for line in lines if line.startswith("| ")]
    columns = zip(headings, ruled, *rows, strict=True)
    read = [Column(heading, cells, "right" if rule.endswith(":") else "left") for heading, rule, *cells in columns]
    return [line.removeprefix("- ") for line in lines if line.startswith("- ")], read


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def latex(columns: Columns) -> list[str]:
    """Return the lines of a LaTeX tabular: booktabs' rules, and siunitx's columns for figures."""
    formats = [_siunitx(column) for column in columns]
    ruled = "".join(form or column.align[0] for form, column in zip(formats, columns, strict=True))
    headings, *rows = _lines(columns)
    named = [f"{{{_tex(cell)}}}" if form else _tex(cell) for form, cell in zip(formats, headings, strict=True)]
    cells = [[_figure(cell) if form else _tex(cell) for form, cell in zip(formats, row, strict=True)] for row in rows]
    lines = [" & ".join(line) + r" \\" for line in (named, *cells)]
    begin = rf"\begin{{tabular}}{{{ruled}}}"
    return [begin, r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}"]


def _siunitx(column: Column) -> str:
    """Return the S column that aligns a column's figures, or nothing where a cell is something else."""
    found = [_FIGURE.fullmatch(cell) for cell in column.cells if cell != ABSENT]
    if column.align == "left" or not found or not all(found):
        return ""

    def widest(part: str) -> int:
        return max(len((figure[part] or "").replace(",", "").replace(".", "")) for figure in found)

    sign = "-" if any(figure["sign"] == "-" for figure in found) else "+" if widest("sign") else ""
    spread = f"({widest('spread')})" if widest("spread") else ""
    return f"S[table-format={sign}{widest('whole')}.{widest('part')}{spread}]"


def _figure(cell: str) -> str:
    return f"{{{cell}}}" if cell == ABSENT else cell.replace(",", "").replace("±", "+-")


def terminal(columns: Columns, title: str | None = None, caption: str | None = None) -> Table:
    """Return a table for rich to print."""
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, title_justify="left", caption_justify="left")
    for column in columns:
        table.add_column(column.heading, justify=column.align, overflow="fold")
    for cells in _lines(columns)[1:]:
        table.add_row(*(Text(cell) for cell in cells))  # Text: a "[" is not markup
    return table


def document(pages: Sequence[Page], form: str, facts: Any = None) -> str:
    """Return pages as a Markdown, LaTeX or JSON document.

    JSON has the ``facts`` that stand for all pages, or where there are none each page's cells by their headings.
    """
    if form == "json":
        return as_json([_facts_of(page) for page in pages] if facts is None else facts) + "\n"
    lines = [_markdown_page(page) if form == "markdown" else latex(page.columns) for page in pages]
    above = PREAMBLE + "\n" if form == "latex" else ""
    return above + "\n".join("\n".join(page) + "\n" for page in lines)


def _markdown_page(page: Page) -> list[str]:
    title = f"# {page.title}" if page.title else ""
    notes = "\n".join(f"- {note}" for note in page.notes)
    above = [part for part in (title, page.origin, notes, page.figure) if part]
    return [line for part in above for line in (part, "")] + markdown(page.columns)


def _facts_of(page: Page) -> dict[str, Any]:
    headings, *rows = _lines(page.columns)
    cells = [dict(zip(headings, row, strict=True)) for row in rows]
    return {"title": page.title, "notes": list(page.notes), "rows": cells}


def as_json(facts: Any) -> str:
    """Return facts as a JSON document."""
    return json.dumps(facts, indent=1, ensure_ascii=False)


def _lines(columns: Columns) -> list[Sequence[str]]:
    headings = [column.heading for column in columns]
    return [headings, *zip(*(column.cells for column in columns), strict=True)]


def plain(text: str) -> str:
    """Return text that cannot break a Markdown table: one line, no bare bar."""
    return " ".join(text.split()).replace("|", "\\|")


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)
