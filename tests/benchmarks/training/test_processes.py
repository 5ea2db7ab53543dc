"""Two processes train the run that one process trains."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from support import tiny
from support.processes import kill_at

from benchmarks.records.schema import Record
from benchmarks.training import decode
from benchmarks.training.runner import run_job

# A batch has an odd number of rows, so the processes' shares of it differ.
MORE = ("targets=all", "seeds=[0,1]", "train.batch_size=5")


def test_two_processes_write_as_one(
    gpt2: Path, restaurants: Path, machine: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Enough beams that a batch holds two prompts, so that each process has some to answer.
    more = ("task.decode.instances=null", "task.decode.beams=80", "task.decode.max_new_tokens=4", "method.lr=1e-2")
    assert decode._SEQUENCES // (2 * 80) == 2
    machine = machine | {"PATH": str(tmp_path)}  # and so without Java, as this process

    def job(root: Path) -> list[str]:
        return tiny.writing_job("lora", gpt2, restaurants, root, *MORE, *more)

    run_job(tiny.settings(job(tmp_path / "one")))
    with started(job(tmp_path / "two"), machine) as child:
        said, errors = child.communicate(timeout=200)
    assert said.count("seed 0:") == 1, errors  # one process speaks
    one, two = compared(tmp_path)
    for seed, alone in one.items():
        assert len(alone.generation.predictions) == 6
        assert two[seed].generation.predictions == alone.generation.predictions
        assert two[seed].generation.scores == alone.generation.scores


def test_two_processes_go_on_after_a_kill_and_score_classes_as_one(
    bert: Path, glue: Path, machine: dict[str, str], tmp_path: Path
) -> None:
    """With a method that draws noise in each step."""

    def job(root: Path) -> list[str]:
        more = ("task=glue/stsb", "method.selection=gumbel_softmax", "train.epochs=16")
        return tiny.job("vb_lora", bert, glue, root, *MORE, *more)

    run_job(tiny.settings(job(tmp_path / "one")))
    checkpoints = tmp_path / "two" / "cache" / "checkpoints"
    with started(job(tmp_path / "two"), machine) as child:
        kill_at(child, checkpoints)
    (checkpoint,) = checkpoints.glob("*.pt")
    assert 1 <= torch.load(checkpoint, weights_only=True)["progress"]["epoch"] < 16
    with started(job(tmp_path / "two"), machine) as again:
        said, errors = again.communicate(timeout=200)
    assert said.count("seed 0:") == 1, errors
    compared(tmp_path)


def started(job: list[str], machine: dict[str, str]) -> subprocess.Popen[str]:
    """Start a job on two processes."""
    # accelerate launch --cpu starts several processes only through MPI; torchrun is what it starts elsewhere.
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    return subprocess.Popen(
        [*command, "scripts/train.py", *job],
        env=os.environ | machine | {"ACCELERATE_USE_CPU": "true"},
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def compared(tmp_path: Path) -> tuple[dict[int, Record], dict[int, Record]]:
    """Return the records of one process and of two, having compared them."""
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
    return one, two
