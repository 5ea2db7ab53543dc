"""Which rows of a sheet can be told apart: paired tests over shared seeds and examples, corrected for their number."""

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

import numpy as np

from benchmarks.analysis import intervals
from benchmarks.analysis.intervals import Difference, Interval
from benchmarks.analysis.measures import key_of
from benchmarks.analysis.parts import Parts, by_row
from benchmarks.analysis.sheets import Sheet
from benchmarks.errors import SuiteError

SCORES = ("held_out", "best", "last")
LEVEL = 0.05  # of p, below which two rows are told apart
Shared = dict[str, list[int]]  # by task: the seeds that two rows share


@dataclass(frozen=True)
class Pair:
    """Two rows: how the first one's scores differ from the second's on each task, and on their mean.

    ``corrected`` is the p of the mean after Holm's correction for all pairs that are compared. With one shared seed it
    is None: a test over examples tells nothing about other seeds, and would tell methods apart that are alike in 14 of
    100 comparisons. ``mcnemar`` is a p too, of the two runs and not of their methods, given for one task and one shared
    seed where the score is an accuracy.
    """

    one: str
    other: str
    seeds: int
    by_task: dict[str, Difference]
    overall: Difference
    corrected: float | None
    mcnemar: float | None


@dataclass(frozen=True)
class Compared:
    """A sheet's rows by their mean rank over tasks, best first; pairs by p; and why other rows were left out.

    A rank's interval takes the tasks as a sample of tasks. On one task it is the rank alone.
    """

    score: str
    tasks: list[str]
    ranks: dict[str, Interval]
    pairs: list[Pair]
    left_out: list[str]


def compare(
    sheet: Sheet,
    root: Path,
    score: str = "held_out",
    targets: str | None = None,
    wanted: Collection[str] = (),
) -> Compared:
    """Compare the sheet's rows whose runs left predictions below ``root``.

    ``score`` is one of SCORES. ``targets`` keeps the rows of those targets and the rows without targets. ``wanted`` are
    the tasks to compare on, such as mrpc; empty for all. Raises SuiteError for an unknown score or task, and where
    fewer than two rows can be compared.
    """
    if score not in SCORES:
        raise SuiteError(f"score={score} is unknown; known: {', '.join(SCORES)}")
    if unknown := sorted(set(wanted) - {key_of(task) for task in sheet.tasks}):
        raise SuiteError(f"{sheet.title} has no task {unknown[0]}; it has {', '.join(map(key_of, sheet.tasks))}")
    there = sorted({row.targets for row in sheet.rows} - {"-"})
    if targets is not None and targets not in there:
        raise SuiteError(f"{sheet.title} has no targets {targets}; it has {', '.join(there)}")
    tasks = [task for task in sheet.tasks if not wanted or key_of(task) in wanted]
    rows = [row for row in sheet.rows if targets is None or row.targets in (targets, "-")]
    parts, left_out = by_row(rows, tasks, root, score)
    shared, apart = _shared_seeds(parts, tasks)
    left_out += apart
    if not shared:
        why = f" ({len(left_out)} left out, such as {left_out[0]})" if left_out else ""
        raise SuiteError(f"{sheet.title}: fewer than two rows can be compared{why}")
    accuracy = all(run.scores.primary == "accuracy" for run in sheet.finished if run.task in tasks)
    pairs = [_pair(one, other, seeds, parts, accuracy) for (one, other), seeds in shared.items()]
    tested = [pair for pair in pairs if pair.seeds > 1]
    corrected = intervals.holm([pair.overall.p for pair in tested])
    pairs = [replace(pair, corrected=p) for pair, p in zip(tested, corrected, strict=True)] + [
        pair for pair in pairs if pair.seeds == 1
    ]
    return Compared(score, tasks, _ranks(parts, tasks), sorted(pairs, key=lambda pair: pair.overall.p), left_out)


def alike(ranks: Iterable[str], pairs: Sequence[Pair]) -> list[tuple[str, ...]]:
    """Return the largest groups of rows next to each other by rank of which no two are told apart.

    A pair that was not tested counts as told apart.
    """
    untold = {
        frozenset((pair.one, pair.other)) for pair in pairs if pair.corrected is not None and pair.corrected >= LEVEL
    }
    names, groups = list(ranks), []
    for start in range(len(names)):
        end = start + 1
        while end < len(names) and all(frozenset((names[end], name)) in untold for name in names[start:end]):
            end += 1
        group = tuple(names[start:end])
        if len(group) > 1 and not any(set(group) <= set(other) for other in groups):
            groups.append(group)
    return groups


def _shared_seeds(parts: dict[str, Parts], tasks: Sequence[str]) -> tuple[dict[tuple[str, str], Shared], list[str]]:
    """Return the seeds that each pair of rows shares on each task, and which pairs lack some."""
    pairs, apart = {}, []
    for one, other in itertools.combinations(parts, 2):
        shared = {task: sorted(parts[one][task].keys() & parts[other][task].keys()) for task in tasks}
        if empty := [task for task, seeds in shared.items() if not seeds]:
            apart.append(f"{one} and {other} share no seed on {empty[0]}")
        else:
            pairs[one, other] = shared
    return pairs, apart


def _pair(one: str, other: str, shared: Shared, parts: dict[str, Parts], accuracy: bool) -> Pair:
    stacked = {
        task: [np.stack([parts[name][task][seed] for seed in seeds]) for name in (one, other)]
        for task, seeds in shared.items()
    }
    by_task = {task: intervals.paired(first - second) for task, (first, second) in stacked.items()}
    overall = intervals.mean_of(list(by_task.values())) if len(by_task) > 1 else next(iter(by_task.values()))
    first, second = next(iter(stacked.values()))
    exact = accuracy and len(stacked) == 1 and len(first) == 1
    return Pair(
        one=one,
        other=other,
        seeds=min(len(seeds) for seeds in shared.values()),
        by_task=by_task,
        overall=overall,
        corrected=None,
        mcnemar=intervals.mcnemar(first[0] != 0, second[0] != 0) if exact else None,
    )


def _ranks(parts: dict[str, Parts], tasks: Sequence[str]) -> dict[str, Interval]:
    """Return each row's mean rank over tasks, 1 being best; rows that tie share the mean of their ranks."""
    scores = {
        task: np.array([mean(part.mean() for part in row[task].values()) for row in parts.values()]) for task in tasks
    }
    ranks = np.stack([_ranked(scores[task]) for task in tasks], axis=1)  # (rows, tasks)
    made = {name: _over_tasks(own, last=len(parts)) for name, own in zip(parts, ranks, strict=True)}
    return dict(sorted(made.items(), key=lambda named: named[1].value))


def _over_tasks(ranks: np.ndarray, last: int) -> Interval:
    """Return the mean of one row's ranks, (tasks,), with its interval as if tasks were seeds, within 1 and ``last``."""
    if len(ranks) == 1:
        return Interval(*3 * [float(ranks[0])])
    over = intervals.over_seeds(ranks, np.mean)
    return Interval(over.value, max(over.low, 1.0), min(over.high, float(last)))


def _ranked(scores: np.ndarray) -> np.ndarray:
    """Return the ranks of scores (rows,), the highest first, as scipy's rankdata does, whose import takes a second."""
    higher, equal = (compare(scores[None], scores[:, None]).sum(1) for compare in (np.greater, np.equal))
    return higher + (equal + 1) / 2
