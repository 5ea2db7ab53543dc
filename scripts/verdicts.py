"""python scripts/verdicts.py [--root DIR ...] [--format FORMAT]

Says of each published score whether it was reproduced, from records alone.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import command, markup
from benchmarks.analysis import sheets, verdicts
from benchmarks.papers import published
from benchmarks.report import names, verdict_table

_EXAMPLES = """examples:
  python scripts/verdicts.py
  python scripts/verdicts.py --root results/local/vb_lora-table1 --format markdown
"""


@command.entry
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the verdicts."""
    options = parser().parse_args(arguments)
    roots = sheets.roots(options.root)
    judged = verdicts.verdicts(published.load(), [run for root in roots for run in sheets.load(root)])
    page = verdict_table.page(judged, judged_alone=options.format == "text")
    command.show(names.in_print([page], options.format), options.format, verdict_table.facts(judged))
    return 0


def parser() -> command.Parser:
    """Return the parser of the command line."""
    made = command.Parser("verdicts", __doc__, _EXAMPLES)
    made.add_argument(
        "--root",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="where records/ lies; default: results, results/local and the folders in it",
    )
    made.add_argument("--format", choices=markup.FORMATS, default="text", help="default: %(default)s")
    return made


if __name__ == "__main__":
    sys.exit(main())
