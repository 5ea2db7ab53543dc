"""Tasks: what their rows are called, their loss, their scores; the facts lie in conf/task."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
import transformers
from torch import Tensor
from torch.nn import functional

from benchmarks import checks, metrics
from benchmarks.errors import SuiteError

IGNORED = -100  # the label of a token that the loss passes over

Example = dict[str, Any]  # a row as tokens: input_ids and labels, and what else the tokenizer gives


@dataclass(frozen=True)
class Task:
    """What every task has: where its rows lie, and how a model learns and answers them.

    ``primary`` names the score that epochs are compared by; higher is better.
    """

    name: str
    dataset: str
    config: str
    train: str
    validation: str

    auto_class: ClassVar[type]  # of transformers, which loads a backbone for such tasks
    has_head: ClassVar[bool]  # whether the backbone gets a head, which every run trains
    eval_rows: ClassVar[int]  # how many rows of dev are answered at a time

    @property
    def splits(self) -> dict[str, str]:
        """Return the data set's own names of the task's splits."""
        return {"train": self.train, "validation": self.validation}

    @property
    def benchmark(self) -> str:
        """Return the benchmark that the task is of: "glue" of "glue/mrpc"."""
        return self.name.partition("/")[0]


@dataclass(frozen=True)
class Classification(Task):
    """One of GLUE's sets. ``labels`` names the classes in the order of their ids; None makes it a regression."""

    text: list[str]
    label: str
    labels: list[str] | None
    metric: str
    primary: str

    auto_class: ClassVar[type] = transformers.AutoModelForSequenceClassification
    has_head: ClassVar[bool] = True
    eval_rows: ClassVar[int] = 64
    revision: ClassVar[str | None] = None

    @property
    def columns(self) -> list[str]:
        """Return the columns that a row must have."""
        return [*self.text, self.label]

    @property
    def half_by(self) -> list[str]:
        """Return the columns that decide which half of dev a row is in."""
        return self.columns

    @property
    def model_settings(self) -> dict[str, Any]:
        """Return what the backbone's configuration must be told: the number of the head's outputs."""
        return {"num_labels": len(self.labels) if self.labels else 1}

    @cached_property
    def _metric(self):
        return metrics.load(self.metric)

    def fault(self, row: dict[str, Any]) -> str | None:
        """Say what is wrong with a row, or None."""
        for column in self.text:
            if not isinstance(row[column], str):
                return f"{row[column]!r} for {column}: {self.name} needs a text"
        label = row[self.label]
        if self.labels is None and not (isinstance(label, int | float) and np.isfinite(label)):
            return f"the label {label!r}: {self.name} needs a number"
        if self.labels is not None and label not in range(len(self.labels)):
            return f"the label {label!r}: {self.name} has 0 to {len(self.labels) - 1} ({', '.join(self.labels)})"
        return None

    def ready(self, tokenizer: Any) -> None:
        """Check that the tokenizer can do what the task needs of it."""
        if tokenizer.pad_token is None:
            raise SuiteError(
                f"the tokenizer of {tokenizer.name_or_path} has no pad token, and a batch of {self.name} is padded: "
                "name one as pad_token in its tokenizer_config.json"
            )

    def encode(self, batch: dict[str, list], tokenizer: Any, max_length: int) -> dict[str, list]:
        """Return the rows' tokens, cut to ``max_length``, and their labels."""
        tokens = tokenizer(*(batch[column] for column in self.text), truncation=True, max_length=max_length)
        return dict(tokens) | {"labels": batch[self.label]}

    def labels_of(self, examples: list[Example]) -> np.ndarray:
        """Return (rows,): what ``score`` compares the predictions with."""
        return np.array([example["labels"] for example in examples], dtype=np.int64 if self.labels else np.float32)

    def sizes_of(self, examples: list[Example]) -> np.ndarray:
        """Return (rows,): how much each row counts in the mean loss of a batch."""
        return np.ones(len(examples))

    def collate(self, examples: list[Example], tokenizer: Any) -> tuple[dict[str, Tensor], Tensor]:
        """Return the rows padded to the longest, as (rows, tokens) tensors, and the labels (rows,)."""
        inputs = [{key: value for key, value in example.items() if key != "labels"} for example in examples]
        return dict(tokenizer.pad(inputs, return_tensors="pt")), torch.tensor(self.labels_of(examples))

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each row: cross-entropy or squared error. logits: (rows, outputs), labels: (rows,)."""
        logits = logits.float()
        if self.labels:
            return functional.cross_entropy(logits, labels.long(), reduction="none")
        return (logits[:, 0] - labels) ** 2

    def predict(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return each row's class, or value, and nan where a logit is not finite. logits: (rows, outputs)."""
        values = logits.float().argmax(-1).float() if self.labels else logits[..., 0].float()
        # A class is chosen even of logits that are nan, so they must not reach that choice.
        return values.masked_fill(~logits.isfinite().all(-1), torch.nan)

    def score(self, predictions: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """Return every metric of the task; higher is better for all of them."""
        kind = int if self.labels else float
        return self._metric.compute(predictions=predictions.astype(kind), references=labels.astype(kind))


@dataclass(frozen=True)
class Decoding:
    """How text is chosen: the best of ``beams`` beams, or with one the likeliest token at each step.

    A beam's log-likelihood is divided by its length to the power of ``length_penalty``; no sequence of
    ``no_repeat_ngram`` tokens comes twice in a text (0 allows it). ``instances`` prompts of the test split are
    answered, a fixed sample, or all where it is None.
    """

    beams: int
    length_penalty: float
    no_repeat_ngram: int
    max_new_tokens: int
    instances: int | None

    def __post_init__(self) -> None:
        """Check what a person may have mistyped."""
        for name, least in (("beams", 1), ("no_repeat_ngram", 0), ("max_new_tokens", 1)):
            checks.whole(f"task.decode.{name}", getattr(self, name), least)
        checks.whole("task.decode.instances", self.instances, 1, null=True)
        checks.number("task.decode.length_penalty", self.length_penalty)


@dataclass(frozen=True)
class Generation(Task):
    """Text from a prompt, learnt from references, of which a prompt has one or more (each is a row).

    A row is the prompt, the end-of-text token, a space with the reference, and the end-of-text token again, as the LoRA
    paper's code lays E2E out; the loss is on the reference and its end alone, averaged over a batch's tokens, with
    label smoothing. Dev is scored by the mean log-likelihood of a reference's token, in nats.
    """

    revision: str | None
    test: str
    prompt: str
    reference: str
    label_smoothing: float
    decode: Decoding

    auto_class: ClassVar[type] = transformers.AutoModelForCausalLM
    has_head: ClassVar[bool] = False
    eval_rows: ClassVar[int] = 16
    primary: ClassVar[str] = "log_likelihood"
    model_settings: ClassVar[dict[str, Any]] = {}

    def __post_init__(self) -> None:
        """Check what a person may have mistyped."""
        checks.number("task.label_smoothing", self.label_smoothing, least=0, below=1)

    @property
    def splits(self) -> dict[str, str]:
        """Return the data set's own names of the task's splits; text is generated for the test split."""
        return super().splits | {"test": self.test}

    @property
    def columns(self) -> list[str]:
        """Return the columns that a row must have."""
        return [self.prompt, self.reference]

    @property
    def half_by(self) -> list[str]:
        """Return the columns that decide which half of dev a row is in: a prompt's references stay together."""
        return [self.prompt]

    def fault(self, row: dict[str, Any]) -> str | None:
        """Say what is wrong with a row, or None."""
        for column in self.columns:
            if not isinstance(row[column], str) or not row[column].strip():
                return f"{row[column]!r} for {column}: {self.name} needs a text"
        return None

    def ready(self, tokenizer: Any) -> None:
        """Check that the tokenizer ends texts. What pads them is masked everywhere, so it may be that token too."""
        if tokenizer.eos_token_id is None:
            raise SuiteError(
                f"the tokenizer of {tokenizer.name_or_path} has no end-of-text token, which ends every text of "
                f"{self.name}: name one as eos_token in its tokenizer_config.json"
            )
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        tokenizer.padding_side = "right"  # a token's place, and so its dropout, must not depend on its batch

    def prompt_tokens(self, prompts: Sequence[str], tokenizer: Any) -> list[list[int]]:
        """Return each prompt's tokens, with the one that separates it from its text."""
        plain = tokenizer(list(prompts), add_special_tokens=False)["input_ids"]
        return [[*tokens, tokenizer.eos_token_id] for tokens in plain]

    def encode(self, batch: dict[str, list], tokenizer: Any, max_length: int) -> dict[str, list]:
        """Return the rows' tokens, cut to ``max_length``, and their labels: the tokens themselves, or IGNORED.

        Raises SuiteError for a prompt that leaves no room for its text.
        """
        prompts = self.prompt_tokens(batch[self.prompt], tokenizer)
        texts = tokenizer([f" {text}" for text in batch[self.reference]], add_special_tokens=False)["input_ids"]
        encoded: dict[str, list] = {"input_ids": [], "labels": []}
        for prompt, text, written in zip(prompts, texts, batch[self.prompt], strict=True):
            if len(prompt) >= max_length:
                raise SuiteError(
                    f"a prompt has {len(prompt)} tokens, which leaves its text no room in train.max_length="
                    f"{max_length}: {written[:80]}"
                )
            tokens = [*prompt, *text, tokenizer.eos_token_id]
            encoded["input_ids"].append(tokens[:max_length])
            encoded["labels"].append(([IGNORED] * len(prompt) + tokens[len(prompt) :])[:max_length])
        return encoded

    def labels_of(self, examples: list[Example]) -> np.ndarray:
        """Return (rows,): the number of tokens that each row is scored on."""
        return np.array([sum(label != IGNORED for label in example["labels"]) for example in examples])

    def sizes_of(self, examples: list[Example]) -> np.ndarray:
        """Return (rows,): how much each row counts in the mean loss of a batch, which is over its tokens."""
        return self.labels_of(examples)

    def collate(self, examples: list[Example], tokenizer: Any) -> tuple[dict[str, Any], Tensor]:
        """Return the rows padded to the longest, as (rows, tokens) tensors, and the labels of those last tokens.

        The model is asked for no more logits than from the shortest prompt's end on.
        """
        collator = transformers.DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=IGNORED)
        padded = dict(collator([dict(example) for example in examples]))
        labels = padded.pop("labels")
        needed = labels.shape[1] - int((labels != IGNORED).any(0).int().argmax()) + 1
        return padded | {"logits_to_keep": needed}, labels[:, -needed:]

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return each row's mean smoothed cross-entropy over its tokens. logits: (rows, tokens, words)."""
        return self._row_means(logits, labels, self.label_smoothing)

    def predict(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return each row's mean log-likelihood of a token. logits: (rows, tokens, words), labels: (rows, tokens)."""
        return -self._row_means(logits, labels, 0.0)

    def score(self, predictions: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """Return the mean log-likelihood of a token; labels: (rows,) numbers of tokens."""
        return {self.primary: float((predictions * labels).sum() / labels.sum())}

    def _row_means(self, logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
        logits, wanted = logits[:, :-1], labels[:, 1:]
        counted = wanted != IGNORED
        # The counted tokens alone are cast to float32: over a vocabulary that is most of the memory.
        each = functional.cross_entropy(
            logits[counted].float(), wanted[counted], reduction="none", label_smoothing=smoothing
        )
        rows = torch.arange(len(labels), device=labels.device)[:, None].expand_as(counted)[counted]
        return each.new_zeros(len(labels)).index_add(0, rows, each) / counted.sum(1)


def build(facts: dict[str, Any]) -> Task:
    """Return the task that the facts of a file in conf/task describe: one with references is of generation."""
    if "reference" in facts:
        if not isinstance(facts["decode"], dict):
            raise SuiteError(f"task.decode={facts['decode']} is no set of settings: give them one by one")
        return Generation(**facts | {"decode": Decoding(**facts["decode"])})
    return Classification(**facts)
