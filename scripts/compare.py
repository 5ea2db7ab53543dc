"""python scripts/compare.py [--sheet NAME] [--targets TARGETS] [--tasks A,B] [--write]

Says which methods differ: pairs of rows compared over shared seeds and dev's rows, from records and the predictions
beside them.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import command, markup
from benchmarks.analysis.comparisons import SCORES
from benchmarks.conf import ROOT
from benchmarks.report import comparison_table

_EXAMPLES = """examples:
  python scripts/compare.py --sheet glue-minilm --targets qv
  python scripts/compare.py --sheet glue-minilm --targets qv --tasks mrpc --write
"""


@command.entry
def main(arguments: Sequence[str] | None = None) -> int:
    """Print comparisons, and write them where that was asked for."""
    options = parser().parse_args(arguments)
    tasks = [task for task in options.tasks.split(",") if task]
    made, refused = comparison_table.compare(options.root, options.sheet, options.score, options.targets, tasks)
    for reason in refused:
        print(f"left out: {reason}", file=sys.stderr)
    pages = [comparison_table.page(*comparison) for comparison in made]
    command.show(pages, options.format, [comparison_table.facts(*comparison) for comparison in made])
    if options.write:
        for comparison in made:
            for path in comparison_table.write(*comparison, options.root):
                print(f"written: {path}", file=sys.stderr)
    return 0


def parser() -> command.Parser:
    """Return the parser of the command line."""
    made = command.Parser("compare", __doc__, _EXAMPLES)
    made.add_argument(
        "--root", type=Path, default=ROOT, metavar="DIR", help="where records/ lies; default: %(default)s"
    )
    made.add_argument("--sheet", metavar="NAME", help="one sheet, such as glue-minilm; default: all")
    made.add_argument("--targets", help="the rows of these targets, and those without any: fewer pairs to correct for")
    made.add_argument("--tasks", default="", metavar="A,B", help="these tasks, such as mrpc,rte; default: all")
    made.add_argument(
        "--score",
        choices=SCORES,
        default="held_out",
        help="the epochs whose predictions are compared; default: %(default)s",
    )
    made.add_argument("--format", choices=markup.FORMATS, default="text", help="default: %(default)s")
    made.add_argument("--write", action="store_true", help="also write tables/compare-*.md and figures/ranks-*.png")
    return made


if __name__ == "__main__":
    sys.exit(main())
