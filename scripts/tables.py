"""python scripts/tables.py [--root DIR ...] [--print] [--format FORMAT]

Makes the tables and figures of the records below each DIR: DIR/tables/*.md and DIR/figures/*.png from DIR/records.
"""

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
"""


@command.entry
def main(arguments: Sequence[str] | None = None) -> int:
    """Make the tables and figures, and print them where that was asked for."""
    options = parser().parse_args(arguments)
    written, pages, rows = [], [], published.load()
    for root in tables.roots(options.root):
        sheets = tables.sheets_below(root)
        written += [*tables.render(sheets, root, rows), root / "records"]
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
    made.add_argument("--format", choices=markup.FORMATS, help="print the main tables too, in this format")
    made.add_argument("--print", dest="format", action="store_const", const="text", help="the same as --format text")
    return made


if __name__ == "__main__":
    sys.exit(main())
