"""The papers' figures, read from results/published: one YAML file for each table of a paper.

A row's scores are keyed by task on a benchmark of several tasks ("mrpc" and "cola" on "glue", and "avg" for the paper's
average), and by score on a benchmark of one task ("bleu" and "nist" on "e2e"). Scores are as printed (GLUE's are x100).
A spread that a paper does not print is None.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError

from benchmarks import conf
from benchmarks.conf import PUBLISHED
from benchmarks.errors import SuiteError
from benchmarks.typed import Settings

NO_TARGETS = "-"  # the targets of a row or run whose method adapts no maps, which compares with any targets
NOT_STATED = "not stated"  # what a paper does not say, or no copy that was read
PRIOR_WORK = "prior work"  # who ran a row that a paper repeats from an earlier one, which the reading does not name
AVERAGES = ("avg", "avg_of_8")  # of six tasks of GLUE or all of another benchmark; and of eight of GLUE's

Statistic = Literal["mean", "median", "one run", "not stated"]
# "best" and "held-out" are the best epoch: on the rows that the score is of, and on other rows.
Epoch = Literal["best", "last", "held-out", "not stated"]
Trust = Literal["medium", "low"]
Extractor = Literal["paper", "metamath", "announced", "math_verify"]


# libyaml's loader reads the same and takes a tenth of the time; a PyYAML that was built without it lacks it.
class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML whose mappings have each key once: otherwise the last of two figures would stand, and nobody be told."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """Return a mapping. Raises yaml.YAMLError for a key that stands twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class PublishedScore(Settings):
    """One printed cell, in the paper's unit.

    ``digits`` is how many decimals it is printed with. YAML drops zeros at the end, so where a file does not say it, it
    is the most that the file has for that score.
    """

    value: float
    spread: float | None = None
    digits: int | None = None

    @property
    def decimals(self) -> int:
        """Return ``digits``, or for a score of no file the decimals of its value."""
        return len(f"{self.value}".partition(".")[2]) if self.digits is None else self.digits

    @property
    def text(self) -> str:
        """Return the value as printed, with its zeros: "2.50"."""
        return f"{self.value:.{self.decimals}f}"

    @property
    def printed(self) -> str:
        """Return the cell as printed: "2.50 ± 0.07"."""
        return self.text if self.spread is None else f"{self.text} ± {self.spread:g}"


class FileRow(Settings):
    """One row as its file has it; ``parameters`` is the number that ``parameters_as_printed`` stands for.

    ``run_by`` is the source whose run a row is, where that is not the source that prints it; NOT_STATED and PRIOR_WORK
    stand for one that is not known. ``variant`` says how a row departs from the method that it is named after, as in an
    ablation, and ``note`` what else sets it apart. Runs on the tasks ``from_mnli`` began from a run on MNLI.

    ``settings`` are what the recipe of a row has beside its rank, as ``scripts/train.py`` takes them. ``count_follows``
    is False where the method's definition is known to give another count than the printed one. ``settings_printed`` is
    False where no paper prints the settings of the row's runs. The last five fields are those of its table, where a
    row differs from that.
    """

    backbone: str
    method: str
    scores: dict[str, PublishedScore]
    targets: str | list[str] | None = None
    parameters: float | None = None
    parameters_as_printed: str | None = None
    rank: int | None = None
    run_by: str | None = None
    variant: str | None = None
    note: str | None = None
    from_mnli: list[str] = Field(default_factory=list)
    settings: dict[str, bool | str | int | float | None] = Field(default_factory=dict)
    count_follows: bool = True
    settings_printed: bool = True
    experiment: str | None = None
    statistic: Statistic | None = None
    epoch: Epoch | None = None
    seeds: int | Literal["not stated"] | None = None
    source_trust: Trust | None = None


class Origin(Settings):
    """A paper's table, and how its scores came about.

    ``statistic`` is over ``seeds`` runs, each at its ``epoch``. ``source_trust`` says how far the reading is to be
    trusted where it is second-hand; None where the table was read in the paper's own text. ``proposes`` names the
    methods that are the paper's own. ``trained_on`` is what runs learn, where a benchmark has more than one such set.

    ``experiment`` is the file in conf/experiment with what its rows share, or None where the suite has none for them;
    ``no_experiment`` says why, for those rows whose method, backbone and task are here.
    ``train_rows`` says for each task how many rows its runs must learn from, ``scored_rows`` for each task or score how
    many rows it must be computed on. ``start_rows`` is how many rows the run on another task must have learnt from,
    where a row's runs begin from one. ``extractor`` is the way in which answers to exams are read.
    """

    source: str
    arxiv: str | None
    table: int | str
    benchmark: str
    statistic: Statistic
    epoch: Epoch
    seeds: int | Literal["not stated"]
    source_trust: Trust | None = None
    proposes: list[str] = Field(default_factory=list)
    trained_on: str | None = None
    experiment: str | None = None
    no_experiment: str | None = None
    extractor: Extractor = "paper"
    train_rows: dict[str, int] = Field(default_factory=dict)
    scored_rows: dict[str, int] = Field(default_factory=dict)
    start_rows: int | None = None


class PublishedRow(Origin, FileRow):
    """One row of a paper's table, with the table it comes from."""

    @property
    def target_names(self) -> str:
        """Return the targets as a record writes them: one name, or several joined by commas."""
        if self.targets is None:
            return NOT_STATED
        return self.targets if isinstance(self.targets, str) else ",".join(self.targets)

    @property
    def name(self) -> str:
        """Return the row's name for people."""
        by = f" ({ran(self.run_by)})" if self.run_by else ""
        return f"{self.source}-table{self.table} {self.backbone} {self.method} {self.target_names}{by}"

    @property
    def runner(self) -> str:
        """Return whose run the row is: a source, NOT_STATED or PRIOR_WORK."""
        return self.run_by or self.source

    @property
    def printed_count(self) -> str | None:
        """Return the count as printed, such as 0.295M, or in full where all of its digits are: 18,350,080."""
        whole = None if self.parameters is None else f"{self.parameters:,.0f}"
        return whole if self.parameters_as_printed is None else self.parameters_as_printed

    @property
    def scored(self) -> list[str]:
        """Return the names of the printed scores that runs are compared with: no averages, no unknown tasks."""
        scores = [name for name in self.scores if name not in AVERAGES]
        return [name for name in scores if name in self.train_rows] if self.benchmark == "glue" else scores

    def fits(self, config: dict[str, Any]) -> bool:
        """Say whether a run's config has the settings that the row has beside its recipe."""
        return all(_at(config, key) == value for key, value in self.settings.items() if key != "recipe")

    def task_of(self, score: str) -> str:
        """Return the task that a score of the row is measured on."""
        return f"glue/{score}" if self.benchmark == "glue" else self.benchmark


def _at(config: dict[str, Any], key: str) -> Any:
    """Return a config's value at a dotted key; None where it has none."""
    for part in key.split("."):
        config = (config or {}).get(part)
    return config


def label(source: str, table: int | str, run_by: str | None) -> str:
    """Return for people which table a row is of, and whose run it is where that is another's."""
    return f"{source} {table}" + (f" ({ran(run_by)})" if run_by else "")


def ran(run_by: str) -> str:
    """Return for people whose run a row is: "run by vera", or "prior work"."""
    return {PRIOR_WORK: PRIOR_WORK, NOT_STATED: "not stated who ran it"}.get(run_by, f"run by {run_by}")


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
    return _with_digits([PublishedRow(**origin | row.model_dump(exclude_unset=True)) for row in table.rows])


def _with_digits(rows: Sequence[PublishedRow]) -> list[PublishedRow]:
    """Return one table's rows with the ``digits`` of each score."""
    most: dict[str, int] = {}
    for row in rows:
        for name, score in row.scores.items():
            most[name] = max(most.get(name, 0), score.decimals)
    return [
        row.model_copy(update={"scores": {name: _printed_with(s, most[name]) for name, s in row.scores.items()}})
        for row in rows
    ]


def _printed_with(score: PublishedScore, digits: int) -> PublishedScore:
    return score if score.digits is not None else score.model_copy(update={"digits": digits})


def runnable(rows: Iterable[PublishedRow]) -> list[PublishedRow]:
    """Return the rows that the suite has an experiment for."""
    return [row for row in rows if row.experiment is not None]


def without(rows: Iterable[PublishedRow]) -> list[str]:
    """Return why rows have no experiment: what the suite lacks for some, and what their table says of the others."""
    rows = [row for row in rows if row.experiment is None]
    here = {"method": conf.options("method"), "backbone": conf.options("backbone")}
    here["benchmark"] = [task.partition("/")[0] for task in conf.options("task")]
    reasons: dict[str, list[str]] = {}
    for row in rows:
        lacking = next((kind for kind, known in here.items() if getattr(row, kind) not in known), None)
        own = (row.no_experiment or "their table does not say", "")
        reason, name = own if lacking is None else (f"no {lacking}", getattr(row, lacking))
        reasons.setdefault(reason, []).append(name)
    return [f"{reason} {', '.join(dict.fromkeys(names))}".strip() for reason, names in reasons.items()]


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
