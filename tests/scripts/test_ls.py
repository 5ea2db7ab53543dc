"""The command that lists what exists: its sections and formats, on a screen of 100 columns."""

import json

import pytest
from rich.console import Console

from benchmarks import command, conf
from benchmarks.report import inventory
from scripts import ls


def test_all_sections_are_printed_or_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert ls.main([]) == 0
    shown = capsys.readouterr().out
    assert all(f"{section.capitalize()}: " in shown for section in ("tasks", "backbones", "methods"))
    assert "Published tables: " in shown
    assert ls.main(["methods"]) == 0
    shown = capsys.readouterr().out
    assert "rank ** 2 * maps" in shown and "glue/mrpc" not in shown


def test_formats_have_the_same_lines(capsys: pytest.CaptureFixture[str]) -> None:
    for form, wanted in (("markdown", "| glue/mrpc | classification |"), ("latex", "glue/mrpc & classification &")):
        assert ls.main(["tasks", "--format", form]) == 0
        assert wanted in capsys.readouterr().out
    assert ls.main(["--format", "json"]) == 0
    pages = json.loads(capsys.readouterr().out)
    assert [line["task"] for line in pages[0]["rows"]] == conf.options("task")
    assert len(pages) == len(inventory.SECTIONS)


@pytest.mark.parametrize("section", inventory.SECTIONS)
def test_a_section_fits_a_hundred_columns(
    section: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "console", lambda: Console(width=100))
    assert ls.main([section]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert max(map(len, shown)) <= 100
    first = inventory.SECTIONS[section]().columns[0]
    assert all(any(line.startswith(f"  {cell} ") for line in shown) for cell in first.cells)  # no name is broken


def test_an_unknown_section_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        ls.main(["models"])
    assert end.value.code == 2 and "'tasks', 'backbones', 'methods', 'tables'" in capsys.readouterr().err
