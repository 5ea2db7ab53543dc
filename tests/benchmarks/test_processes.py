"""Two processes train the run that one process trains."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny

from benchmarks.experiment import run_experiment


def test_two_processes_score_as_one(bert: Path, glue: Path, machine: dict[str, str], tmp_path: Path) -> None:
    def job(root: Path) -> list[str]:
        # 43 rows in batches of 5: a batch has an odd number of rows, so the processes' shares of it differ.
        more = ["task=glue/stsb", "targets=all", "seeds=[0,1]", "train.batch_size=5"]
        return tiny.job("lora", bert, glue, root, *more)

    run_experiment(tiny.compose(job(tmp_path / "one")))
    # accelerate launch --cpu starts several processes only through MPI; torchrun is what it starts elsewhere.
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    done = subprocess.run(
        [*command, "-m", "benchmarks.run", *job(tmp_path / "two")],
        env=os.environ | machine | {"ACCELERATE_USE_CPU": "true"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("seed 0:") == 1  # one process speaks
    one, two = tiny.read(tmp_path / "one"), tiny.read(tmp_path / "two")
    assert sorted(one) == sorted(two) == [0, 1]
    for seed, alone in one.items():
        other = two[seed]
        assert other.environment.processes == 2
        assert other.identity == alone.identity
        assert other.scores.best_epoch == alone.scores.best_epoch
        for first, second in zip(alone.epochs, other.epochs, strict=True):
            # The sums over a batch are taken in another order: float32 rounding, over 18 steps.
            assert second.train_loss == pytest.approx(first.train_loss, rel=1e-5)
            assert second.scores == pytest.approx(first.scores, abs=1e-4)
    assert abs(one[0].epochs[0].train_loss - one[1].epochs[0].train_loss) > 1e-3
    assert not list((tmp_path / "two" / "cache" / "checkpoints").iterdir())
