"""python scripts/ls.py [tasks | backbones | methods | capabilities | tables | conflicts] [--format FORMAT]

Lists what exists before a run: tasks, backbones with the methods that have a recipe on them, methods with their
hyperparameters, how many numbers they store and what they can do, published tables with how many of their rows have
runs, and where a paper and its public script disagree.
"""

import sys
from collections.abc import Sequence

from benchmarks import command, markup
from benchmarks.report import inventory

_EXAMPLES = """examples:
  python scripts/ls.py
  python scripts/ls.py methods
  python scripts/ls.py tables --format json
"""


@command.entry
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the section that was asked for, or all of them."""
    options = parser().parse_args(arguments)
    sections = [options.section] if options.section else list(inventory.SECTIONS)
    command.show([inventory.SECTIONS[section]() for section in sections], options.format)
    return 0


def parser() -> command.Parser:
    """Return the parser of the command line."""
    made = command.Parser("ls", __doc__, _EXAMPLES)
    made.add_argument("section", nargs="?", choices=list(inventory.SECTIONS), help="default: all")
    made.add_argument("--format", choices=markup.FORMATS, default="text", help="default: %(default)s")
    return made


if __name__ == "__main__":
    sys.exit(main())
