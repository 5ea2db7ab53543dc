"""What a job's runs learn from and are asked: rows as tokens, batches of them, prompts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import send_to_device
from torch import Tensor

from benchmarks.errors import SuiteError, first_line
from benchmarks.models import backbones
from benchmarks.models.vocabulary import check_tokenizer
from benchmarks.tasks import rows as data
from benchmarks.tasks.base import Example, Task
from benchmarks.tasks.text import Decoding, Instance, Text
from benchmarks.tasks.tokens import tokenise
from benchmarks.training.passes import Batch
from benchmarks.training.plan import Job

_PADDED = 16  # tokens, whose multiples batches are padded to on a GPU, so that few shapes of them have to be recorded


@dataclass(frozen=True)
class Split:
    """A task's rows as tokens; ``halves`` tells dev's two halves apart, and train has none.

    Batches are padded to a ``multiple`` of tokens.
    """

    task: Task
    examples: list[Example]
    tokenizer: Any
    halves: np.ndarray | None = None
    multiple: int = 1

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

    def batches(self, rows: Sequence[np.ndarray], parts: int, accelerator: Accelerator) -> list[Batch]:
        """Return this process's share of the runs' rows of one step, in as many parts as they go through the model in.

        rows: for each run the numbers of its rows, all of one length.
        """
        parts = min(parts, len(rows[0]))
        totals = [self.sizes[chosen].sum() for chosen in rows]
        return [self._batch([chosen[part::parts] for chosen in rows], totals, accelerator) for part in range(parts)]

    def _batch(self, rows: Sequence[np.ndarray], totals: Sequence[float], accelerator: Accelerator) -> Batch:
        """Fill up a process's share with weightless rows, so that the shares are of one size."""
        share = -(-len(rows[0]) // accelerator.num_processes)
        shares, weights = [], []
        for run_rows, total in zip(rows, totals, strict=True):
            mine = run_rows[accelerator.process_index :: accelerator.num_processes]
            shares.append(np.concatenate([mine, np.repeat(run_rows[:1], share - len(mine))]))
            weights.append([*(self.sizes[mine] / total), *[0.0] * (share - len(mine))])
        device = accelerator.device
        inputs, labels = self.collate([row for run_rows in shares for row in run_rows])
        return Batch(
            inputs=send_to_device(inputs, device),
            labels=labels.to(device),
            weights=torch.tensor(weights, dtype=torch.float32, device=device),
            examples=torch.tensor(np.stack(shares), device=device),
        )

    def collate(self, rows: Sequence[int]) -> tuple[dict[str, Any], Tensor]:
        """Return these rows' tokens, padded to a ``multiple`` that holds the longest, and their labels."""
        return self.task.collate([self.examples[row] for row in rows], self.tokenizer, self.multiple)


@dataclass(frozen=True)
class Questions:
    """The instances of one set, and each one's prompt as tokens."""

    instances: list[Instance]
    prompts: list[list[int]]


@dataclass(frozen=True)
class Feed:
    """What a job's runs learn from, and by set what they are asked after it; a task of classes asks nothing."""

    tokenizer: Any
    train: Split
    dev: Split
    questions: dict[str, Questions]

    @property
    def prompts(self) -> int:
        """Return how many prompts each run is asked."""
        return sum(len(asked.prompts) for asked in self.questions.values())


def feed_of(job: Job) -> Feed:
    """Tokenise a job's rows and prompts. Raises SuiteError for rows or prompts that do not fit."""
    backbone, length = job.settings.backbone, job.settings.train.max_length
    config = backbones.configuration(job.directory, job.task, backbone.shape, random=backbone.random)
    limit = backbones.positions(config, job.task)
    if limit is not None and length > limit:
        raise SuiteError(f"train.max_length={length} is more than the {limit} tokens that {job.directory} can take")
    tokenizer = backbones.tokenizer(job.directory)
    job.task.ready(tokenizer)
    asked = {}
    if isinstance(job.task, Text):
        context = backbones.context(job.directory, job.settings.backbone.shape)
        asked = questions(job.rows, job.task, tokenizer, context)
    multiple = 1 if job.accelerator.device.type == "cpu" else math.gcd(_PADDED, limit or _PADDED)
    train, dev = (_split(job, name, tokenizer, multiple) for name in ("train", "validation"))
    check_tokenizer(tokenizer, config, job.task.has_head, [*train.examples, *dev.examples], backbone.random)
    return Feed(tokenizer, train, dev, asked)


def _split(job: Job, name: str, tokenizer: Any, multiple: int) -> Split:
    length = job.settings.train.max_length
    with job.accelerator.main_process_first():
        examples = tokenise(job.rows, name, job.task, tokenizer, job.fingerprint, length)
    if name == "train":
        return Split(job.task, examples, tokenizer, multiple=multiple)
    halves = data.halves(job.task, job.rows.splits[name])
    if len(set(halves)) < 2:
        raise SuiteError(
            f"all {len(halves)} rows of dev fall into one half, so that no epoch can be chosen on the other: "
            "raise data.validation_rows"
        )
    _check_scorable(job.task, examples, halves)
    return Split(job.task, examples, tokenizer, halves, multiple)


def _check_scorable(task: Task, examples: list[Example], halves: np.ndarray) -> None:
    """Raise SuiteError where even right predictions of a half of dev would have no score."""
    for half in (0, 1):
        labels = task.labels_of([example for example, which in zip(examples, halves, strict=True) if which == half])
        try:
            scores = task.score(labels, labels)
        except ValueError as error:
            raise SuiteError(
                f"{task.name} has no score on a half of dev with {len(labels)} rows and {len(set(labels.tolist()))} "
                f"different labels ({first_line(error)}): raise data.validation_rows"
            ) from error
        if task.primary not in scores:
            raise SuiteError(f"task.primary={task.primary} must be one of the task's scores: {', '.join(scores)}")


def questions(rows: data.Rows, task: Text, tokenizer: Any, context: int) -> dict[str, Questions]:
    """Return what the runs are to answer, by set. Raises SuiteError for a prompt that does not fit ``context``."""
    asked = {}
    for name, instances in data.instances(rows, task).items():
        prompts = task.prompt_tokens([instance.prompt for instance in instances], tokenizer)
        for instance, prompt in zip(instances, prompts, strict=True):
            check_fits(f"a prompt of {task.name}'s {name} split", prompt, instance.prompt, task.decode, context)
        asked[name] = Questions(instances, prompts)
    return asked


def check_fits(what: str, prompt: list[int], written: str, decoding: Decoding, context: int) -> None:
    """Raise SuiteError where a prompt and its text are more than the ``context`` tokens that a backbone can take."""
    if len(prompt) + decoding.max_new_tokens > context:
        raise SuiteError(
            f"{what} has {len(prompt)} tokens, which with {decoding.max_new_tokens} new ones is more than the "
            f"backbone's {context}, so ask for fewer: {written[:80]}"
        )
