"""E2E's kind of task: a prompt, and one or more reference texts for it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field
from torch import Tensor

from benchmarks.records.schema import Written
from benchmarks.tasks.base import Source
from benchmarks.tasks.scoring.e2e import e2e, meteor
from benchmarks.tasks.text import Instance, Text


class Generation(Text):
    """Text from a prompt, learnt from its references; each reference is a row with its prompt.

    ``prompt`` and ``reference`` name the columns, and ``test`` the split that is answered. A row is the prompt, the
    end-of-text token, a space and the reference, and the end-of-text token again: the LoRA paper's code lays E2E out
    so. ``label_smoothing`` smooths the training loss.
    """

    test: str
    prompt: str
    reference: str
    label_smoothing: float = Field(ge=0, lt=1)

    @property
    def sources(self) -> dict[str, Source]:
        """Return where the rows of each split lie; "test" is the one that is answered."""
        return super().sources | {"test": self._source(self.test)}

    @property
    def columns(self) -> list[str]:
        """Return the columns that a row must have."""
        return [self.prompt, self.reference]

    @property
    def half_by(self) -> list[str]:
        """Return the prompt's column, so that a prompt's references stay together."""
        return [self.prompt]

    def fault(self, row: dict[str, Any]) -> str | None:
        """Say what is wrong with a row, or return None."""
        for column in self.columns:
            if not isinstance(row[column], str) or not row[column].strip():
                return f"{row[column]!r} for {column}: {self.name} needs a text"
        return None

    def instances(self, splits: Mapping[str, Any]) -> dict[str, list[Instance]]:
        """Return the test split's prompts in the order of first appearance, each with its references."""
        references: dict[str, list[str]] = {}
        test = splits["test"]
        for prompt, reference in zip(test[self.prompt][:], test[self.reference][:], strict=True):
            references.setdefault(prompt, []).append(reference)
        return {"test": [Instance(prompt, texts) for prompt, texts in references.items()]}

    def prompt_tokens(self, prompts: Sequence[str], tokenizer: Any) -> list[list[int]]:
        """Return each prompt's tokens, with the one that separates it from its text."""
        plain = tokenizer(list(prompts), add_special_tokens=False)["input_ids"]
        return [[*tokens, tokenizer.eos_token_id] for tokens in plain]

    def pairs(self, batch: dict[str, list], tokenizer: Any) -> list[tuple[list[int], list[int]]]:
        """Return each row's prompt with the separator, and its text with its end, as tokens."""
        prompts = self.prompt_tokens(batch[self.prompt], tokenizer)
        texts = tokenizer([f" {text}" for text in batch[self.reference]], add_special_tokens=False)["input_ids"]
        return [(prompt, [*text, tokenizer.eos_token_id]) for prompt, text in zip(prompts, texts, strict=True)]

    def clean(self, text: str) -> str:
        """Return a text's first paragraph on one line, as the LoRA paper's code cuts it."""
        return " ".join(text.strip().partition("\n\n")[0].split())

    def faults_of_programs(self) -> dict[str, str | None]:
        """Try METEOR."""
        return {meteor.NAME: meteor.fault()}

    def mark(self, name: str, predictions: list[str], instances: list[Instance], seconds: float) -> Written:
        """Return the texts with the E2E challenge's scores."""
        references = [instance.references for instance in instances]
        return Written(
            instances=len(references),
            references=sum(map(len, references)),
            scores=e2e.score(predictions, references),
            absent={} if (reason := meteor.missing()) is None else {"meteor": reason},
            seconds=seconds,
            predictions=predictions,
        )

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return each row's mean smoothed cross-entropy of a token, (n,), in nats.

        logits: (n, tokens, vocabulary), labels: (n, tokens).
        """
        return self._row_means(logits, labels, self.label_smoothing)
