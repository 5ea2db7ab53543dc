"""Scores computed again from what a record holds: ``python -m benchmarks.rescore RECORD`` needs no model and no GPU."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import records
from benchmarks.errors import SuiteError
from benchmarks.records import Mark, Record
from benchmarks.tasks.instruction import marks


def again(record: Record) -> dict[str, dict[str, Mark]]:
    """Return each exam's marks, by extractor, from the record's predictions and answers."""
    return {name: marks(solved.predictions, solved.answers, solved.kind) for name, solved in record.exams.items()}


def _rescore(paths: list[Path], console: Console) -> bool:
    """Print stored and new marks of each record; say whether they are all the same."""
    table = Table("record", "exam", "extractor", "stored", "now", "unread", title="Accuracy, x100 ± s.e.")
    same = True
    for path in paths:
        record = records.read(path)
        if not record.exams:
            raise SuiteError(f"{path} holds no exam's answers: runs of task=math and the like leave them")
        for name, by_extractor in again(record).items():
            stored = record.exams[name].marks
            for extractor, mark in by_extractor.items():
                before = stored.get(extractor)
                same = same and before == mark
                differs = "" if before == mark else "  DIFFERS"
                cells = ["-" if before is None else _cell(before), _cell(mark) + differs, str(mark.unread)]
                table.add_row(path.stem, name, extractor, *cells)
    console.print(table)
    return same


def _cell(mark: Mark) -> str:
    return f"{100 * mark.accuracy:.1f} ± {100 * mark.standard_error:.1f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 where every score is the stored one, 1 where one differs, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rescore", description=__doc__)
    parser.add_argument("records", nargs="+", type=Path, metavar="RECORD", help="a run's record, a JSON file")
    options = parser.parse_args(arguments)
    try:
        same = _rescore(options.records, Console(width=None if sys.stdout.isatty() else 160))
    except SuiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
