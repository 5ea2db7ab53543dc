"""Each example's part in a run's score, from the answers that the run left: what paired tests and bootstraps take."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.analysis import dev_scores, intervals
from benchmarks.analysis.sheets import Row
from benchmarks.errors import SuiteError
from benchmarks.records import predictions, store
from benchmarks.records.predictions import Predictions
from benchmarks.records.schema import Record
from benchmarks.tasks.scoring import glue

Kept = dict[str, dict[int, Predictions]]  # by task and seed
Parts = dict[str, dict[int, np.ndarray]]  # by task and seed: each example's part in the score, (examples,)


def by_row(rows: Sequence[Row], tasks: Sequence[str], root: Path, score: str) -> tuple[dict[str, Parts], list[str]]:
    """Return each row's parts by its name, and why other rows have none.

    ``root`` is where the rows' records and predictions lie, and ``score`` is best, last or held_out.
    """
    kept, left_out = {}, []
    for row in rows:
        try:
            kept[row] = _kept(row, tasks, root)
        except SuiteError as reason:
            left_out.append(f"{name_of(row)}: {reason}")
    parts, usual = {}, {task: _usual_rows(kept.values(), task) for task in tasks}
    for row, by_task in kept.items():
        try:
            _check_rows(row, by_task, usual, root)
            parts[name_of(row)] = _parts(row, by_task, score)
        except SuiteError as reason:
            left_out.append(f"{name_of(row)}: {reason}")
    return parts, left_out


def _parts(row: Row, kept: Kept, score: str) -> Parts:
    return {task: {run.seed: _of_run(run, kept[task][run.seed], score) for run in row.cells[task]} for task in kept}


def _usual_rows(rows: Iterable[Kept], task: str) -> bytes:
    """Return the labels and halves that most runs of a task were scored on; of a tie, the first."""
    counts = Counter(_rows_scored(kept) for by_task in rows for kept in by_task[task].values())
    return max(counts, key=counts.get, default=b"")


def _rows_scored(kept: Predictions) -> bytes:
    return kept.labels.tobytes() + kept.halves.tobytes()


def _check_rows(row: Row, by_task: Kept, usual: dict[str, bytes], root: Path) -> None:
    """Raise SuiteError for a row whose runs were scored on other labels or halves than most."""
    for task, by_seed in by_task.items():
        for run in row.cells[task]:
            if _rows_scored(by_seed[run.seed]) != usual[task]:
                path = predictions.place(store.path_of(run, root))
                raise SuiteError(
                    f"{path} has other labels or halves than most runs on {task}: force=true trains the run again"
                )


def name_of(row: Row) -> str:
    """Return a row's name: its method, targets and variant."""
    return " ".join(part for part in (row.method, "" if row.targets == "-" else row.targets, row.variant) if part)


def _kept(row: Row, tasks: Sequence[str], root: Path) -> Kept:
    """Return what each run of a row answered. Raises SuiteError for a row that lacks a task or predictions."""
    if missing := [task for task in tasks if task not in row.cells]:
        raise SuiteError(f"it has no run on {', '.join(missing)}")
    return {task: {run.seed: _answers(run, root) for run in row.cells[task]} for task in tasks}


def _answers(run: Record, root: Path) -> Predictions:
    """Return a run's predictions. Raises SuiteError where there are none, or where they do not give its scores."""
    path = store.path_of(run, root)
    kept = predictions.read(path)
    if kept is None:
        raise SuiteError(
            f"{run.task}, seed {run.seed} has no predictions, because it was trained before predictions were kept: "
            "force=true trains it again"
        )
    now, stored = dev_scores.again(kept, run.scores.primary, run.config["task"]), dev_scores.stored(run.scores)
    for name, value in stored.items():
        if not abs(value - now[name]) < dev_scores.TOLERANCE:
            raise SuiteError(
                f"{predictions.place(path)} gives {name} {now[name]:.6g}, and its record has {value:.6g}: "
                "force=true trains the run again"
            )
    return kept


def _of_run(run: Record, kept: Predictions, score: str) -> np.ndarray:
    """Return each example's part in a run's score."""
    answered, labels, facts = getattr(kept, score), kept.labels, run.config["task"]
    if score != "held_out":
        return _within(answered, labels, run.scores.primary, facts)
    parts = np.empty(len(labels))
    for rows in kept.of_halves:  # each half is scored by itself, and both count the same
        parts[rows] = _within(answered[rows], labels[rows], run.scores.primary, facts) * len(labels) / (2 * rows.sum())
    return parts


def _within(answered: np.ndarray, labels: np.ndarray, primary: str, facts: dict[str, Any]) -> np.ndarray:
    """Return each example's part in the score of these rows; ``facts`` are the config's of the task."""
    if primary == "accuracy":
        return (answered == labels).astype(float)

    def metric(rows: np.ndarray) -> float:
        return dev_scores.score(answered[rows], labels[rows], primary, facts)

    every = np.arange(len(labels))
    try:
        if _correlates(answered, labels, primary):
            without = intervals.correlations_without_each(answered, labels)
            if primary == "matthews":
                without = np.nan_to_num(without)  # it is 0 where all classes are the same
            elif np.isnan(without).any():
                raise glue.UndefinedMetric("a correlation is undefined: every prediction is the same")
        else:
            without = np.array([metric(np.delete(every, row)) for row in every])
        whole = metric(every)
    except glue.UndefinedMetric as error:
        raise SuiteError(f"{facts['name']} without one of its rows: {error}") from error
    return intervals.pseudo_values(whole, without)


def _correlates(answered: np.ndarray, labels: np.ndarray, primary: str) -> bool:
    """Say whether a score is Pearson's correlation, as Matthews' of two classes is."""
    return primary == "pearson" or (primary == "matthews" and {*np.unique(answered), *np.unique(labels)} <= {0, 1})
