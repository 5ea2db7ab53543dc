"""python scripts/rescore.py RECORD ... [--data-root DIR] [--format FORMAT]

Computes a run's scores again from its record and the predictions beside it, and compares them with the stored ones. It
needs no model and no GPU. Scores on dev and exams are x100, an exam's with its 95% interval; others are as stored.

The exit status is 0 where every score is the stored one, 1 where one differs, and 2 where one cannot be computed again.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import command, conf, markup
from benchmarks.markup import Column, Page, text_column

_EXAMPLES = """examples:
  python scripts/rescore.py results/records/glue/mrpc/minilm/*/*.json
  python scripts/rescore.py RECORD --data-root DIR     the references of its texts came from this directory
"""


@command.entry
def main(arguments: Sequence[str] | None = None) -> int:
    """Score the records that the command line names again; return the exit status."""
    options = parser().parse_args(arguments)
    with command.importing():
        from benchmarks.analysis.rescoring import rescore  # here, so that --help does not wait for torch

    records = [rescore(path, options.data_root, options.cache) for path in options.records]
    lines = [{"record": each.record.stem} | asdict(line) for each in records for line in each.lines]
    if lines or options.format == "json":
        command.show([Page(_columns(lines))], options.format, lines)
    left_out = [each.left_out for each in records if each.left_out]
    for reason in left_out:
        print(f"error: {reason}", file=sys.stderr)
    return 2 if left_out else int(not all(line["same"] for line in lines))


def _columns(lines: Sequence[dict[str, Any]]) -> list[Column]:
    now = [line["now"] if line["same"] else f"{line['now']}  DIFFERS" for line in lines]
    named = [text_column(heading, [line[heading] for line in lines]) for heading in ("record", "scored", "by")]
    return [*named, Column("stored", [line["stored"] for line in lines]), Column("now", now)]


def parser() -> command.Parser:
    """Return the command line's parser."""
    made = command.Parser("rescore", __doc__, _EXAMPLES)
    made.add_argument("records", nargs="+", type=Path, metavar="RECORD", help="a run's record, a JSON file")
    made.add_argument("--data-root", metavar="DIR", help="the directory of a text's references, if they were in one")
    made.add_argument(
        "--cache", type=Path, default=conf.LOCAL / "cache", metavar="DIR", help="for what is read: %(default)s"
    )
    made.add_argument("--format", choices=markup.FORMATS, default="text", help="default: %(default)s")
    return made


if __name__ == "__main__":
    sys.exit(main())
