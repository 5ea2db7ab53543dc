"""The papers' figures, read from results/published: one YAML file for each table of a paper.

A row's scores are keyed by task on a benchmark of several tasks ("mrpc" and "cola" on "glue", and "avg" for the paper's
average), and by score on a benchmark of one task ("bleu" and "nist" on "e2e"). Scores are as printed (GLUE's are x100).
A spread that a paper does not print is None.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import yaml
from pydantic import ValidationError

from benchmarks.conf import PUBLISHED
from benchmarks.errors import SuiteError
from benchmarks.typed import Settings

NO_TARGETS = "-"  # the targets of a row or run whose method adapts no maps, which compares with any targets

# libyaml's loader reads the same and takes a tenth of the time; a PyYAML that was built without it lacks it.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class PublishedScore(Settings):
    """One printed cell, in the paper's unit."""

    value: float
    spread: float | None = None


class FileRow(Settings):
    """One row as its file has it; ``parameters`` is the number that ``parameters_as_printed`` stands for.

    ``count_follows`` is False where the method's definition is known to give another count than the printed one.
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


class Origin(Settings):
    """A paper's table, and how its scores came about.

    ``experiment`` is the file in conf/experiment with what its rows share, such as the seeds that ``statistic`` is
    taken over. ``train_rows`` says for each task how many rows its runs must learn from, ``scored_rows`` for each task
    or score how many rows it must be computed on. ``start_rows`` is how many rows the run on another task must have
    learnt from, where a row's runs begin from one.
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

    @property
    def name(self) -> str:
        """Return the row's name for people."""
        by = f" ({self.run_by})" if self.run_by else ""
        return f"{self.source}-table{self.table} {self.backbone} {self.method} {self.target_names}{by}"

    @property
    def scored(self) -> list[str]:
        """Return the names of the printed scores that runs are compared with: all but the paper's average."""
        return [name for name in self.scores if name != "avg"]

    def task_of(self, score: str) -> str:
        """Return the task that a score of the row is measured on."""
        return f"glue/{score}" if self.benchmark == "glue" else self.benchmark


class PublishedFile(Origin):
    """One table of a paper."""

    rows: list[FileRow]


def load(root: Path = PUBLISHED) -> list[PublishedRow]:
    """Read every ``root``/*.yaml, in the order of their names; raises SuiteError naming a file that cannot be read."""
    paths = sorted(root.glob("*.yaml"))
    if not paths:
        raise SuiteError(f"{root} holds no published tables (*.yaml): restore it from the repository")
    return [row for path in paths for row in _rows(path)]


def _rows(path: Path) -> list[PublishedRow]:
    try:
        table = PublishedFile.model_validate(yaml.load(path.read_text(), _Loader))
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
    """Return the rows of one setting; with ``task``, only those that print a score for it.

    Several rows may match: a paper prints several ranks, or repeats another paper's run beside its own.
    """
    return [
        row
        for row in rows
        if (row.benchmark, row.backbone, row.method) == (benchmark, backbone, method)
        and (row.target_names == targets or NO_TARGETS in (row.target_names, targets))
        and (task is None or task in row.scores)
    ]
