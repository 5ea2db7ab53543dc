"""A classification or regression task: what its rows are called, its loss, its scores; the facts lie in conf/task."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from benchmarks import metrics


@dataclass(frozen=True)
class Task:
    """One of GLUE's sets. ``labels`` names the classes in the order of their ids; None makes it a regression."""

    name: str
    dataset: str
    config: str
    train: str
    validation: str
    text: list[str]
    label: str
    labels: list[str] | None
    metric: str
    primary: str

    @property
    def outputs(self) -> int:
        """Return the number of the head's outputs."""
        return len(self.labels) if self.labels else 1

    @cached_property
    def _metric(self):
        return metrics.load(self.metric)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each row: cross-entropy or squared error. logits: (rows, outputs), labels: (rows,)."""
        if self.labels:
            return torch.nn.functional.cross_entropy(logits, labels.long(), reduction="none")
        return (logits[:, 0] - labels) ** 2

    def predict(self, logits: Tensor) -> Tensor:
        """Return each row's class, or value. logits: (..., outputs)."""
        return logits.argmax(-1) if self.labels else logits[..., 0]

    def score(self, predictions: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """Return every metric of the task; higher is better for all of them."""
        kind = int if self.labels else float
        return self._metric.compute(predictions=predictions.astype(kind), references=labels.astype(kind))
