"""Tables as text, Markdown, LaTeX and JSON: the same cells in each, and nothing in a cell that breaks one."""

import json
import shutil
import subprocess
from pathlib import Path

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
    assert lines.count(r"\begin{tabular}{lS[table-format=1.1]}") == 2
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


FIGURES = [
    markup.text_column("method", ["VB-LoRA", "a_b & c"]),
    Column("stored", ["1,234,567", "12"]),
    Column("score", ["90.1 ± 0.4", "-"]),
    Column("change", ["-0.25", "12.50"]),
    Column("gap", ["+1", "-2"]),
    Column("with seeds", ["90.1 (2 seeds)", "80"]),
]


def test_latex_has_columns_of_figures_for_siunitx() -> None:
    lines = markup.document([Page(FIGURES)], "latex").splitlines()
    assert lines[0].startswith("% ") and "siunitx" in lines[0] and "separate-uncertainty" in lines[0]
    score, change = "S[table-format=2.1(2)]", "S[table-format=-2.2]"
    assert lines[1] == rf"\begin{{tabular}}{{lS[table-format=7.0]{score}{change}S[table-format=-1.0]r}}"
    assert lines[3] == r"method & {stored} & {score} & {change} & {gap} & with seeds \\"
    assert lines[5] == r"VB-LoRA & 1234567 & 90.1 +- 0.4 & -0.25 & +1 & 90.1 (2 seeds) \\"
    assert lines[6] == r"a\_b \& c & 12 & {-} & 12.50 & -2 & 80 \\"


@pytest.mark.skipif(shutil.which("kpsewhich") is None, reason="no TeX is installed")
def test_latex_compiles(tmp_path: Path) -> None:
    if not subprocess.run(["kpsewhich", "siunitx.sty"], capture_output=True, check=False).stdout:
        pytest.skip("TeX has no siunitx")
    table = markup.document([Page(FIGURES)], "latex")
    preamble = table.splitlines()[0].removeprefix("% ")
    text = "\n".join([r"\documentclass{article}", preamble, r"\begin{document}", table, r"\end{document}"])
    (tmp_path / "table.tex").write_text(text)
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "table.tex"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "siunitx error" not in done.stdout and "Overfull" not in done.stdout
