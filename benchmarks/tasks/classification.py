"""GLUE's kind of task: a class, or a number, for a text or a pair of texts."""

from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import functional

from benchmarks.errors import SuiteError
from benchmarks.tasks.base import Example, Task
from benchmarks.tasks.scoring import glue


class Classification(Task):
    """A class, or a number, for one or two texts.

    ``text`` names the texts' columns and ``label`` the answer's. ``labels`` names the classes in the order of their
    ids; None makes it a regression. ``metric`` is one of ``glue.METRICS``.
    """

    text: list[str] = Field(min_length=1, max_length=2)
    label: str
    labels: list[str] | None = Field(min_length=2)
    metric: str
    primary: str
    revision: str | None = None

    auto_class: ClassVar[str] = "AutoModelForSequenceClassification"
    has_head: ClassVar[bool] = True
    eval_rows: ClassVar[int] = 64

    @field_validator("metric")
    @classmethod
    def _known(cls, metric: str) -> str:
        glue.check(metric)
        return metric

    @field_validator("labels")
    @classmethod
    def _different(cls, labels: list[str] | None) -> list[str] | None:
        if labels and len(set(labels)) < len(labels):
            raise ValueError(f"must name each class once, got {', '.join(labels)}")
        return labels

    @property
    def columns(self) -> list[str]:
        """Return the columns that a row must have."""
        return [*self.text, self.label]

    @property
    def classes(self) -> dict[str, list[str]]:
        """Return the classes of the label's column; a regression has none."""
        return {self.label: self.labels} if self.labels else {}

    @property
    def half_by(self) -> list[str]:
        """Return all columns."""
        return self.columns

    @property
    def answers_classes(self) -> bool:
        """Say whether a prediction is a class; in a regression it is a number."""
        return self.labels is not None

    @property
    def model_settings(self) -> dict[str, Any]:
        """Return the number of the head's outputs."""
        return {"num_labels": len(self.labels) if self.labels else 1}

    def fault(self, row: dict[str, Any]) -> str | None:
        """Say what is wrong with a row, or return None."""
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
        """Check that the tokenizer can pad, and let it do so on the right."""
        if tokenizer.pad_token is None:
            raise SuiteError(
                f"the tokenizer of {tokenizer.name_or_path} has no pad token, and a batch of {self.name} is padded: "
                "name one as pad_token in its tokenizer_config.json"
            )
        tokenizer.padding_side = "right"  # a token's place, and so its dropout, must not depend on its batch

    def encode(self, batch: dict[str, list], tokenizer: Any, max_length: int) -> dict[str, list]:
        """Return the rows' tokens, cut to ``max_length``, and their labels."""
        tokens = tokenizer(*(batch[column] for column in self.text), truncation=True, max_length=max_length)
        return dict(tokens) | {"labels": batch[self.label]}

    def labels_of(self, examples: list[Example]) -> np.ndarray:
        """Return (rows,): each row's class or number."""
        return np.array([example["labels"] for example in examples], dtype=np.int64 if self.labels else np.float32)

    def sizes_of(self, examples: list[Example]) -> np.ndarray:
        """Return (rows,) of ones: all rows count alike."""
        return np.ones(len(examples))

    def collate(self, examples: list[Example], tokenizer: Any, multiple: int = 1) -> tuple[dict[str, Tensor], Tensor]:
        """Return n padded rows as (n, tokens) tensors, and the labels (n,)."""
        inputs = [{key: value for key, value in example.items() if key != "labels"} for example in examples]
        padded = tokenizer.pad(inputs, return_tensors="pt", pad_to_multiple_of=multiple)
        return dict(padded), torch.tensor(self.labels_of(examples))

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return (n,) losses: cross-entropy in nats, or squared errors. logits: (n, outputs), labels: (n,)."""
        logits = logits.float()
        if self.labels:
            return functional.cross_entropy(logits, labels.long(), reduction="none")
        return (logits[:, 0] - labels) ** 2

    def predict(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return each row's class or number, (n,); nan where a logit is not finite. logits: (n, outputs)."""
        values = logits.float().argmax(-1).float() if self.labels else logits[..., 0].float()
        # argmax names a class even where all logits are nan, which would hide that the run has failed.
        return values.masked_fill(~logits.isfinite().all(-1), torch.nan)

    def score(self, predictions: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """Return the scores of the task's metric. predictions, labels: (rows,)."""
        number = int if self.labels else float
        return glue.score(self.metric, predictions.astype(number), labels.astype(number))
