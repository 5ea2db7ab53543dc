"""python scripts/report.py [--root DIR] [--out FILE]

Makes DIR/report.html from the records below DIR: every table and figure on one page, which opens without a network.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import command
from benchmarks.conf import PUBLISHED, ROOT
from benchmarks.errors import SuiteError
from benchmarks.papers import published
from benchmarks.records.files import write_atomic
from benchmarks.report import tables

_EXAMPLES = """examples:
  python scripts/report.py
  python scripts/report.py --root results/local/quickstart
"""


@command.entry
def main(arguments: Sequence[str] | None = None) -> int:
    """Make the page."""
    options = parser().parse_args(arguments)
    try:
        from benchmarks.report.page import document
    except ModuleNotFoundError as error:
        raise SuiteError(f"the page needs {error.name}: pip install -c constraints.txt -e '.[report]'") from error
    path = options.out or options.root / "report.html"
    if path.is_dir():  # before the page is made, which takes a while
        raise SuiteError(f"--out must be a file, got the folder {path}")
    ledger = PUBLISHED.parent / "tables" / "ledger.md"
    page = document.html(tables.sheets_below(options.root), options.root, published.load(), ledger)
    write_atomic(path, page.encode())
    print(tables.place(path))
    return 0


def parser() -> command.Parser:
    """Return the parser of the command line."""
    made = command.Parser("report", __doc__, _EXAMPLES)
    made.add_argument(
        "--root", type=Path, default=ROOT, metavar="DIR", help="where records/ lies; default: %(default)s"
    )
    made.add_argument("--out", type=Path, metavar="FILE", help="default: DIR/report.html")
    return made


if __name__ == "__main__":
    sys.exit(main())
