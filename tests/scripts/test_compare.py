"""The command that compares: its formats, the files that it writes, and bad input as one line."""

import json
from pathlib import Path

import pytest
from support.answers import leave_answers
from support.record_factory import make_record, save

from scripts import compare


def test_formats_and_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for method, right in (("alpha", 0.9), ("beta", 0.7)):
        leave_answers(tmp_path, method, right)
    for kind in ("text", "markdown", "latex", "json"):
        assert compare.main(["--root", str(tmp_path), "--format", kind]) == 0
        shown = capsys.readouterr().out
        assert "alpha qv" in shown
    ((pair,),) = [sheet["pairs"] for sheet in json.loads(shown)]
    assert pair["overall"]["p"] < 0.05  # three seeds are few
    assert compare.main(["--root", str(tmp_path), "--write"]) == 0
    drawn = tmp_path / "figures" / "ranks-glue-embedded-minilm.png"
    assert "ranks-glue-embedded-minilm.png" in (tmp_path / "tables" / "compare-glue-embedded-minilm.md").read_text()
    before = drawn.read_bytes()
    assert before.startswith(b"\x89PNG")
    assert compare.main(["--root", str(tmp_path), "--write"]) == 0
    assert drawn.read_bytes() == before


def test_a_comparison_on_some_tasks_has_files_of_its_own(tmp_path: Path) -> None:
    for method in ("alpha", "beta"):
        leave_answers(tmp_path, method, 0.8)
    leave_answers(tmp_path, "alpha", 0.8, task="glue/rte")
    assert compare.main(["--root", str(tmp_path), "--tasks", "mrpc", "--write"]) == 0
    table = tmp_path / "tables" / "compare-glue-embedded-minilm-mrpc.md"
    assert "(../figures/ranks-glue-embedded-minilm-mrpc.png)" in table.read_text()


def test_rows_that_are_left_out_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for method in ("alpha", "beta"):
        leave_answers(tmp_path, method, 0.8)
    save(tmp_path, make_record("glue/mrpc", "old", "qv"))
    assert compare.main(["--root", str(tmp_path)]) == 0
    assert "Left out, 1: old qv: glue/mrpc, seed 0 has no predictions" in capsys.readouterr().out


def test_one_row_cannot_be_compared(tmp_path: Path, capsys) -> None:
    leave_answers(tmp_path, "alpha", 0.9)
    assert compare.main(["--root", str(tmp_path)]) == 2
    assert "fewer than two rows can be compared" in capsys.readouterr().err
