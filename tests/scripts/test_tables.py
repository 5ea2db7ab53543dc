"""The command that makes tables: where it writes, what it prints, and bad input as one line."""

import json
import shutil
from pathlib import Path

import pytest
from support.record_factory import make_record, save

from benchmarks import conf
from scripts import tables


def test_where_everything_lies_is_printed(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "results" / "local", make_record())
    assert tables.main([]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "table   results/local/tables/glue-embedded-minilm.md",
        "figure  results/local/figures/glue-embedded-minilm.png",
        "figure  results/local/figures/glue-embedded-minilm-seeds.png",
        "records results/local/records",
    ]
    save(tmp_path / "results", make_record(source="hub"))
    assert tables.main(["--print"]) == 0
    out = capsys.readouterr().out
    assert "table   results/tables/glue-minilm.md" in out and "table   results/local/tables/" in out
    assert "glue, minilm: generated data, not GLUE" in out and "90.0" in out


def test_other_roots_can_be_given(tmp_path: Path, capsys) -> None:
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        save(root, make_record())
    assert tables.main(["--root", *map(str, roots)]) == 0
    assert all((root / "tables" / "glue-embedded-minilm.md").exists() for root in roots)
    assert "90.0" not in capsys.readouterr().out


def test_what_is_printed_has_the_format_that_was_asked_for(tmp_path: Path, capsys) -> None:
    save(tmp_path, make_record())
    for form, wanted in (("markdown", "| alpha | qv | 12,345 |"), ("latex", "alpha & qv & 12345 &")):
        assert tables.main(["--root", str(tmp_path), "--format", form]) == 0
        assert wanted in capsys.readouterr().out
    assert tables.main(["--root", str(tmp_path), "--format", "json"]) == 0
    ((row,),) = [page["rows"] for page in json.loads(capsys.readouterr().out)]
    assert (row["method"], row["mrpc"]) == ("alpha", "90.0")


@pytest.mark.parametrize("arguments", [[], ["--root", "elsewhere"]])
def test_no_records_is_one_line_that_says_what_makes_some(arguments, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert tables.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("error: no records below ")
    assert "`make quickstart`" in printed.err and printed.err.count("\n") == 1


def test_a_bad_config_is_one_line(tmp_path: Path, monkeypatch, capsys) -> None:
    """Verdicts compose the recipes of published rows."""
    copy = shutil.copytree(conf.CONF, tmp_path / "conf")
    (copy / "backbone" / "roberta-large.yaml").write_text("defaults: [no_such_file]\n")
    monkeypatch.setattr(conf, "CONF", copy)
    save(tmp_path, make_record(method="lora", source="hub", backbone="roberta-large"))
    assert tables.main(["--root", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and "no_such_file" in line
