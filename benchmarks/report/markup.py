"""Tables of (heading, cells) columns: in Markdown, in LaTeX and for a terminal."""

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

Columns = Sequence[tuple[str, Sequence[str]]]

# Of columns that hold text and stand to the left; figures stand to the right.
_TEXT = ("task", "method", "against", "targets", "variant", "row", "backbone", "formula", "verdict", "sizes")
_TEXT += ("regenerated from", "score", "why", "chosen")
_TEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_TEX |= {character: "\\" + character for character in "&%$#_{}"}


def markdown(columns: Columns) -> list[str]:
    """Return the lines of a Markdown table."""
    ruled = ["---" if heading in _TEXT else "---:" for heading, _ in columns]
    headings, *rows = _lines(columns)
    return ["| " + " | ".join(plain(cell) for cell in line) + " |" for line in [headings, ruled, *rows]]


def latex(columns: Columns) -> list[str]:
    """Return the lines of a LaTeX tabular, with booktabs' rules."""
    headings, *rows = [" & ".join(_tex(cell) for cell in line) + r" \\" for line in _lines(columns)]
    ruled = "".join("l" if heading in _TEXT else "r" for heading, _ in columns)
    begin = rf"\begin{{tabular}}{{{ruled}}}"
    return [begin, r"\toprule", headings, r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"]


def terminal(columns: Columns, title: str | None = None) -> Table:
    """Return a table for rich to print."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for heading, _ in columns:
        table.add_column(heading, justify="left" if heading in _TEXT else "right", overflow="fold")
    for cells in zip(*(column for _, column in columns), strict=True):
        table.add_row(*(Text(cell) for cell in cells))  # Text: a "[" is not markup
    return table


def _lines(columns: Columns) -> list[Sequence[str]]:
    return [[heading for heading, _ in columns], *zip(*(cells for _, cells in columns), strict=True)]


def plain(text: str) -> str:
    """Return text that cannot break a Markdown table: one line, no bare bar."""
    return " ".join(text.split()).replace("|", "\\|")


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)
