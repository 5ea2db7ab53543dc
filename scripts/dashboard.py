"""python scripts/dashboard.py [--project NAME] [--entity NAME] [--report] [--root DIR] [--dry-run FILE]

Makes a workspace of a W&B project that compares methods at a glance, and with --report a report with the tables and
verdicts of the records below DIR as well. Prints where they are.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import command
from benchmarks.conf import LOCAL
from benchmarks.errors import SuiteError
from benchmarks.records.files import write_atomic

_EXAMPLES = """examples:
  python scripts/dashboard.py
  python scripts/dashboard.py --report --root results/local/quickstart
  python scripts/dashboard.py --dry-run dashboard.json
"""


@command.entry
def main(arguments: Sequence[str] | None = None) -> None:
    """Make the workspace, and the report where it was asked for."""
    options = parser().parse_args(arguments)
    from benchmarks.report.dashboard import contents  # here, so that --help does not wait for what they import

    try:
        from benchmarks.report.dashboard import boards
    except ModuleNotFoundError as error:
        raise SuiteError(f"{error.name} is not installed: run pip install '.[dashboard]'") from error

    shown = contents.of(options.root)
    if options.report and not shown.pages:
        print(f"no records below {options.root / 'records'}: the report holds no tables", file=sys.stderr)
    if options.dry_run:
        spec = boards.spec(options.entity, options.project, shown.methods, shown.pages, shown.tuned)
        write_atomic(options.dry_run, (json.dumps(spec, indent=1) + "\n").encode())
        print(options.dry_run)
        return
    entity = options.entity or boards.logged_in()
    print(boards.save(boards.workspace(entity, options.project, shown.tuned)))
    if options.report:
        print(boards.save(boards.report(entity, options.project, shown.methods, shown.pages, shown.tuned)))


def parser() -> command.Parser:
    """Return the command line's parser."""
    made = command.Parser("dashboard", __doc__, _EXAMPLES)
    made.add_argument("--project", default="peft-reproduction", metavar="NAME", help="default: %(default)s")
    made.add_argument("--entity", default="", metavar="NAME", help="a user or a team; default: your own")
    made.add_argument("--report", action="store_true", help="make a report too")
    made.add_argument(
        "--root", type=Path, default=LOCAL, metavar="DIR", help="whose records' tables the report holds: %(default)s"
    )
    made.add_argument(
        "--dry-run", type=Path, metavar="FILE", help="write both specs to FILE, offline and without a key"
    )
    return made


if __name__ == "__main__":
    sys.exit(main())
