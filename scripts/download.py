"""python scripts/download.py task=glue/rte backbone=roberta-base      what one job needs of the hub
python scripts/download.py --table vb_lora 1 [--task rte,mrpc]       what a published table needs, and its starts

Fetches models and data into the cache of the hub's client (HF_HOME), for machines without a network. What is there is
not fetched again; every file is checked by the hub's checksum. METEOR, which scores E2E, is tried: the exit status is 1
where it cannot run.
"""

import sys
from collections.abc import Sequence

from benchmarks import command, conf, markup

_EXAMPLES = """examples:
  HF_HOME=/shared/hf python scripts/download.py task=glue/mrpc backbone=roberta-large
  python scripts/download.py --table lora_xs GLUE --method lora_xs --task cola
"""


@command.entry
def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch what the command line names, and print what is there."""
    options = parser().parse_intermixed_args(arguments)
    with command.importing():
        from benchmarks.papers import needs, reproduction  # here, so that --help does not wait for torch

    if options.table:
        narrowed = {"backbone": options.backbone, "method": options.method}
        rows = reproduction.chosen_rows(*options.table, narrowed, conf.PUBLISHED)
        jobs = needs.of_rows(rows, options.task, options.settings)
    else:
        jobs = needs.of_job(options.settings)
    fetched, programs = needs.fetch(jobs), needs.faults_of_programs(jobs)
    command.show([needs.page(fetched, programs)], options.format)
    return 1 if any(programs.values()) else 0


def parser() -> command.Parser:
    """Return the command line's parser."""
    made = command.Parser("download", __doc__, _EXAMPLES)
    made.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="a job, as for scripts/train.py")
    made.add_argument("--table", nargs=2, metavar=("PAPER", "TABLE"), help="a published table, such as vb_lora 1")
    for name, what in (("backbone", "backbones"), ("method", "methods"), ("task", "tasks of GLUE")):
        only = f"with --table: only these {what}"
        made.add_argument(f"--{name}", type=command.names, default=[], metavar="A,B", help=only)
    made.add_argument("--format", choices=markup.FORMATS, default="text", help="default: %(default)s")
    return made


if __name__ == "__main__":
    sys.exit(main())
