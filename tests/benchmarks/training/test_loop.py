"""What the loop tells while it trains, how it answers and scores dev, and which epoch's tensors a run keeps."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from accelerate import Accelerator
from rich.console import Console
from support import tiny

from benchmarks.models import saved
from benchmarks.records import predictions
from benchmarks.records.schema import Epoch, Record
from benchmarks.training import feed, loop, plan, trainer
from benchmarks.training.checkpoint import Progress
from benchmarks.training.runner import run_job
from methods.adapter import Adapter
from methods.base import Tensors
from methods.dropout import Rows


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
    fast = [f"task={task}", "method.lr=2e-2", "method.lr_head=2e-2"]
    run, whole = kept(bert, glue, tmp_path / "whole", 5, *fast)
    best = run.scores.best_epoch
    assert 1 < best < 5, "neither the first nor the last epoch may be the best one"
    assert same(whole, kept(bert, glue, tmp_path / "cut", best, *fast)[1])
    assert not same(whole, kept(bert, glue, tmp_path / "before", best - 1, *fast)[1])


class Told:
    """What a job's watch is told; ``stop_after`` steps somebody presses Ctrl-C."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stop_after: int | None = None) -> None:
        self.steps, self.epochs, self.lines, self.stop_after = 0, [], [], stop_after
        monkeypatch.setattr(trainer, "Watch", lambda *_: loop.Watch(self.step, self.epoch, self.lines.append))

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.stop_after:
            raise KeyboardInterrupt

    def epoch(self, run: int, epoch: Epoch, step: int) -> None:
        self.epochs.append((run, epoch.epoch, step))


def test_every_epoch_of_every_run_is_told_and_told_again_by_a_command_that_goes_on(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tiny.settings(tiny.job("lora", bert, glue, tmp_path, "seeds=[0,1]", "train.epochs=3"))
    rows = plan.prepare(settings, Accelerator(), Console(quiet=True)).rows.splits["train"]
    steps = -(-len(rows) // settings.train.batch_size)
    all_epochs = [(run, epoch, epoch * steps) for epoch in (1, 2, 3) for run in (0, 1)]
    first = Told(monkeypatch, stop_after=2 * steps + 1)
    with pytest.raises(KeyboardInterrupt):
        run_job(settings)
    assert first.epochs == all_epochs[:4]
    second = Told(monkeypatch)
    run_job(settings)
    assert second.epochs == all_epochs and second.steps == 3 * steps
    lines = [line.partition(":")[0].strip() for line in first.lines + second.lines if " of 3:" in line]
    assert lines == [f"epoch {number} of 3" for number in (1, 2, 3)]


def test_dev_is_answered_row_by_row_and_scored_whole_and_by_halves(bert: Path, glue: Path, tmp_path: Path) -> None:
    """STS-B's answers are numbers, so that no row's can be right by chance."""
    job = tiny.job("lora", bert, glue, tmp_path, "task=glue/stsb", "adapter.save=true", "method.lr=3e-2")
    run_job(tiny.settings(job))
    (path,) = tmp_path.rglob("records/**/*.json")
    record, kept = tiny.read(tmp_path)[0], predictions.read(path)
    dev = feed.feed_of(plan.prepare(tiny.settings(job), Accelerator(), Console(quiet=True))).dev
    opened = saved.load(saved.find(path), tmp_path)
    Adapter(opened.model, opened.method, opened.sites, [opened.trained], opened.frozen, Rows())
    alone = []
    for row in range(len(dev.examples)):
        inputs, _ = dev.collate([row])
        with torch.no_grad():
            alone.append(opened.model(**inputs).logits.item())
    np.testing.assert_allclose(kept.best, alone, rtol=0, atol=1e-5)
    of_best = record.epochs[record.scores.best_epoch - 1]
    assert dev.task.score(np.array(alone), dev.labels) == pytest.approx(of_best.scores, abs=1e-5)
    halves = [dev.task.score(kept.last[half], dev.labels[half])["pearson"] for half in kept.of_halves]
    assert list(record.epochs[-1].halves) == pytest.approx(halves, abs=1e-5)
    assert abs(halves[0] - halves[1]) > 1e-3, "the halves must differ"


def test_predictions_that_are_not_finite_fail_the_run_in_the_epoch_that_gave_them(
    bert: Path, glue: Path, tmp_path: Path
) -> None:
    settings = tiny.settings(tiny.job("lora", bert, glue, tmp_path))
    dev = feed.feed_of(plan.prepare(settings, Accelerator(), Console(quiet=True))).dev
    progress = Progress.start(2)
    progress.epoch = 2
    answers = np.zeros(len(dev.examples))
    answers[-1] = np.nan
    loop._score(dev, progress, 1, 0.5, answers)
    assert progress.failures == [None, "predictions stopped being finite in epoch 3"]
    assert progress.histories == [[], []] and progress.answered == [{}, {}]
