"""Which epoch's tensors a run keeps."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from support import tiny

from benchmarks.records.schema import Record
from benchmarks.training.runner import run_job
from methods.base import Tensors


def kept(bert: Path, glue: Path, root: Path, epochs: int, *overrides: str) -> tuple[Record, Tensors]:
    """Train at a constant rate, so that an epoch is the same however many follow; return what was kept."""
    more = [f"train.epochs={epochs}", "train.schedule=constant", "adapter.save=true", "adapter.resumable=true"]
    run_job(tiny.settings(tiny.job("lora", bert, glue, root, *more, *overrides)))
    (file,) = root.rglob("trained.safetensors")
    return tiny.read(root)[0], safetensors.torch.load_file(file)


def same(one: Tensors, other: Tensors) -> bool:
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_of_epochs_that_tie_the_first_is_kept(bert: Path, glue: Path, tmp_path: Path) -> None:
    slow = ["method.lr=1e-7", "method.lr_head=1e-7"]
    three, of_three = kept(bert, glue, tmp_path / "three", 3, *slow)
    assert len({epoch.scores["accuracy"] for epoch in three.epochs}) == 1, "the epochs must tie"
    assert three.scores.best_epoch == 1
    one, two = (kept(bert, glue, tmp_path / str(n), n, *slow)[1] for n in (1, 2))
    assert same(of_three, one) and same(two, one)


@pytest.mark.parametrize("task", ["glue/stsb"])
def test_the_best_epoch_is_kept_and_not_the_last(task: str, bert: Path, glue: Path, tmp_path: Path) -> None:
    fast = [f"task={task}", "method.lr=3e-2", "method.lr_head=3e-2"]
    run, whole = kept(bert, glue, tmp_path / "whole", 5, *fast)
    best = run.scores.best_epoch
    assert 1 < best < 5, "neither the first nor the last epoch may be the best one"
    assert same(whole, kept(bert, glue, tmp_path / "cut", best, *fast)[1])
    assert not same(whole, kept(bert, glue, tmp_path / "before", best - 1, *fast)[1])
