"""The training loop: epochs over a run group, scores after each, a checkpoint after each."""

import io
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object, send_to_device

from benchmarks.records.files import write_atomic
from benchmarks.records.schema import Cost, Epoch
from benchmarks.tasks import order
from benchmarks.tasks.base import Example, Task
from benchmarks.tasks.scoring.glue import UndefinedMetric
from benchmarks.training.group import Batch, RunGroup
from methods.base import Tensors


@dataclass(frozen=True)
class Split:
    """A task's rows as tokens; ``halves`` tells dev's two halves apart, and train has none."""

    task: Task
    examples: list[Example]
    halves: np.ndarray | None

    @cached_property
    def labels(self) -> np.ndarray:
        """Return (rows,): what predictions are scored against."""
        return self.task.labels_of(self.examples)

    @cached_property
    def sizes(self) -> np.ndarray:
        """Return (rows,): how much each row counts in the mean loss of a batch."""
        return self.task.sizes_of(self.examples)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Return (rows,) token counts."""
        return np.array([len(example["input_ids"]) for example in self.examples])


@dataclass
class Progress:
    """How far a group has come: what a checkpoint holds beside the group's tensors."""

    epoch: int = 0
    histories: list[list[Epoch]] = field(default_factory=list)
    failures: list[str | None] = field(default_factory=list)
    kept: list[dict[str, Tensors]] = field(default_factory=list)
    answered: list[Tensors] = field(default_factory=list)  # of each run, by epoch: (rows,) of dev
    seconds: float = 0.0
    samples: int = 0
    tokens: int = 0
    peak_memory_bytes: int = 0

    def cost(self) -> Cost:
        """Return what training took, the group's runs together; scoring and decoding are not in it."""
        return Cost(
            train_seconds=self.seconds,
            samples_per_second=self.samples / self.seconds,
            tokens_per_second=self.tokens / self.seconds,
            peak_memory_bytes=self.peak_memory_bytes,
        )


def fit(
    group: RunGroup,
    task: Task,
    train: Split,
    dev: Split,
    tokenizer,
    checkpoint: Path,
    keep_best: bool,
    on_step: Callable[[], None],
    on_epoch: Callable[[int, Epoch, int], None],
) -> Progress:
    """Train a group to its last epoch, from its checkpoint where there is one.

    ``keep_best`` keeps a copy of what each run had trained at its best epoch, for saving it.
    ``on_step()`` is called after every step and ``on_epoch(run, epoch, step)`` after every epoch of a run, those that a
    checkpoint holds included. A run whose loss is not finite, or whose score is undefined, fails alone.
    """
    progress = _restore(group, checkpoint)
    steps = -(-len(train.examples) // group.train_settings.batch_size)
    for done in range(progress.epoch):
        for index, history in enumerate(progress.histories):
            if done < len(history):
                on_epoch(index, history[done], (done + 1) * steps)
        for _ in range(steps):
            on_step()
    while progress.epoch < group.train_settings.epochs and not all(progress.failures):
        losses = _train_epoch(group, task, train, tokenizer, progress, on_step)
        predictions = _predict(group, task, dev, tokenizer)
        for index, failure in enumerate(progress.failures):
            if failure is None:
                _score(task, dev, progress, index, float(losses[index]), predictions[index])
                if keep_best and _is_best(progress.histories[index], task.primary):
                    progress.kept[index] = _copy(group, index)
            if progress.failures[index] is None:
                on_epoch(index, progress.histories[index][-1], (progress.epoch + 1) * steps)
        progress.epoch += 1
        if group.accelerator.is_main_process:
            _save(group, progress, checkpoint)
        group.accelerator.wait_for_everyone()
    return progress


def _train_epoch(group: RunGroup, task: Task, train: Split, tokenizer, progress: Progress, on_step) -> np.ndarray:
    """Train one epoch. Returns (S,) mean losses over the rows; a failed run's is nan."""
    size = group.train_settings.batch_size
    orders = [order.batches(train.lengths, size, run.seed, progress.epoch) for run in group.runs]
    total = torch.zeros(len(group.runs), device=group.accelerator.device)
    _forget_peak_memory(group.accelerator.device)
    started = time.perf_counter()
    for step, rows in enumerate(zip(*orders, strict=True)):
        batches = _batches(rows, train, tokenizer, group)
        alive = [failure is None for failure in progress.failures]
        losses = group.step(task, batches, progress.epoch, alive)
        total += losses * len(rows[0])
        for index in (~losses.isfinite()).nonzero().flatten().tolist():
            if progress.failures[index] is None:
                where = f"epoch {progress.epoch + 1}, step {step + 1}"
                progress.failures[index] = f"the loss or its gradient stopped being finite in {where}"
        progress.samples += sum(len(own) for own in rows)
        progress.tokens += int(sum(train.lengths[own].sum() for own in rows))
        on_step()
    if group.accelerator.device.type == "cuda":
        torch.cuda.synchronize()
    progress.seconds += time.perf_counter() - started
    progress.peak_memory_bytes = max(progress.peak_memory_bytes, _peak_memory(group.accelerator.device))
    return (total / len(train.examples)).cpu().numpy()


def _batches(rows: tuple[np.ndarray, ...], split: Split, tokenizer, group: RunGroup) -> list[Batch]:
    """Return the runs' rows of one step in as many parts as they go through the model in."""
    parts = min(group.train_settings.accumulate or 1, len(rows[0]))
    totals = [split.sizes[own].sum() for own in rows]
    return [
        _batch([own[part::parts] for own in rows], totals, split, tokenizer, group.accelerator) for part in range(parts)
    ]


def _batch(
    rows: Sequence[np.ndarray], totals: Sequence[float], split: Split, tokenizer, accelerator: Accelerator
) -> Batch:
    """Return this process's share of the runs' rows, filled up with weightless rows so that all shares are alike."""
    share = -(-len(rows[0]) // accelerator.num_processes)
    own, weights = [], []
    for run_rows, total in zip(rows, totals, strict=True):
        mine = run_rows[accelerator.process_index :: accelerator.num_processes]
        own.append(np.concatenate([mine, np.repeat(run_rows[:1], share - len(mine))]))
        weights.append([*(split.sizes[mine] / total), *[0.0] * (share - len(mine))])
    device = accelerator.device
    inputs, labels = split.task.collate([split.examples[i] for run_rows in own for i in run_rows], tokenizer)
    return Batch(
        inputs=send_to_device(inputs, device),
        labels=labels.to(device),
        weights=torch.tensor(weights, dtype=torch.float32, device=device),
        examples=torch.tensor(np.stack(own), device=device),
    )


def _predict(group: RunGroup, task: Task, dev: Split, tokenizer) -> np.ndarray:
    """Return (S, rows) predictions on dev, each process having answered its share."""
    by_length = np.argsort(dev.lengths, kind="stable")
    batches = [by_length[i : i + task.eval_rows] for i in range(0, len(by_length), task.eval_rows)]
    answered = []
    for rows in batches[group.accelerator.process_index :: group.accelerator.num_processes]:
        inputs, labels = task.collate([dev.examples[i] for i in rows] * len(group.runs), tokenizer)
        device = group.accelerator.device
        values = group.predict(task, send_to_device(inputs, device), labels.to(device))
        answered.append((rows, values.float().cpu().numpy()))
    predictions = np.zeros((len(group.runs), len(dev.examples)))
    for rows, values in gather_object(answered):
        predictions[:, rows] = values
    return predictions


def _score(task: Task, dev: Split, progress: Progress, index: int, loss: float, predictions: np.ndarray) -> None:
    """Append an epoch to a run's history, or say why it has none."""
    if not np.isfinite(predictions).all():
        progress.failures[index] = f"predictions stopped being finite in epoch {progress.epoch + 1}"
        return
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
    *earlier, last = (epoch.scores[primary] for epoch in history)
    return all(last > score for score in earlier)


def _copy(group: RunGroup, index: int) -> dict[str, Tensors]:
    parts = {"trained": group.trained(index), "head": group.head(index)}
    return {part: {n: t.cpu().clone() for n, t in tensors.items()} for part, tensors in parts.items()}


def _save(group: RunGroup, progress: Progress, path: Path) -> None:
    content = io.BytesIO()
    histories = [[epoch.model_dump() for epoch in history] for history in progress.histories]
    torch.save({"group": group.state(), "progress": vars(progress) | {"histories": histories}}, content)
    write_atomic(path, content.getvalue())


def _restore(group: RunGroup, path: Path) -> Progress:
    runs = len(group.runs)
    if not path.exists():
        return Progress(
            histories=[[] for _ in range(runs)],
            failures=[None] * runs,
            kept=[{} for _ in range(runs)],
            answered=[{} for _ in range(runs)],
        )
    saved = torch.load(path, map_location=group.accelerator.device, weights_only=True)
    group.restore(saved["group"])
    histories = [[Epoch(**epoch) for epoch in history] for history in saved["progress"]["histories"]]
    return Progress(**saved["progress"] | {"histories": histories})


def _forget_peak_memory(device: torch.device) -> None:
    """Start the count of CUDA's peak memory anew; a process's own cannot be."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def _peak_memory(device: torch.device) -> int:
    """Return the most bytes held so far: on CUDA by tensors, elsewhere by the whole process since it started."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
