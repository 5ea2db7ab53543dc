"""A real run group leaves one W&B run for each of its runs."""

from pathlib import Path

import pytest
from support import tiny
from support.wandb_files import nobody_logged_in, read_back  # noqa: F401

from benchmarks.training.runner import run_job


def test_a_group_leaves_an_offline_run_for_each_of_its_runs(bert: Path, glue: Path, tmp_path: Path) -> None:
    run_job(tiny.settings(tiny.job("lora", bert, glue, tmp_path, "seeds=[0,1]", "wandb.mode=offline")))
    records, runs = tiny.read(tmp_path), read_back(tmp_path / "results")
    assert sorted(runs) == sorted(records) == [0, 1]
    for seed, record in records.items():
        run = runs[seed]
        assert run["config"]["identity"] == record.identity
        assert run["config"]["method"]["rank"] == record.config["method"]["rank"]
        assert run["config"]["parameters"] == record.parameters.model_dump()
        assert [row["_step"] for row in run["history"]] == [6, 12]  # 43 rows in batches of 8, twice
        assert [row["train/loss"] for row in run["history"]] == pytest.approx([e.train_loss for e in record.epochs])
        assert [row["dev/accuracy"] for row in run["history"]] == [e.scores["accuracy"] for e in record.epochs]
        assert [row["dev/score"] for row in run["history"]] == [row["dev/accuracy"] for row in run["history"]]
        assert run["config"]["target_set"] == record.targets
        assert run["summary"]["status"] == "finished"
        assert run["summary"]["best"] == record.scores.best
        assert run["summary"]["held_out"] == pytest.approx(record.scores.held_out)
        assert run["exit"] == 0
