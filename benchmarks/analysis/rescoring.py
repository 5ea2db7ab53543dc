"""A record's scores computed again without a model: from predictions on dev, from texts, from exam answers."""

import math
from dataclasses import dataclass
from pathlib import Path

from benchmarks.analysis import dev_scores
from benchmarks.errors import SuiteError
from benchmarks.records import predictions, store
from benchmarks.records.schema import Mark, Record, scale_and_digits
from benchmarks.tasks import rows as data
from benchmarks.tasks.base import Task
from benchmarks.tasks.build import of_record
from benchmarks.tasks.instruction import marks
from benchmarks.tasks.scoring import shares


@dataclass(frozen=True)
class Line:
    """One score of a record: on what, by which metric or extractor, as stored and as computed again, both printed."""

    scored: str
    by: str
    stored: str
    now: str
    same: bool


@dataclass(frozen=True)
class Rescored:
    """A record's scores, and why some of them could not be computed again, or None."""

    record: Path
    lines: list[Line]
    left_out: str | None


def rescore(path: Path, root: str | None, cache: Path) -> Rescored:
    """Compute all scores of a record again.

    ``root`` is the directory that a text's references lie in, where they came from one; what is read lies in ``cache``.
    Raises SuiteError for a file that is not a record.
    """
    record, left_out = store.read(path), None
    lines = _of_dev(record, path) + _of_exams(record)
    try:
        lines += _of_text(record, path, root, cache)
    except SuiteError as error:
        left_out = str(error)
    if not lines and not record.generation:
        left_out = (
            f"{path} cannot be scored again: it has no predictions beside it ({predictions.place(path).name}), no text "
            "and no exam answers. It was written before predictions were kept"
        )
    return Rescored(path, lines, left_out)


def again(record: Record) -> dict[str, dict[str, Mark]]:
    """Return each exam's marks, by extractor, from the record's predictions and answers."""
    return {name: marks(solved.predictions, solved.answers, solved.kind) for name, solved in record.exams.items()}


def _of_exams(record: Record) -> list[Line]:
    lines = []
    for name, by_extractor in again(record).items():
        for extractor, now in by_extractor.items():
            before = record.exams[name].marks.get(extractor)
            count = len(record.exams[name].answers)
            stored = "-" if before is None else shares.cell(before.accuracy, count)
            cell = f"{shares.cell(now.accuracy, count)}, {now.unread} unread"
            lines.append(Line(name, extractor, stored, cell, before == now))
    return lines


def _of_dev(record: Record, path: Path) -> list[Line]:
    kept = predictions.read(path)
    if kept is None or record.scores is None:
        return []
    before, primary = dev_scores.stored(record.scores), record.scores.primary
    scale, digits = scale_and_digits(primary)
    return [
        Line(
            scored=f"dev, {name}",
            by=primary,
            stored=f"{scale * before[name]:.{digits}f}",
            now=f"{scale * now:.{digits}f}",
            same=abs(before[name] - now) < dev_scores.TOLERANCE,
        )
        for name, now in dev_scores.again(kept, primary, record.config["task"]).items()
    ]


def _of_text(record: Record, path: Path, root: str | None, cache: Path) -> list[Line]:
    """Score a run's texts against the references of its test split, which are read anew."""
    if record.generation is None:
        return []
    task = of_record(record.config["task"])
    ((name, instances),) = data.instances(_rows(record, task, path, root, cache), task).items()
    now = task.mark(name, record.generation.predictions, instances, record.generation.seconds)
    lines = []
    for score, before in record.generation.scores.items():
        # A score that this machine cannot compute has not changed.
        cell, same = f"absent: {now.absent.get(score)}", True
        if score in now.scores:
            cell, same = f"{now.scores[score]:.4f}", math.isclose(now.scores[score], before, rel_tol=1e-9)
        lines.append(Line(f"{name}, {len(instances):,} instances", score, f"{before:.4f}", cell, same))
    return lines


def _rows(record: Record, task: Task, path: Path, root: str | None, cache: Path) -> data.Rows:
    """Return the rows that a record was scored on. Raises SuiteError for others."""
    facts = record.data
    if facts.source == "directory" and root is None:
        raise SuiteError(f"{path} was scored on references in a directory: pass that directory as --data-root DIR")
    root = {"hub": None, "embedded": "embedded"}.get(facts.source, root)
    rows = data.load(task, root, cache, {"train": facts.train_rows, "validation": facts.validation_rows})
    if rows.fingerprint != facts.fingerprint:
        raise SuiteError(
            f"{path} was scored on other rows of {facts.dataset} (fingerprint {facts.fingerprint}) than those at "
            f"{root or 'the hub'} ({rows.fingerprint})"
        )
    return rows
