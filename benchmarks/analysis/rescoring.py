"""Scores computed again from what a record holds: ``python -m benchmarks.rescore RECORD`` needs no model and no GPU."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.conf import LOCAL
from benchmarks.errors import SuiteError
from benchmarks.records import predictions, store
from benchmarks.records.predictions import Predictions
from benchmarks.records.schema import LOG_LIKELIHOOD, Mark, Record, Scores
from benchmarks.tasks import rows as data
from benchmarks.tasks.base import Task
from benchmarks.tasks.build import of_record
from benchmarks.tasks.instruction import marks

Line = tuple[str, str, str, str, bool]  # what was scored, how, the stored score, the new one, whether they are one


def again(record: Record) -> dict[str, dict[str, Mark]]:
    """Return each exam's marks, by extractor, from the record's predictions and answers."""
    return {name: marks(solved.predictions, solved.answers, solved.kind) for name, solved in record.exams.items()}


def scores(predictions: Predictions, task: Task) -> dict[str, float]:
    """Return best, last and held-out again; held-out is the mean of the two halves' own."""
    both = [predictions.halves == half for half in (0, 1)]
    of_halves = [task.score(predictions.held_out[own], predictions.labels[own])[task.primary] for own in both]
    return {
        "best": task.score(predictions.best, predictions.labels)[task.primary],
        "last": task.score(predictions.last, predictions.labels)[task.primary],
        "held_out": sum(of_halves) / 2,
    }


def stored(own: Scores) -> dict[str, float]:
    """Return a record's scores by the names that ``scores`` gives."""
    return {"best": own.best, "last": own.last, "held_out": own.held_out}


def _of_exams(record: Record) -> list[Line]:
    lines = []
    for name, by_extractor in again(record).items():
        for extractor, now in by_extractor.items():
            before = record.exams[name].marks.get(extractor)
            stored = "-" if before is None else _cell(before)
            lines.append((name, extractor, stored, f"{_cell(now)}, {now.unread} unread", before == now))
    return lines


def _of_dev(record: Record, path: Path) -> list[Line]:
    own = predictions.read(path)
    if own is None or record.scores is None:
        return []
    before, task = stored(record.scores), of_record(record.config["task"])
    scale, digits = (1, 3) if record.scores.primary == LOG_LIKELIHOOD else (100, 1)
    return [
        (f"dev, {name}", record.scores.primary, *(f"{scale * each:.{digits}f}" for each in (before[name], now)), same)
        for name, now in scores(own, task).items()
        for same in [abs(before[name] - now) < 1e-6]  # of float32 where a prediction is a number
    ]


def _of_text(record: Record, path: Path, root: str | None, cache: Path) -> list[Line]:
    """Score a run's texts against the references of its test split, which are read anew."""
    if record.generation is None:
        return []
    task, facts = of_record(record.config["task"]), record.data
    root = {"hub": None, "embedded": "embedded"}.get(facts.source, root)
    if facts.source == "directory" and root is None:
        raise SuiteError(f"{path} was scored on the references of a directory: say which with --data-root DIR")
    rows = data.load(task, root, cache, {"train": facts.train_rows, "validation": facts.validation_rows})
    if rows.fingerprint != facts.fingerprint:
        raise SuiteError(
            f"{path} was scored on other rows of {facts.dataset} (fingerprint {facts.fingerprint}) than those at "
            f"{root or 'the hub'} ({rows.fingerprint})"
        )
    ((name, asked),) = data.instances(rows, task).items()
    now = task.mark(name, record.generation.predictions, asked, record.generation.seconds)
    lines = []
    for score, before in record.generation.scores.items():
        again, same = f"absent: {now.absent.get(score)}", True  # what cannot be computed here is no other score
        if score in now.scores:
            again, same = f"{now.scores[score]:.4f}", math.isclose(now.scores[score], before, rel_tol=1e-9)
        lines.append((f"{name}, {len(asked):,} instances", score, f"{before:.4f}", again, same))
    return lines


def _rescore(paths: list[Path], root: str | None, cache: Path, console: Console) -> tuple[bool, list[str]]:
    """Print stored and new scores of each record; say whether they are all the same, and what was not scored again."""
    table = Table("record", "scored", "by", "stored", "now", title="Of dev and exams x100 ± s.e.; others as they are")
    same, left_out = True, []
    for path in paths:
        record = store.read(path)
        lines = _of_dev(record, path) + _of_exams(record)
        try:
            lines += _of_text(record, path, root, cache)
        except SuiteError as reason:
            left_out.append(str(reason))
        if not lines and not record.generation:
            left_out.append(
                f"{path} has no predictions beside it ({predictions.place(path).name}), no text and no exam's answers: "
                "runs from before predictions were kept cannot be scored again"
            )
        for scored, by, before, now, unchanged in lines:
            same = same and unchanged
            table.add_row(path.stem, scored, by, before, now + ("" if unchanged else "  DIFFERS"))
    if table.row_count:
        console.print(table)
    return same, left_out


def _cell(mark: Mark) -> str:
    return f"{100 * mark.accuracy:.1f} ± {100 * mark.standard_error:.1f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 where every score is the stored one, 1 where one differs, 2 for what cannot be scored again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rescore", description=__doc__)
    parser.add_argument("records", nargs="+", type=Path, metavar="RECORD", help="a run's record, a JSON file")
    parser.add_argument("--data-root", metavar="DIR", help="where the references of a text lie, if in a directory")
    parser.add_argument("--cache", type=Path, default=LOCAL / "cache", help="where what is read is kept: %(default)s")
    options = parser.parse_args(arguments)
    try:
        same, left_out = _rescore(
            options.records, options.data_root, options.cache, Console(width=None if sys.stdout.isatty() else 160)
        )
    except SuiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for reason in left_out:
        print(f"error: {reason}", file=sys.stderr)
    return 2 if left_out else int(not same)


if __name__ == "__main__":
    sys.exit(main())
