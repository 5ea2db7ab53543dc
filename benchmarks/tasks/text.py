"""What tasks of causal language models share: text that follows a prompt, its loss, how it is decoded."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import transformers
from torch import Tensor
from torch.nn import functional

from benchmarks import checks
from benchmarks.errors import SuiteError
from benchmarks.records import schema
from benchmarks.tasks.base import Example, Task

IGNORED = -100  # the label of a token that the loss passes over


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
class Instance:
    """A prompt, and every text that the data gives for it."""

    prompt: str
    references: list[str]


@dataclass(frozen=True)
class Text(Task, ABC):
    """Text that follows a prompt: the base of all tasks of a causal language model.

    The loss is on the text and its end alone, averaged over a batch's tokens. Dev is scored by the mean log-likelihood
    of a text's token, in nats.
    """

    revision: str | None
    decode: Decoding

    auto_class: ClassVar[type] = transformers.AutoModelForCausalLM
    has_head: ClassVar[bool] = False
    eval_rows: ClassVar[int] = 16
    primary: ClassVar[str] = "log_likelihood"
    model_settings: ClassVar[dict[str, Any]] = {}

    @abstractmethod
    def instances(self, splits: Mapping[str, Any]) -> dict[str, list[Instance]]:
        """Return what a run is asked after its last epoch, by the name of the set that it is from."""

    @abstractmethod
    def prompt_tokens(self, prompts: Sequence[str], tokenizer: Any) -> list[list[int]]:
        """Return the tokens after which each prompt's text begins."""

    @abstractmethod
    def pairs(self, batch: dict[str, list], tokenizer: Any) -> list[tuple[list[int], list[int]]]:
        """Return each row's prompt and text as tokens, each text with its end."""

    @abstractmethod
    def mark(
        self, name: str, predictions: list[str], instances: list[Instance], seconds: float
    ) -> schema.Written | schema.Solved:
        """Return what was written for a set of instances, with its scores; ``seconds`` are of the decoding."""

    @abstractmethod
    def clean(self, text: str) -> str:
        """Return what counts of a text that a run wrote."""

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

    def encode(self, batch: dict[str, list], tokenizer: Any, max_length: int) -> dict[str, list]:
        """Return the rows' tokens, cut to ``max_length``, and their labels: the tokens themselves, or IGNORED.

        Raises SuiteError for a prompt that leaves no room for its text.
        """
        encoded: dict[str, list] = {"input_ids": [], "labels": []}
        for prompt, text in self.pairs(batch, tokenizer):
            if len(prompt) >= max_length:
                raise SuiteError(
                    f"a prompt has {len(prompt)} tokens, which leaves its text no room in train.max_length="
                    f"{max_length}, so raise that: {tokenizer.decode(prompt, skip_special_tokens=True)[:80]}"
                )
            tokens = [*prompt, *text]
            encoded["input_ids"].append(tokens[:max_length])
            encoded["labels"].append(([IGNORED] * len(prompt) + text)[:max_length])
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
        """Return each row's mean cross-entropy over its tokens. logits: (rows, tokens, words)."""
        return self._row_means(logits, labels, 0.0)

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
