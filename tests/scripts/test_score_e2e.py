"""The scorer's command line, on files in the official format."""

import json
from pathlib import Path

import pytest

from benchmarks.tasks.scoring.e2e import e2e, meteor
from scripts import score_e2e

REFERENCES = "A cheap pub.\nThe pub is cheap.\n\nA dear pub by the river.\n"


def run(tmp_path: Path, references: str, predictions: str, *more: str) -> int:
    (tmp_path / "references").write_text(references)
    (tmp_path / "predictions").write_text(predictions)
    files = ["--references", str(tmp_path / "references"), "--predictions", str(tmp_path / "predictions")]
    return score_e2e.main([*files, *more])


def test_json_holds_the_scores_and_how_each_was_computed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, REFERENCES, "A cheap pub.\nA dear pub by the river.\n", "--format", "json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["instances"] == 2
    assert printed["scores"]["bleu"] == printed["scores"]["rouge_l"] == 1.0
    assert printed["how"].keys() == printed["scores"].keys() == set(e2e.available())
    assert printed["absent"].keys() | printed["scores"].keys() == e2e.SCORES.keys()


def test_the_table_names_every_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, REFERENCES, "A pub.\n\n") == 0
    out = capsys.readouterr().out
    assert all(name in out for name in e2e.SCORES)


def test_a_file_without_empty_lines_has_one_reference_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "One pub.\nTwo pubs.\n", "One pub.\nTwo pubs.\n", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["instances"] == 2


@pytest.mark.parametrize(
    ("references", "predictions", "fragments"),
    [
        (REFERENCES, "A pub.\nA pub.\n\n", ["3 predictions", "2 instances"]),
        (REFERENCES, "A pub.\n", ["1 predictions", "2 instances"]),
        ("A pub.\n\n\nA pub.\n", "A pub.\nA pub.\nA pub.\n", ["instance 2 has no reference"]),
    ],
)
def test_files_that_do_not_fit_are_one_line(
    references: str, predictions: str, fragments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, references, predictions) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert all(fragment in line for fragment in fragments)


def test_no_file_and_no_java_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = str(tmp_path / "nowhere")
    assert score_e2e.main(["--references", missing, "--predictions", missing]) == 2
    assert "nowhere" in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(tmp_path, REFERENCES, "A\nB\n", "--metrics", "meteor") == 2
    assert "no Java runtime was found" in capsys.readouterr().err


@pytest.mark.skipif(meteor.missing() is not None, reason=f"METEOR cannot run: {meteor.missing()}")
def test_a_java_that_stops_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho no memory left >&2\nexit 1\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert run(tmp_path, REFERENCES, "A\nB\n", "--metrics", "meteor") == 2
    assert "METEOR 1.5 stopped: no memory left" in capsys.readouterr().err


def test_markdown_and_latex_have_the_same_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    same = (REFERENCES, "A cheap pub.\nA dear pub by the river.\n", "--metrics", "rouge_l", "--format")
    assert run(tmp_path, *same, "markdown") == 0
    assert "| rouge_l | 1.0000 | F with beta 1.2" in capsys.readouterr().out
    assert run(tmp_path, *same, "latex") == 0
    assert r"rouge\_l & 1.0000 & F with beta 1.2" in capsys.readouterr().out
