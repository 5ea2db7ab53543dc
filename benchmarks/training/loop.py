"""The training loop: epochs over a run group, scores after each, a checkpoint after each."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate.utils import gather_object, send_to_device

from benchmarks.records.schema import Epoch
from benchmarks.tasks import order
from benchmarks.tasks.scoring.glue import UndefinedMetric
from benchmarks.training import allocator, checkpoint, console
from benchmarks.training.checkpoint import Progress
from benchmarks.training.feed import Feed, Split
from benchmarks.training.group import RunGroup
from methods.base import Tensors


@dataclass(frozen=True)
class Watch:
    """Who is told how training goes: after every step, after every epoch of a run (run, epoch, step), and in words."""

    on_step: Callable[[], None]
    on_epoch: Callable[[int, Epoch, int], None]
    say: Callable[[str], None]


def fit(group: RunGroup, feed: Feed, place: Path, keep_best: bool, watch: Watch) -> Progress:
    """Train a group to its last epoch, from its checkpoint at ``place`` where there is one.

    ``keep_best`` keeps a copy of what each run had trained at its best epoch, for saving it. ``watch`` is told of the
    epochs that a checkpoint holds too. A run whose loss is not finite, or whose score is undefined, fails alone.
    """
    progress = checkpoint.restore(group, place, watch.say)
    device, settings = group.accelerator.device, group.train_settings
    steps = -(-len(feed.train.examples) // settings.batch_size)
    for epoch in range(progress.epoch):
        _tell(progress, epoch, steps, watch)
        for _ in range(steps):
            watch.on_step()
    while progress.epoch < settings.epochs and not all(progress.failures):
        orders = [order.batches(feed.train.lengths, settings.batch_size, r.seed, progress.epoch) for r in group.runs]
        losses = torch.zeros(len(group.runs), device=device)
        _forget_peak_memory(device)
        started = time.perf_counter()
        for step, rows in enumerate(zip(*orders, strict=True), 1):
            batches = feed.train.batches(rows, settings.accumulate or 1, group.accelerator)
            alive = [failure is None for failure in progress.failures]
            step_losses = group.step(feed.train.task, batches, progress.epoch, alive)
            losses += step_losses * len(rows[0])
            _note(progress, rows, feed.train, step_losses, step)
            watch.on_step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        progress.seconds += time.perf_counter() - started
        progress.peak_memory_bytes = max(progress.peak_memory_bytes, _peak_memory(device))
        _score_epoch(group, feed, progress, (losses / len(feed.train.examples)).tolist(), keep_best)
        _tell(progress, progress.epoch, steps, watch)
        watch.say(console.epoch(progress.histories, progress.epoch + 1, settings.epochs, feed.dev.task.primary))
        progress.epoch += 1
        if group.accelerator.is_main_process:
            checkpoint.save(group, progress, place)
        group.accelerator.wait_for_everyone()
    return progress


def _tell(progress: Progress, epoch: int, steps: int, watch: Watch) -> None:
    """Tell of an epoch's scores, but for the runs that failed in it or before."""
    for index, history in enumerate(progress.histories):
        if epoch < len(history):
            watch.on_epoch(index, history[epoch], (epoch + 1) * steps)


def _note(progress: Progress, rows: tuple[np.ndarray, ...], train: Split, losses: torch.Tensor, step: int) -> None:
    """Count a step's rows and tokens, and fail the runs whose loss in it is not finite."""
    for index in (~losses.isfinite()).nonzero().flatten().tolist():
        if progress.failures[index] is None:
            where = f"epoch {progress.epoch + 1}, step {step}"
            progress.failures[index] = f"the loss or its gradient stopped being finite in {where}"
    progress.samples += sum(len(chosen) for chosen in rows)
    progress.tokens += int(sum(train.lengths[chosen].sum() for chosen in rows))


def _score_epoch(group: RunGroup, feed: Feed, progress: Progress, losses: list[float], keep_best: bool) -> None:
    """Answer dev with every run, and score those that have not failed."""
    predictions = _predict(group, feed.dev)
    for index in [index for index, failure in enumerate(progress.failures) if failure is None]:
        _score(feed.dev, progress, index, losses[index], predictions[index])
        still = progress.failures[index] is None
        if keep_best and still and _is_best(progress.histories[index], feed.dev.task.primary):
            progress.kept[index] = _copy(group, index)


def _predict(group: RunGroup, dev: Split) -> np.ndarray:
    """Return (S, rows) predictions on dev, each process having answered its share."""
    size, device = dev.task.eval_rows, group.accelerator.device
    by_length = np.argsort(dev.lengths, kind="stable")
    batches = [by_length[i : i + size] for i in range(0, len(by_length), size)]
    answered = []
    for rows in batches[group.accelerator.process_index :: group.accelerator.num_processes]:
        inputs, labels = dev.collate([*rows] * len(group.runs))
        values = group.predict(dev.task, send_to_device(inputs, device), labels.to(device))
        answered.append((rows, values.float().cpu().numpy()))
    predictions = np.zeros((len(group.runs), len(dev.examples)))
    for rows, values in gather_object(answered):
        predictions[:, rows] = values
    return predictions


def _score(dev: Split, progress: Progress, index: int, loss: float, predictions: np.ndarray) -> None:
    """Append an epoch to a run's history, or say why it has none."""
    if not np.isfinite(predictions).all():
        progress.failures[index] = f"predictions stopped being finite in epoch {progress.epoch + 1}"
        return
    task = dev.task
    try:
        scores = task.score(predictions, dev.labels)
        halves = [task.score(predictions[dev.halves == h], dev.labels[dev.halves == h])[task.primary] for h in (0, 1)]
    except UndefinedMetric as error:
        progress.failures[index] = f"{error} (epoch {progress.epoch + 1})"
        return
    progress.answered[index][str(progress.epoch)] = torch.tensor(predictions, dtype=torch.float32)
    progress.histories[index].append(
        Epoch(epoch=progress.epoch + 1, train_loss=loss, scores=scores, halves=tuple(halves))
    )


def _is_best(history: list[Epoch], primary: str) -> bool:
    """Say whether the last epoch is better than all before it."""
    *earlier, last = (epoch.scores[primary] for epoch in history)
    return all(last > score for score in earlier)


def _copy(group: RunGroup, index: int) -> dict[str, Tensors]:
    parts = {"trained": group.trained(index), "head": group.head(index)}
    return {part: {n: t.cpu().clone() for n, t in tensors.items()} for part, tensors in parts.items()}


def _forget_peak_memory(device: torch.device) -> None:
    """Start the count of CUDA's peak memory anew; a process's own cannot be."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def _peak_memory(device: torch.device) -> int:
    """Return the most bytes held so far: on CUDA by tensors, elsewhere by the whole process since it started."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return allocator.peak_memory()
