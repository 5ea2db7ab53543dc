"""The scorer's command line, on files in the official format."""

import json
from pathlib import Path

import pytest

from benchmarks.tasks.scoring.e2e import e2e, meteor
from scripts import score_e2e

MARKED = Path(__file__).parents[3] / "shared" / "cases" / "27"
REFERENCES = "A cheap pub.\nThe pub is cheap.\n\nA dear pub by the river.\n"


def run(tmp_path: Path, references: str, predictions: str, *more: str) -> int:
    (tmp_path / "references").write_text(references)
    (tmp_path / "predictions").write_text(predictions)
    files = ["--references", str(tmp_path / "references"), "--predictions", str(tmp_path / "predictions")]
    return score_e2e.main([*files, *more])


@pytest.mark.usefixtures("java")
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
    assert "empty predictions, scored as saying nothing: 1, the first on line 2" in out


@pytest.mark.parametrize(
    ("references", "predictions"),
    [
        ("\ufeff" + REFERENCES, "A dear pub.\nA cheap pub.\n"),
        (REFERENCES, "\ufeffA dear pub.\nA cheap pub.\n"),
        (REFERENCES, "A dear pub.\r\n\ufeffA cheap pub.\r\n"),  # two files of Windows put together
        (REFERENCES.replace("\n\n", "\n\n\ufeff"), "\ufeffA dear pub.\nA cheap pub.\n"),
    ],
)
def test_a_byte_order_mark_is_not_text(
    references: str, predictions: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = []
    for pair in ((REFERENCES, "A dear pub.\nA cheap pub.\n"), (references, predictions)):
        assert run(tmp_path, *pair, "--format", "json", "--metrics", "bleu", "nist", "rouge_l", "cider") == 0
        values.append(json.loads(capsys.readouterr().out))
    assert values[0] == values[1]


@pytest.mark.skipif(not MARKED.is_dir(), reason="the inputs that failed (../shared/cases/27) are not here")
@pytest.mark.parametrize(
    ("predictions", "references"), [("plain", "plain"), ("BOM_in_predictions", "plain"), ("BOM_in_both", "BOM_in_both")]
)
def test_marks_change_no_bleu(predictions: str, references: str, capsys: pytest.CaptureFixture[str]) -> None:
    files = [
        "--references",
        str(MARKED / f"{references}.refs.txt"),
        "--predictions",
        str(MARKED / f"{predictions}.preds.txt"),
    ]
    assert score_e2e.main([*files, "--metrics", "bleu", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"]["bleu"] == pytest.approx(0.5177566178856933)


def test_a_file_without_empty_lines_has_one_reference_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "One pub.\nTwo pubs.\n", "One pub.\nTwo pubs.\n", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["instances"] == 2


@pytest.mark.parametrize(
    ("references", "predictions", "fragments"),
    [
        (
            REFERENCES,
            "A pub.\nA pub.\n\n",
            ["3 predictions", "2 instances", "line 3 of", "the first without an instance", "empty predictions: line 3"],
        ),
        (
            REFERENCES,
            "A pub.\n\nA pub.\n",
            ["3 predictions", "2 instances", "line 3 of", "the first without an instance", "empty predictions: line 2"],
        ),
        (REFERENCES, "A pub.\n", ["1 predictions", "2 instances", "instance at line 4 of", "without a prediction"]),
        ("A pub.\nA bar.\n", "A pub.\n", ["1 predictions", "2 instances", "instance at line 2 of"]),
        ("A pub.\n\n\nA pub.\n", "A pub.\nA pub.\nA pub.\n", ["references line 3 must be a reference"]),
        ("\nA pub.\n\nA pub.\n", "A pub.\nA pub.\n", ["references line 1 must be a reference"]),
        ("A pub.\n\nA pub.\n\n\n", "A pub.\nA pub.\n", ["references line 5 must be a reference"]),
    ],
)
def test_files_that_do_not_fit_are_one_line(
    references: str, predictions: str, fragments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, references, predictions) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert all(fragment in line for fragment in fragments)


@pytest.mark.usefixtures("java")
def test_no_file_and_no_java_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = str(tmp_path / "nowhere")
    assert score_e2e.main(["--references", missing, "--predictions", missing]) == 2
    assert "nowhere" in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(tmp_path, REFERENCES, "A\nB\n", "--metrics", "meteor") == 2
    assert "no Java runtime was found" in capsys.readouterr().err


@pytest.mark.usefixtures("java")
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
