"""The command that gives verdicts: its formats, and bad input as one line."""

import json
from pathlib import Path

import pytest
from support.recipe_runs import around, row_of, run_of
from support.record_factory import save

from benchmarks.papers import published
from scripts import verdicts

CENTRE = row_of("roberta-large", "vb_lora").scores["mrpc"].value


def test_every_printed_score_has_a_verdict_and_none_of_the_committed_runs_is_of_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    scores = [name for row in published.runnable(published.load()) for name in row.scored]
    assert verdicts.main(["--root", str(Path(__file__).parents[2] / "results"), "--format", "json"]) == 0
    judged = json.loads(capsys.readouterr().out)
    assert len(judged) == len(scores) == 423
    assert {verdict["ruling"] for verdict in judged} == {"not run"}


def test_formats_have_the_same_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path, *(run_of(score, seed) for seed, score in enumerate(around(CENTRE))))
    for form in ("text", "markdown", "latex"):
        assert verdicts.main(["--root", str(tmp_path), "--format", form]) == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert "reproduced" in shown and f"{CENTRE:.2f} [" in shown
        if form != "latex":
            assert "423 scores: 2 reproduced, 0 within the spread, 0 not reproduced, 0 not comparable, 421 not" in shown
