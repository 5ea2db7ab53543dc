"""Tables as text, Markdown, LaTeX and JSON: the same cells in each, and nothing in a cell that breaks one."""

import json

import pytest

from benchmarks import command, markup
from benchmarks.markup import Column, Page, text_column

COLUMNS = [text_column("name", ["a_b", "c | d", "[red]e"]), Column("value", ["1.0", "2.0", "-"])]
PAGE = Page(COLUMNS, "A title", ["one note", "another"], "Made by hand.", "![a figure](f.png)")


def test_a_page_in_markdown_has_its_notes_above_the_table() -> None:
    assert markup.document([PAGE], "markdown").splitlines() == [
        "# A title",
        "",
        "Made by hand.",
        "",
        "- one note",
        "- another",
        "",
        "![a figure](f.png)",
        "",
        "| name | value |",
        "| --- | ---: |",
        "| a_b | 1.0 |",
        r"| c \| d | 2.0 |",
        "| [red]e | - |",
    ]


def test_pages_in_latex_are_their_tables() -> None:
    lines = markup.document([PAGE, PAGE], "latex").splitlines()
    assert lines.count(r"\begin{tabular}{lr}") == 2
    assert r"a\_b & 1.0 \\" in lines


def test_json_has_the_facts_or_the_cells_by_heading() -> None:
    assert json.loads(markup.document([PAGE], "json", {"a": 1})) == {"a": 1}
    assert json.loads(markup.document([PAGE], "json", [])) == []
    (page,) = json.loads(markup.document([PAGE], "json"))
    assert (page["title"], page["notes"]) == ("A title", ["one note", "another"])
    assert page["rows"][0] == {"name": "a_b", "value": "1.0"}


def test_text_has_title_cells_and_notes_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    command.show([PAGE, Page([Column("empty", [])], "Nothing here")], "text")
    shown = capsys.readouterr().out
    assert all(part in shown for part in ("A title", "a_b", "c | d", "[red]e", "one note", "Nothing here"))
    assert "empty" not in shown and "Made by hand" not in shown


def test_a_markdown_document_reads_back() -> None:
    notes, columns = markup.read(markup.document([PAGE], "markdown"))
    assert notes == ["one note", "another"]
    assert [(c.heading, list(c.cells), c.align) for c in columns] == [
        (c.heading, list(c.cells), c.align) for c in COLUMNS
    ]
