"""python scripts/reproduce.py PAPER TABLE --plan [--warm-up]    say how many runs it takes, how long, and how much disk
python scripts/reproduce.py PAPER TABLE [KEY=VALUE ...]       run every row that is not done yet

Runs a published table row by row, each row by its recipe. The plan comes first. It trains nothing: its times are from
rates that --warm-up has measured on the same hardware. precision=bf16 plans for machines that compute in it. Records go
to the folder that the recipe or results=DIR names, below the folder that the command is run in.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import command, conf, markup
from benchmarks.errors import SuiteError

_TRAIN = Path(__file__).resolve().with_name("train.py")
_LAUNCHERS = {name: name for name in ("joblib", "ray", "submitit_local", "submitit_slurm")}
_SPREADING = "hydra.launcher."
_LAUNCHERS["submitit"] = "submitit_slurm"
_EXAMPLES = """examples:
  python scripts/reproduce.py vb_lora 1 --plan
  python scripts/reproduce.py vb_lora 1 --task mrpc,rte --method lora,vb_lora --launcher joblib seeds=[0,1]
  python scripts/reproduce.py lora_xs GLUE --task cola
"""


@command.entry
def main(arguments: Sequence[str] | None = None) -> int:
    """Plan a table, and run it; return the exit status of the first sweep that failed, or 0."""
    options = parser().parse_intermixed_args(arguments)
    with command.importing():
        from benchmarks.papers import reproduction  # here, so that --help does not wait for torch

    spread = [setting for setting in options.settings if setting.lstrip("+").startswith(_SPREADING)]
    settings = [setting for setting in options.settings if setting not in spread]
    if spread and not options.launcher:
        raise SuiteError(f"{spread[0]} is a launcher's setting: say --launcher, one of {', '.join(_LAUNCHERS)}")
    launcher = _LAUNCHERS.get(options.launcher)
    if options.processes < 1 or (launcher and options.processes > 1):
        raise SuiteError(f"--processes must be at least 1, and 1 with a launcher, got {options.processes}")
    narrowed = {"backbone": options.backbone, "method": options.method}
    rows = reproduction.chosen_rows(options.paper, options.table, narrowed, options.published)
    console = Console(stderr=True, highlight=False)
    if options.extras:
        print(",".join(reproduction.extras(rows, settings, launcher)))
        return 0
    plan = reproduction.planned(rows, options.task, settings, console, options.warm_up, launcher)
    command.show([reproduction.page(plan)], options.format, reproduction.facts(plan))
    if options.plan:
        return 0
    status = reproduction.run(plan, _TRAIN, launcher, spread, options.processes)
    return _judged(reproduction.roots(plan), status) if options.verdicts else status


def _judged(roots: Sequence[Path], status: int) -> int:
    """Print tables and verdicts of the records that there are; return ``status``, or that of what failed after it."""
    for script, more in (("tables.py", ["--print"]), ("verdicts.py", [])):
        named = [sys.executable, str(_TRAIN.with_name(script)), *more, "--root", *map(str, roots)]
        ended = subprocess.run(named, check=False)
        status = status or ended.returncode
    return status


def parser() -> command.Parser:
    """Return the command line's parser."""
    made = command.Parser("reproduce", __doc__, _EXAMPLES)
    made.add_argument("paper", metavar="PAPER", help="whose table: vb_lora, lora_xs")
    made.add_argument("table", metavar="TABLE", help="which of its tables: 1 to 4, GLUE")
    made.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="for every run, as for scripts/train.py")
    for name, what in (("backbone", "backbones"), ("method", "methods"), ("task", "tasks of GLUE")):
        made.add_argument(f"--{name}", type=command.names, default=[], metavar="A,B", help=f"only these {what}")
    made.add_argument("--plan", action="store_true", help="show the plan, and train nothing")
    made.add_argument(
        "--warm-up", action="store_true", help="train each job shortly for its time, and keep the rate in the cache"
    )
    made.add_argument("--verdicts", action="store_true", help="then make the tables, and print them with the verdicts")
    made.add_argument("--extras", action="store_true", help="name the extras that it needs installed, and do no more")
    made.add_argument("--format", choices=markup.FORMATS, default="text", help="of the plan; default: %(default)s")
    made.add_argument(
        "--launcher", choices=_LAUNCHERS, help="a launcher of Hydra's that spreads the runs; submitit is for Slurm"
    )
    made.add_argument(
        "--processes", type=int, default=1, metavar="N", help="that share each batch, one for each GPU of this machine"
    )
    made.add_argument(
        "--published", type=Path, default=conf.PUBLISHED, metavar="DIR", help="the folder of published tables"
    )
    return made


if __name__ == "__main__":
    sys.exit(main())
