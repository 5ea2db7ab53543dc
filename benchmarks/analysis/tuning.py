"""Default beside tuned: what choosing learning rates on held-out data gave each row of a sheet, and its cost."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean

from benchmarks.analysis.sheets import Row, Sheet, refuse_twice, rows_of
from benchmarks.records.predictions import chosen_epochs
from benchmarks.records.schema import Record

Configuration = list[Record]  # the runs of one choice of learning rates, by seed

_DEFAULT = (1.0, 1.0)  # factors on lr and lr_head


@dataclass(frozen=True, eq=False)
class Tuned:
    """The tuning of one row on one task.

    ``given`` are the factors on lr and lr_head that were tried, with the default's. ``failed`` of them have a seed that
    failed and ``unfinished`` one that is missing; neither are chosen. ``runs`` are the default's runs with the seeds
    that were tuned, and ``scores`` gives each seed's tuned held-out score; both are empty where ``reason`` says why.
    ``chosen`` names the configuration that scores each half of dev. ``seconds`` is the training time of all
    configurations, ``default_seconds`` of the default alone; both leave out ``uncounted`` runs, whose time is unknown.
    """

    row: Row
    task: str
    given: frozenset[tuple[float, float]]
    failed: int
    unfinished: int
    runs: list[Record]
    scores: dict[int, float]
    chosen: list[str]
    reason: str
    seconds: float
    default_seconds: float
    uncounted: int


def tunings(sheet: Sheet) -> list[Tuned]:
    """Return the sheet's tunings, by task and row."""
    tried = _by_default(sheet.records)
    defaults = [run for run in sheet.records if run.tuning is None and run.identity in tried]
    rows = rows_of([*sheet.finished, *(run for run in defaults if run.status == "failed")])
    seconds = shares(sheet.records)
    tuned = []
    for task in sorted({run.task for run in defaults}):
        for row in rows:
            if default := [run for run in row.cells.get(task, []) if run.identity in tried]:
                configurations = _configurations(default, [other for run in default for other in tried[run.identity]])
                tuned.append(_tuned(row, task, configurations, seconds))
    return tuned


def without_default(sheet: Sheet) -> list[Record]:
    """Return the runs of tunings whose default run has no record to compare them with."""
    known = {run.identity for run in sheet.records if run.tuning is None}
    return [run for default, runs in _by_default(sheet.records).items() if default not in known for run in runs]


def _by_default(records: Iterable[Record]) -> dict[str, list[Record]]:
    tried = defaultdict(list)
    for run in records:
        if run.tuning is not None:
            tried[run.tuning.default].append(run)
    return tried


def _configurations(default: Configuration, others: Iterable[Record]) -> list[Configuration]:
    """Return the default and the other configurations, in the order of how far their factors are from the default's."""
    by_factors = defaultdict(list, {_DEFAULT: default})
    for run in others:
        by_factors[run.tuning.lr, run.tuning.lr_head].append(run)
    for runs in by_factors.values():
        runs.sort(key=lambda run: run.seed)
        refuse_twice(runs)
    return [by_factors[factors] for factors in sorted(by_factors, key=lambda factors: (_distance(factors), factors))]


def _distance(factors: tuple[float, float]) -> float:
    return round(sum(abs(math.log(factor)) for factor in factors), 9)  # a half is as far as a double


def _tuned(row: Row, task: str, configurations: Sequence[Configuration], seconds: dict[str, float]) -> Tuned:
    default = configurations[0]
    seeds = [run.seed for run in default]
    failed = [runs for runs in configurations if any(run.status == "failed" for run in runs)]
    whole = [runs for runs in configurations if [run.seed for run in runs if run.status == "finished"] == seeds]
    compared = whole[:1] == [default]
    by_half = [best_on(1 - half, whole) for half in (0, 1)] if compared else []
    every = [run for runs in configurations for run in runs]
    return Tuned(
        row=row,
        task=task,
        given=frozenset(map(_factors, configurations)),
        failed=len(failed),
        unfinished=len(configurations) - len(whole) - len(failed),
        runs=default if compared else [],
        scores=held_out(by_half) if compared else {},
        chosen=[_label(runs) for runs in by_half],
        reason="" if compared else f"the default failed: {next(run.error for run in default if run.error)}",
        seconds=sum(seconds.get(run.identity, 0.0) for run in every),
        default_seconds=sum(seconds.get(run.identity, 0.0) for run in default),
        uncounted=sum(run.identity not in seconds for run in every),
    )


def best_on(half: int, configurations: Sequence[Configuration]) -> Configuration:
    """Return the configuration with the best mean over seeds of each run's best score on a half of dev.

    Of those that tie, it is the first.
    """
    # Rounded, so that means of the same answers tie even where their last bits differ.
    return max(
        configurations, key=lambda runs: round(mean(max(e.halves[half] for e in run.epochs) for run in runs), 12)
    )


def held_out(by_half: Sequence[Configuration]) -> dict[int, float]:
    """Return each seed's score, the mean over dev's halves; ``by_half`` has the configuration that scores each half.

    As in the held-out score of a single run, a half is scored at the epoch that is best on the other half.
    """
    return {one.seed: (_on(0, one) + _on(1, other)) / 2 for one, other in zip(*by_half, strict=True)}


def _on(half: int, run: Record) -> float:
    _, epochs = chosen_epochs(run.epochs, run.scores.primary)
    return run.epochs[epochs[half]].halves[half]


def _factors(configuration: Configuration) -> tuple[float, float]:
    tuning = configuration[0].tuning
    return _DEFAULT if tuning is None else (tuning.lr, tuning.lr_head)


def _label(configuration: Configuration) -> str:
    tuning = configuration[0].tuning
    return "default" if tuning is None else tuning.label


def shares(records: Iterable[Record]) -> dict[str, float]:
    """Return each run's share of the seconds that its group trained, by identity.

    The runs of a group have equal shares. A record holds the seconds of its whole group. A failed run's record holds
    none, so they are taken from the others.
    """
    records = list(records)
    of_group = {tuple(run.group): run.cost.train_seconds for run in records if run.cost is not None}
    return {run.identity: of_group[g] / len(g) for run in records if (g := tuple(run.group)) in of_group}
