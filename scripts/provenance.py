"""python scripts/provenance.py [--method NAME] [--backbone NAME] [--task NAME] [--metric NAME] [--write]

Says who really ran each published figure: for one cell every figure that papers print, by whom and how; without a
choice the cells that several ran, how far their figures lie apart, and which published gains are smaller than that.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import command, conf, markup
from benchmarks.errors import SuiteError
from benchmarks.papers import provenance, published
from benchmarks.report import names, provenance_table

_CHOICES = ("method", "backbone", "task", "metric")
_EXAMPLES = """examples:
  python scripts/provenance.py
  python scripts/provenance.py --method lora --backbone roberta-base --task rte
  python scripts/provenance.py --method lora --task e2e --metric bleu --format markdown
  python scripts/provenance.py --write
"""


@command.entry
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures of the chosen cells, or all cells that several ran; write them where that was asked for."""
    options = parser().parse_args(arguments)
    wanted = {name: getattr(options, name) for name in _CHOICES}
    narrowed = any(value is not None for value in wanted.values())
    if options.write and narrowed:
        raise SuiteError("--write writes all cells: leave out --method, --backbone, --task and --metric")
    rows = published.load(options.published)
    if narrowed:
        cells = provenance.chosen(provenance.cells(rows), wanted)
        pages, facts = [provenance_table.listed(cell) for cell in cells], provenance_table.facts(cells)
    else:
        pages, facts = provenance_table.overview(rows), provenance_table.all_facts(rows)
    command.show(names.in_print(pages, options.format), options.format, facts)
    if options.write:
        for path in provenance_table.write(rows, conf.ROOT):
            print(f"written: {path}", file=sys.stderr)
    return 0


def parser() -> command.Parser:
    """Return the parser of the command line."""
    made = command.Parser("provenance", __doc__, _EXAMPLES)
    made.add_argument("--method", metavar="NAME", help="such as lora, or fourierft, which the suite need not have")
    made.add_argument("--backbone", metavar="NAME", help="such as roberta-base")
    made.add_argument("--task", metavar="NAME", help="such as rte, e2e or math; avg is a paper's average over GLUE")
    made.add_argument("--metric", metavar="NAME", help="one score of a task that has several: bleu of e2e")
    made.add_argument("--format", choices=markup.FORMATS, default="text", help="default: %(default)s")
    made.add_argument("--write", action="store_true", help="also write tables/provenance.md and figures/provenance.png")
    made.add_argument(
        "--published", type=Path, default=conf.PUBLISHED, metavar="DIR", help="where the published tables lie"
    )
    return made


if __name__ == "__main__":
    sys.exit(main())
