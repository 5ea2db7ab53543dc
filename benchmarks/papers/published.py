"""The papers' own figures, read from results/published: one YAML file per table of a paper.

A row's scores are keyed by task, or on a benchmark of one task by score: on "glue" these are "mrpc", "cola" and so on,
and "avg", the paper's own average; on "e2e" they are "bleu", "nist" and so on. Scores are as printed (GLUE's are x100).
A spread that a paper does not print is None.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks.conf import PUBLISHED
from benchmarks.errors import SuiteError

NO_TARGETS = "-"  # of a row or a run whose method adapts no chosen maps: it stands beside any targets


class Typed(BaseModel):
    """Strict base: an unknown field or a value of another type is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PublishedScore(Typed):
    """One printed cell, in the paper's unit."""

    value: float
    spread: float | None = None


class FileRow(Typed):
    """One row as it lies in a file; ``parameters`` is the number that ``parameters_as_printed`` stands for.

    ``count_follows`` is what is known of that figure: False where the method's definition gives another one.
    ``settings_printed`` is False where no paper prints the settings of the row's runs.
    """

    backbone: str
    method: str
    targets: str | list[str]
    parameters: float
    parameters_as_printed: str
    scores: dict[str, PublishedScore]
    rank: int | None = None
    run_by: str | None = None
    count_follows: bool = True
    settings_printed: bool = True


class Origin(Typed):
    """A paper's table, and how its scores came about.

    ``experiment`` is what its rows share in conf/experiment, the number of seeds too, over which the ``statistic`` is
    taken. ``train_rows`` says, by task, how many rows the runs must have learnt from, ``scored_rows``, by task or
    score, of how many the score must be, and ``start_rows`` how many the run on another task that some begin from.
    """

    source: str
    arxiv: str
    table: int | str
    benchmark: str
    experiment: str
    statistic: Literal["mean", "median"]
    train_rows: dict[str, int]
    scored_rows: dict[str, int]
    start_rows: int | None = None


class PublishedRow(FileRow, Origin):
    """One row of a paper's table, with the table it comes from."""

    @property
    def target_names(self) -> str:
        """Return the targets as a record writes them: one name, or several joined by commas."""
        return self.targets if isinstance(self.targets, str) else ",".join(self.targets)


class PublishedFile(Origin):
    """One table of a paper."""

    rows: list[FileRow]


def load(root: Path = PUBLISHED) -> list[PublishedRow]:
    """Read every ``root``/*.yaml, in file order; raises SuiteError naming the file that cannot be read."""
    paths = sorted(root.glob("*.yaml"))
    if not paths:
        raise SuiteError(f"{root} holds no published tables (*.yaml): restore it from the repository")
    return [row for path in paths for row in _rows(path)]


def _rows(path: Path) -> list[PublishedRow]:
    try:
        table = PublishedFile.model_validate(yaml.safe_load(path.read_text()))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SuiteError(f"{path} is not a published table: {where}: {first['msg']}") from error
    except yaml.YAMLError as error:
        raise SuiteError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    origin = table.model_dump(exclude={"rows"})
    return [PublishedRow(**origin, **row.model_dump()) for row in table.rows]


def find(
    rows: Iterable[PublishedRow],
    benchmark: str,
    backbone: str,
    method: str,
    targets: str,
    task: str | None = None,
) -> list[PublishedRow]:
    """Return the rows of one setting, and with ``task`` only those that print a score for it.

    Several rows may match: a paper prints several ranks, or repeats another paper's run beside its own.
    """
    return [
        row
        for row in rows
        if (row.benchmark, row.backbone, row.method) == (benchmark, backbone, method)
        and (row.target_names == targets or NO_TARGETS in (row.target_names, targets))
        and (task is None or task in row.scores)
    ]
