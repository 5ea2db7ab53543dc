"""Score any system's output on E2E as the official script does: no model, no Perl, and no Java but for METEOR."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.errors import SuiteError
from benchmarks.tasks.scoring.e2e import e2e, meteor


def main(arguments: Sequence[str] | None = None) -> int:
    """Score what the command line names; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.score_e2e", description=__doc__)
    parser.add_argument("--references", type=Path, required=True, help="lines; instances apart by an empty line")
    parser.add_argument("--predictions", type=Path, required=True, help="one line an instance")
    parser.add_argument("--format", choices=["table", "json"], default="table")
    parser.add_argument(
        "--metrics",
        nargs="+",
        choices=list(e2e.SCORES),
        metavar="NAME",
        help=f"of {', '.join(e2e.SCORES)}; default: all",
    )
    options = parser.parse_args(arguments)
    try:
        references, predictions = e2e.read_references(options.references), e2e.read_lines(options.predictions)
        scores = e2e.score(predictions, references, options.metrics)
    except SuiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    absent = {"meteor": meteor.missing()} if options.metrics is None and "meteor" not in scores else {}
    if options.format == "json":
        how = {name: e2e.SCORES[name] for name in scores}
        print(json.dumps({"instances": len(references), "scores": scores, "absent": absent, "how": how}, indent=1))
    else:
        Console(highlight=False).print(_table(scores, absent))
    return 0


def _table(scores: dict[str, float], absent: dict[str, str]) -> Table:
    table = Table("score", "value", "how", box=box.SIMPLE_HEAD)
    for name, value in scores.items():
        table.add_row(name, f"{value:.4f}", e2e.SCORES[name])
    for name, reason in absent.items():
        table.add_row(name, "-", Text(f"absent: {reason}"))  # as text: its brackets are no markup
    return table


if __name__ == "__main__":
    sys.exit(main())
