"""python scripts/speed.py [KEY=VALUE ...] [--methods A,B] [--targets A,B] [--runs 1,3] [--rows N] [--steps N]

Times training steps: each method beside the same frozen model without an adapter, and beside peft's (pip install peft).
Settings are those of scripts/train.py: backbone, task, data.root, precision, train.max_length. The backbone's dropout
is off, unless backbone.dropout says otherwise (null: the model's own). --write leaves the table and its figure in
results/, under the names of device and backbone.
"""

import argparse
import sys
from collections.abc import Sequence

from benchmarks import command, conf, markup

_EXAMPLES = """examples:
  python scripts/speed.py data.root=embedded --methods lora,vb_lora --runs 1,3
  python scripts/speed.py data.root=DIR --methods full --targets qv
  python scripts/speed.py backbone=roberta-base backbone.random=true backbone.path=DIR precision=fp32 --write
"""


@command.entry
def main(arguments: Sequence[str] | None = None) -> int:
    """Time what the command line names, and print it."""
    options = parser().parse_intermixed_args(arguments)
    with command.importing():
        from benchmarks.report import speed_table  # here, so that --help does not wait for torch
        from benchmarks.training import job, speed

    jobs = []
    for method in options.methods:
        for targets in options.targets:
            overrides = [
                f"method={method}",
                f"targets={targets}",
                "backbone.dropout=0.0",
                "precision=fp32",
                *options.settings,
            ]
            settings = job.read(conf.composed(overrides))
            jobs += [(settings, runs) for runs in options.runs]
    printer = command.console()
    size = speed.Size(options.rows, options.tokens)
    timed = speed.all_of(jobs, size, options.steps, printer.print)
    subject = speed.subject(jobs[0][0], size, options.steps)
    page = speed_table.page(timed, subject)
    command.show([page], options.format)
    if options.write:
        for path in speed_table.write(page, timed, subject, conf.ROOT):
            print(f"written: {path}", file=sys.stderr)
    return 0


def parser() -> command.Parser:
    """Return the command line's parser."""
    made = command.Parser("speed", __doc__, _EXAMPLES)
    made.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="of every job, as for scripts/train.py")
    made.add_argument("--methods", type=command.names, default=["lora", "vera", "vb_lora"], metavar="A,B")
    made.add_argument("--targets", type=command.names, default=["qv", "all"], metavar="A,B")
    made.add_argument("--runs", type=_counts, default=[1], metavar="1,3", help="how many runs train in one pass")
    made.add_argument("--rows", type=_count, default=32, help="of a batch of one run; default: %(default)s")
    made.add_argument(
        "--tokens", type=_count, metavar="N", help="of each row, drawn at random; default: rows of the task's own"
    )
    made.add_argument("--steps", type=_count, default=24, help="that are timed; default: %(default)s")
    made.add_argument("--format", choices=markup.FORMATS, default="text", help="default: %(default)s")
    made.add_argument("--write", action="store_true", help="also write tables/speed-*.md and figures/speed-*.png")
    return made


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text}")
    return int(text)


def _counts(text: str) -> list[int]:
    return [_count(part) for part in command.names(text)]


if __name__ == "__main__":
    sys.exit(main())
