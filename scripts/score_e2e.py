"""python scripts/score_e2e.py --references FILE --predictions FILE [--metrics NAME ...] [--format FORMAT]

Scores any system's output on E2E as the challenge's official script does. It needs no model and no Perl, and Java only
for METEOR. A predictions file has one line for each instance. A references file has one reference on each line, and an
empty line between two instances.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import command, markup
from benchmarks.markup import Column, Page, text_column
from benchmarks.tasks.scoring.e2e import e2e, meteor

_EXAMPLES = """examples:
  python scripts/score_e2e.py --references test.txt --predictions system.txt
  python scripts/score_e2e.py --references test.txt --predictions system.txt --metrics bleu nist --format json
"""


@command.entry
def main(arguments: Sequence[str] | None = None) -> int:
    """Score the files that the command line names."""
    options = parser().parse_args(arguments)
    predictions, references = e2e.read(options.predictions, options.references)
    scores = e2e.score(predictions, references, options.metrics)
    absent = {"meteor": meteor.missing()} if options.metrics is None and "meteor" not in scores else {}
    how = {name: e2e.SCORES[name] for name in scores}
    empty = e2e.empty_lines(predictions)
    notes = (
        [f"empty predictions, scored as saying nothing: {len(empty)}, the first on line {empty[0]}"] if empty else []
    )
    facts = {"instances": len(references), "scores": scores, "absent": absent, "how": how, "empty": empty}
    command.show([Page(_columns(scores, absent), notes=notes)], options.format, facts)
    return 0


def _columns(scores: dict[str, float], absent: dict[str, str]) -> list[Column]:
    return [
        text_column("score", [*scores, *absent]),
        Column("value", [f"{value:.4f}" for value in scores.values()] + ["-"] * len(absent)),
        text_column("how", [e2e.SCORES[name] for name in scores] + [f"absent: {why}" for why in absent.values()]),
    ]


def parser() -> command.Parser:
    """Return the command line's parser."""
    made = command.Parser("score_e2e", __doc__, _EXAMPLES)
    made.add_argument("--references", type=Path, required=True, metavar="FILE", help="the references")
    made.add_argument("--predictions", type=Path, required=True, metavar="FILE", help="the system's output")
    names = ", ".join(e2e.SCORES)
    made.add_argument(
        "--metrics", nargs="+", choices=list(e2e.SCORES), metavar="NAME", help=f"which of {names}; default: all"
    )
    made.add_argument("--format", choices=markup.FORMATS, default="text", help="default: %(default)s")
    return made


if __name__ == "__main__":
    sys.exit(main())
