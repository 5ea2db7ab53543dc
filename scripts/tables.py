"""python scripts/tables.py [--root DIR ...] [--print] [--format FORMAT] [--reach TASK=SCORE ...]

Makes the tables and figures of the records below each DIR: DIR/tables/*.md and DIR/figures/* from DIR/records.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import command, markup
from benchmarks.conf import LOCAL, ROOT
from benchmarks.papers import published
from benchmarks.report import names, tables

_EXAMPLES = """examples:
  python scripts/tables.py
  python scripts/tables.py --root results/local/quickstart --print
  python scripts/tables.py --format json > tables.json
  python scripts/tables.py --reach mrpc=85
"""


@command.entry
def main(arguments: Sequence[str] | None = None) -> int:
    """Make the tables and figures, and print them where that was asked for."""
    options = parser().parse_args(arguments)
    written, pages, rows, reach = [], [], published.load(), dict(options.reach)
    below = {root: tables.sheets_below(root) for root in tables.roots(options.root)}
    tables.check_reach(reach, [sheet for sheets in below.values() for sheet in sheets])
    for root, sheets in below.items():
        written += [*tables.render(sheets, root, rows, reach), root / "records"]
        pages += [page for sheet in sheets for page in tables.pages(sheet)]
    if options.format:
        command.show(names.in_print(pages, options.format), options.format)
    told = sys.stdout if options.format in (None, "text") else sys.stderr
    for path in written:
        print(tables.place(path), file=told)
    return 0


def parser() -> command.Parser:
    """Return the parser of the command line."""
    made = command.Parser("tables", __doc__, _EXAMPLES)
    made.add_argument(
        "--root",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help=f"default: {ROOT} and {LOCAL}, if they have records",
    )
    made.add_argument(
        "--reach",
        type=_level,
        nargs="+",
        default=[],
        metavar="TASK=SCORE",
        help="the score on dev that costs are shown until, such as mrpc=85; default: one that all rows reach",
    )
    made.add_argument("--format", choices=markup.FORMATS, help="print the main tables too, in this format")
    made.add_argument("--print", dest="format", action="store_const", const="text", help="the same as --format text")
    return made


def _level(text: str) -> tuple[str, float]:
    task, _, score = text.partition("=")
    try:
        return task, float(score)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be TASK=SCORE, such as mrpc=85, got {text}") from None


if __name__ == "__main__":
    sys.exit(main())
