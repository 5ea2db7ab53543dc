"""The command that lists what exists: its sections and formats, on a screen of 100 columns."""

import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import command, conf
from benchmarks.report import inventory
from methods import declared
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


def test_methods_are_listed_beside_one_whose_file_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(conf, "CONF", Path(shutil.copytree(conf.CONF, tmp_path / "conf")))
    (conf.CONF / "method" / "broken.yaml").write_text("name: broken\nrank: 2\n")
    monkeypatch.setattr(declared, "_FOLDER", Path(shutil.copytree(declared._FOLDER, tmp_path / "methods")))
    (declared._FOLDER / "broken.py").write_text("def factors(:")
    assert ls.main(["methods", "--format", "json"]) == 0
    (page,) = json.loads(capsys.readouterr().out)
    stored = {line["method"]: line["numbers stored"] for line in page["rows"]}
    assert stored["lora"] == "rank * sides"
    assert "methods/broken.py does not read (invalid syntax" in stored["broken"]
