"""What tasks of causal language models share: a text that follows a prompt, its loss, and how it is decoded."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from benchmarks.errors import SuiteError
from benchmarks.records.schema import LOG_LIKELIHOOD, Solved, Written
from benchmarks.tasks.base import Example, Task
from benchmarks.typed import Settings

Count = Annotated[int, Field(ge=1)]

IGNORED = -100  # the label of a token that the loss leaves out


class Decoding(Settings):
    """How text is chosen: the best of ``beams`` beams; with one beam, the likeliest token at each step.

    A beam's log-likelihood is divided by its length to the power of ``length_penalty``. No sequence of
    ``no_repeat_ngram`` tokens occurs twice in a text; 0 allows repetition. At most ``max_new_tokens`` are written.
    ``instances`` prompts of each set are answered, a fixed sample; None means all.
    """

    beams: Count
    length_penalty: float
    no_repeat_ngram: int = Field(ge=0)
    max_new_tokens: Count
    instances: Count | None


@dataclass(frozen=True)
class Instance:
    """A prompt, and every text that the data gives for it."""

    prompt: str
    references: list[str]


class Text(Task):
    """Text that follows a prompt: the base of all tasks of a causal language model.

    The loss is taken on the text and its end alone, unless a kind of task says otherwise, averaged over a batch's
    tokens. Dev is scored by the mean log-likelihood of such a token, in nats.
    """

    revision: str | None
    decode: Decoding

    auto_class: ClassVar[str] = "AutoModelForCausalLM"
    has_head: ClassVar[bool] = False
    eval_rows: ClassVar[int] = 16
    primary: ClassVar[str] = LOG_LIKELIHOOD

    @abstractmethod
    def instances(self, splits: Mapping[str, Any]) -> dict[str, list[Instance]]:
        """Return what a run is asked after its last epoch, by the name of the set.

        splits: the rows (``datasets.Dataset``) of every split in ``sources``.
        """

    @abstractmethod
    def prompt_tokens(self, prompts: Sequence[str], tokenizer: Any) -> list[list[int]]:
        """Return each prompt's tokens, up to where its text begins."""

    @abstractmethod
    def pairs(self, batch: dict[str, list], tokenizer: Any) -> list[tuple[list[int], list[int]]]:
        """Return the tokens of n rows: (prompt, text) of each, the text with its end.

        batch: the values of n rows, by column.
        """

    @abstractmethod
    def clean(self, text: str) -> str:
        """Return the part of a written text that counts."""

    @abstractmethod
    def mark(self, name: str, predictions: list[str], instances: list[Instance], seconds: float) -> Written | Solved:
        """Return what was written for the set ``name``, with its scores.

        predictions: one cleaned text for each instance; seconds: how long decoding them took.
        """

    def ready(self, tokenizer: Any) -> None:
        """Check that the tokenizer can end a text. Padding is masked everywhere, so the end may serve as padding."""
        if tokenizer.eos_token_id is None:
            raise SuiteError(
                f"the tokenizer of {tokenizer.name_or_path} has no end-of-text token, which ends every text of "
                f"{self.name}: name one as eos_token in its tokenizer_config.json"
            )
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        tokenizer.padding_side = "right"  # a token's place, and so its dropout, must not depend on its batch

    def encode(self, batch: dict[str, list], tokenizer: Any, max_length: int) -> dict[str, list]:
        """Return the rows' tokens and their labels, both cut to ``max_length``.

        Raises SuiteError for a prompt that leaves no room for its text.
        """
        encoded: dict[str, list] = {"input_ids": [], "labels": []}
        for prompt, text in self.pairs(batch, tokenizer):
            if len(prompt) >= max_length:
                raise SuiteError(
                    f"a prompt has {len(prompt)} tokens, which leaves no room for its text in train.max_length="
                    f"{max_length}: raise it; the prompt: {tokenizer.decode(prompt, skip_special_tokens=True)[:80]}"
                )
            tokens = [*prompt, *text]
            encoded["input_ids"].append(tokens[:max_length])
            encoded["labels"].append(self.labels(prompt, text)[:max_length])
        return encoded

    def labels(self, prompt: list[int], text: list[int]) -> list[int]:
        """Return the labels of a prompt's tokens and its text's: the tokens themselves, or IGNORED."""
        return [IGNORED] * len(prompt) + text

    def labels_of(self, examples: list[Example]) -> np.ndarray:
        """Return (rows,): the number of tokens that each row is scored on."""
        return np.array([sum(label != IGNORED for label in example["labels"]) for example in examples])

    def sizes_of(self, examples: list[Example]) -> np.ndarray:
        """Return (rows,): the number of tokens, since a batch's mean loss is taken over its tokens."""
        return self.labels_of(examples)

    def collate(self, examples: list[Example], tokenizer: Any, multiple: int = 1) -> tuple[dict[str, Any], Tensor]:
        """Return n padded rows as (n, tokens) tensors, and the labels (n, last tokens).

        ``logits_to_keep`` among the inputs asks the model for the logits from the end of the shortest prompt on, and
        no more; the labels are those of the same tokens.
        """
        from transformers import DataCollatorForSeq2Seq  # slow to import, and needed where a model is loaded anyway

        collator = DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=IGNORED, pad_to_multiple_of=multiple)
        padded = dict(collator([dict(example) for example in examples]))
        labels = padded.pop("labels")
        needed = labels.shape[1] - int((labels != IGNORED).any(0).int().argmax()) + 1
        needed = min(labels.shape[1], -(-needed // multiple) * multiple)
        return padded | {"logits_to_keep": needed}, labels[:, -needed:]

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return each row's mean cross-entropy of a token, (n,), in nats.

        logits: (n, tokens, vocabulary), labels: (n, tokens).
        """
        return self._row_means(logits, labels, 0.0)

    def predict(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return each row's mean log-likelihood of a token, (n,), in nats.

        logits: (n, tokens, vocabulary), labels: (n, tokens).
        """
        return -self._row_means(logits, labels, 0.0)

    def score(self, predictions: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """Return the mean log-likelihood of a token. predictions: (rows,) means; labels: (rows,) numbers of tokens."""
        return {self.primary: float((predictions * labels).sum() / labels.sum())}

    def _row_means(self, logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
        logits, wanted = logits[:, :-1], labels[:, 1:]
        counted = wanted != IGNORED
        # Only the counted tokens are cast to float32: over a whole vocabulary that is most of the memory.
        each = functional.cross_entropy(
            logits[counted].float(), wanted[counted], reduction="none", label_smoothing=smoothing
        )
        rows = torch.arange(len(labels), device=labels.device)[:, None].expand_as(counted)[counted]
        return each.new_zeros(len(labels)).index_add(0, rows, each) / counted.sum(1)
