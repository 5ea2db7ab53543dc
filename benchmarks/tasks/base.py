"""What every task has: where its rows lie, and how a model learns and answers them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

Example = dict[str, Any]  # a row as tokens: input_ids and labels, and what else the tokenizer gives


@dataclass(frozen=True)
class Source:
    """Where rows lie: a data set of the hub, its config, its split in ``datasets``' words ("train[:90%]").

    ``columns`` must be there; ``fault(row)`` says what is wrong with a row, or None.
    """

    dataset: str
    config: str
    split: str
    revision: str | None
    columns: list[str]
    fault: Callable[[dict[str, Any]], str | None]


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
    def sources(self) -> dict[str, Source]:
        """Return where each split's rows lie."""
        return {"train": self._source(self.train), "validation": self._source(self.validation)}

    def _source(self, split: str) -> Source:
        return Source(self.dataset, self.config, split, self.revision, self.columns, self.fault)

    @property
    def answers_classes(self) -> bool:
        """Say whether what is answered to a row is a class, and not a number."""
        return False

    @property
    def benchmark(self) -> str:
        """Return the benchmark that the task is of: "glue" of "glue/mrpc"."""
        return self.name.partition("/")[0]

    def remark(self, examples: list[Example]) -> str | None:
        """Return what a person should know of the rows as tokens before they are trained on, or None."""
        return None
