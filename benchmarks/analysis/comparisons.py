"""Which methods of a sheet can be told apart: paired tests over shared seeds and examples, corrected."""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

import numpy as np
from scipy.stats import rankdata

from benchmarks.analysis import intervals
from benchmarks.analysis.intervals import Difference
from benchmarks.analysis.measures import key_of
from benchmarks.analysis.sheets import Row, Sheet
from benchmarks.errors import SuiteError
from benchmarks.records import predictions, store
from benchmarks.records.schema import Record
from benchmarks.tasks.base import Task
from benchmarks.tasks.build import of_record
from benchmarks.tasks.scoring.glue import UndefinedMetric

SCORES = ("held_out", "best", "last")
Parts = dict[str, dict[int, np.ndarray]]  # by task and seed: each example's part in the score


@dataclass(frozen=True)
class Pair:
    """Two rows: how the first one's scores differ from the second's on each task, and on their mean.

    ``corrected`` is p of the mean after Holm, over all the pairs that are compared. ``mcnemar`` is of one task and one
    shared seed, where the score is an accuracy.
    """

    one: str
    other: str
    seeds: int
    by_task: dict[str, Difference]
    overall: Difference
    corrected: float
    mcnemar: float | None


@dataclass(frozen=True)
class Compared:
    """A sheet's rows by their mean rank over tasks, best first, the pairs by p, and why other rows were left out."""

    score: str
    tasks: list[str]
    ranks: dict[str, float]
    pairs: list[Pair]
    left_out: list[str]


def compare(
    sheet: Sheet,
    root: Path,
    score: str = "held_out",
    targets: str | None = None,
    wanted: Collection[str] = (),
) -> Compared:
    """Compare the sheet's rows whose runs left their predictions below ``root``.

    ``score`` says of which epochs; ``targets`` compares rows of those targets, and those that have none; ``wanted``
    are the tasks to compare on, such as mrpc, all where there are none. Raises SuiteError for a task that the sheet has
    not, and where fewer than two rows can be compared.
    """
    if score not in SCORES:
        raise SuiteError(f"score={score} is unknown: {', '.join(SCORES)} are there")
    if unknown := sorted(set(wanted) - {key_of(task) for task in sheet.tasks}):
        raise SuiteError(f"{sheet.title} has no task {unknown[0]}: {', '.join(map(key_of, sheet.tasks))} are there")
    chosen = [task for task in sheet.tasks if not wanted or key_of(task) in wanted]
    parts: dict[str, Parts] = {}
    left_out = []
    for row in sheet.rows:
        if targets is not None and row.targets not in (targets, "-"):
            continue
        try:
            parts[_name(row)] = _parts(row, chosen, root, score)
        except SuiteError as reason:
            left_out.append(f"{_name(row)}: {reason}")
    found = []
    for one, other in itertools.combinations(parts, 2):
        shared = {task: sorted(parts[one][task].keys() & parts[other][task].keys()) for task in chosen}
        if empty := [task for task, seeds in shared.items() if not seeds]:
            left_out.append(f"{one} and {other} share no seed on {empty[0]}")
            continue
        found.append((one, other, shared))
    if not found:
        why = f" ({len(left_out)} left out, such as {left_out[0]})" if left_out else ""
        raise SuiteError(f"{sheet.title}: fewer than two rows can be compared{why}")
    accuracy = all(run.scores.primary == "accuracy" for run in sheet.finished if run.task in chosen)
    pairs = [_pair(one, other, shared, parts, accuracy) for one, other, shared in found]
    corrected = intervals.holm([pair.overall.p for pair in pairs])
    pairs = [replace(pair, corrected=own) for pair, own in zip(pairs, corrected, strict=True)]
    return Compared(score, chosen, _ranks(parts, chosen), sorted(pairs, key=lambda p: p.overall.p), left_out)


def _name(row: Row) -> str:
    return " ".join(part for part in (row.method, "" if row.targets == "-" else row.targets, row.variant) if part)


def _parts(row: Row, wanted: Sequence[str], root: Path, score: str) -> Parts:
    """Return each example's part in each run's score. Raises SuiteError for a row that lacks a task or predictions."""
    if missing := [task for task in wanted if task not in row.cells]:
        raise SuiteError(f"has no run on {', '.join(missing)}")
    return {task: {run.seed: _of_run(run, root, score) for run in row.cells[task]} for task in wanted}


def _of_run(run: Record, root: Path, score: str) -> np.ndarray:
    path = store.record_path(root, run.task, run.backbone.name, run.method, run.targets, run.seed, run.identity)
    own = predictions.read(path)
    if own is None:
        raise SuiteError(
            f"{run.task}, seed {run.seed} left no predictions, as runs did not once: force=true trains it again"
        )
    answered, labels, task = getattr(own, score), own.labels, of_record(run.config["task"])
    if score != "held_out":
        return _within(answered, labels, task)
    parts = np.empty(len(labels))
    for half in (0, 1):  # each is scored on its own, and the two count alike
        rows = own.halves == half
        parts[rows] = _within(answered[rows], labels[rows], task) * len(labels) / (2 * rows.sum())
    return parts


def _within(answered: np.ndarray, labels: np.ndarray, task: Task) -> np.ndarray:
    if task.primary == "accuracy":
        return (answered == labels).astype(float)
    try:
        return intervals.pseudo_values(lambda rows: task.score(answered[rows], labels[rows])[task.primary], len(labels))
    except UndefinedMetric as error:
        raise SuiteError(f"{task.name} without one of its rows: {error}") from error


def _pair(one: str, other: str, shared: dict[str, list[int]], parts: dict[str, Parts], accuracy: bool) -> Pair:
    stacked = {
        task: [np.stack([parts[name][task][seed] for seed in seeds]) for name in (one, other)]
        for task, seeds in shared.items()
    }
    for task, (mine, others) in stacked.items():
        if mine.shape != others.shape:
            raise SuiteError(f"{one} and {other} answered different rows of {task}: score one of them again")
    by_task = {task: intervals.paired(mine - others) for task, (mine, others) in stacked.items()}
    overall = intervals.mean_of(list(by_task.values())) if len(by_task) > 1 else next(iter(by_task.values()))
    mine, others = next(iter(stacked.values()))
    exact = accuracy and len(stacked) == 1 and len(mine) == 1
    return Pair(
        one=one,
        other=other,
        seeds=min(len(seeds) for seeds in shared.values()),
        by_task=by_task,
        overall=overall,
        corrected=overall.p,
        mcnemar=intervals.mcnemar(mine[0] != 0, others[0] != 0) if exact else None,
    )


def _ranks(parts: dict[str, Parts], wanted: Sequence[str]) -> dict[str, float]:
    """Return each row's mean rank over tasks, 1 being best; rows that tie share theirs."""
    scores = {
        task: np.array([mean(own.mean() for own in parts[name][task].values()) for name in parts]) for task in wanted
    }
    ranks = np.mean([rankdata(-scores[task]) for task in wanted], axis=0)
    return dict(sorted(zip(parts, map(float, ranks), strict=True), key=lambda pair: pair[1]))
