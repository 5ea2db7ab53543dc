"""python scripts/audit.py [--row WORDS] [--format FORMAT] [--out FILE]

Derives every published parameter count, and says whether the printed figure follows. It needs no weights and no hub.
The exit status is 1 where a figure follows, or does not, against what results/published says.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import command, conf, markup
from benchmarks.errors import SuiteError
from benchmarks.records.files import write_atomic

_EXAMPLES = """examples:
  python scripts/audit.py
  python scripts/audit.py --row "llama2-7b vb_lora"
  python scripts/audit.py --format markdown --out results/tables/ledger.md
"""


@command.entry
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the ledger, or write it."""
    options = parser().parse_args(arguments)
    if options.out is not None and options.format == "text":
        raise SuiteError(f"--out {options.out} needs --format markdown, json or latex")
    from benchmarks.papers import ledger, published
    from benchmarks.report import ledger_table, names

    rows = published.load(options.published)
    entries = ledger.entries(rows) if options.row is None else ledger.named(rows, options.row)
    surprises = ledger_table.surprises(entries)
    if options.out is None:
        pages = ledger_table.pages(entries, options.format, one_by_one=options.row is not None)
        command.show(names.in_print(pages, options.format), options.format, ledger_table.facts(entries))
    elif not surprises:  # a file that was right is not overwritten by one that is not
        pages = names.in_print([ledger_table.page(entries)], options.format)
        text = markup.document(pages, options.format, ledger_table.facts(entries))
        write_atomic(options.out, text.encode())
    for surprise in surprises:
        print(f"the ledger is broken: {surprise}", file=sys.stderr)
    return 1 if surprises else 0


def parser() -> command.Parser:
    """Return the parser of the command line."""
    made = command.Parser("audit", __doc__, _EXAMPLES)
    made.add_argument("--row", metavar="WORDS", help='the rows whose names have all these words: "llama2-7b vb_lora"')
    made.add_argument("--format", choices=markup.FORMATS, default="text", help="default: %(default)s")
    made.add_argument("--out", type=Path, metavar="FILE", help="write the ledger to FILE instead of printing it")
    made.add_argument(
        "--published", type=Path, default=conf.PUBLISHED, metavar="DIR", help="where the published tables lie"
    )
    return made


if __name__ == "__main__":
    sys.exit(main())
