"""What a task is: where its rows lie, and how a model learns them, answers them and is scored.

Training, decoding and scoring call what is declared here, and in ``text.Text`` for tasks that write text, and nothing
else of a task.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from benchmarks.typed import Settings

Example = dict[str, Any]  # one row as tokens: input_ids, labels, and whatever else the tokenizer gives


@dataclass(frozen=True)
class Source:
    """Where a split's rows lie: a data set on the hub, its config, and a split as ``datasets`` writes it: train[:90%].

    ``columns`` must exist, but for those in ``optional``: where such a one is absent or null, it is an empty text.
    ``classes`` names the classes of a column in the order of their ids. ``fault(row)`` says what is wrong with a row,
    or returns None. ``keeps(row)`` says whether a row is taken at all; without it every row is.
    """

    dataset: str
    config: str
    split: str
    revision: str | None
    columns: list[str]
    fault: Callable[[dict[str, Any]], str | None]
    optional: Sequence[str] = ()
    classes: Mapping[str, list[str]] = field(default_factory=dict)
    keeps: Callable[[dict[str, Any]], bool] | None = None


class Task(Settings):
    """Base of all kinds of task; a kind's fields are the settings of a file in conf/task.

    The module tasks/<kind>.py defines the class that is named after the kind: classification.py has Classification.
    """

    name: str
    dataset: str
    config: str
    train: str
    validation: str

    # Each kind says these as class variables, or as fields where they differ from task to task.
    revision: ClassVar[str | None]  # the data set's revision on the hub; None: the newest
    primary: ClassVar[str]  # the score that epochs are compared by; higher is better
    auto_class: ClassVar[str]  # the class of transformers that loads a backbone for the task
    has_head: ClassVar[bool]  # whether the backbone gets a head, which every run trains
    eval_rows: ClassVar[int]  # how many rows of dev go through the model at a time

    @property
    def benchmark(self) -> str:
        """Return the benchmark that the task belongs to: "glue" for "glue/mrpc"."""
        return self.name.partition("/")[0]

    @property
    def sources(self) -> dict[str, Source]:
        """Return where the rows of each split lie; there are at least "train" and "validation"."""
        return {"train": self._source(self.train), "validation": self._source(self.validation)}

    def _source(self, split: str) -> Source:
        return Source(
            self.dataset, self.config, split, self.revision, self.columns, self.fault, self.optional, self.classes
        )

    @property
    @abstractmethod
    def columns(self) -> list[str]:
        """Return the columns that a row must have."""

    @property
    def optional(self) -> list[str]:
        """Return the columns that may be absent or null, which is an empty text."""
        return []

    @property
    def classes(self) -> dict[str, list[str]]:
        """Return the names of the classes, in the order of their ids, by the column that holds them."""
        return {}

    @property
    @abstractmethod
    def half_by(self) -> list[str]:
        """Return the columns that decide which half of dev a row belongs to: rows that agree in them stay together."""

    @property
    def answers_classes(self) -> bool:
        """Say whether a prediction is a class; otherwise it is a number."""
        return False

    def faults_of_programs(self) -> dict[str, str | None]:
        """Try the programs beside Python that scoring runs; say what keeps each from running here, None if it runs."""
        return {}

    @property
    def model_settings(self) -> dict[str, Any]:
        """Return what the backbone's configuration is told beside its own facts, such as the number of classes."""
        return {}

    @abstractmethod
    def fault(self, row: dict[str, Any]) -> str | None:
        """Say what is wrong with a row, by column, or return None."""

    @abstractmethod
    def ready(self, tokenizer: Any) -> None:
        """Set the tokenizer up for the task. Raises SuiteError for one that lacks a token that the task needs."""

    @abstractmethod
    def encode(self, batch: dict[str, list], tokenizer: Any, max_length: int) -> dict[str, list]:
        """Return the tokens and labels of rows, by name, each a list of n entries of at most ``max_length`` tokens.

        batch: the values of n rows, by column. Raises SuiteError for a row that cannot be cut to that length.
        """

    def remark(self, examples: list[Example]) -> str | None:
        """Return what a person should know about the training rows before they are trained on, or None."""
        return None

    @abstractmethod
    def labels_of(self, examples: list[Example]) -> np.ndarray:
        """Return (rows,): what ``score`` compares predictions with."""

    @abstractmethod
    def sizes_of(self, examples: list[Example]) -> np.ndarray:
        """Return (rows,): the weight of each row in a batch's mean loss, before division by the batch's sum."""

    @abstractmethod
    def collate(self, examples: list[Example], tokenizer: Any, multiple: int = 1) -> tuple[dict[str, Any], Tensor]:
        """Return the model's inputs and the labels of n rows, padded to a ``multiple`` of tokens.

        Inputs: keyword arguments of the model's forward pass, among them (n, tokens) tensors. Labels: (n,) or
        (n, tokens), as ``loss`` and ``predict`` take them.
        """

    @abstractmethod
    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the (n,) losses of n rows, in float32.

        logits: (n, ...) of the model for ``collate``'s inputs; labels: ``collate``'s.
        """

    @abstractmethod
    def predict(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return (n,) predictions, in float32: what ``score`` takes. They are not finite where the logits are not.

        logits and labels are those of ``loss``.
        """

    @abstractmethod
    def score(self, predictions: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """Return the scores of rows by name, ``primary`` among them; higher is better for all of them.

        predictions: (rows,) of ``predict``; labels: (rows,) of ``labels_of``. Raises glue.UndefinedMetric where the
        predictions have no such score.
        """
