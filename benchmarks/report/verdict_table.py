"""Whether each published score was reproduced: ``python -m benchmarks.verdict``, from records alone."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.text import Text

from benchmarks.analysis import sheets, verdicts
from benchmarks.analysis.verdicts import Ruling, Verdict
from benchmarks.command import BAD_INPUT
from benchmarks.errors import SuiteError
from benchmarks.papers import published
from benchmarks.report import markup as grids

_ROOTS = (Path("results"), Path("results/local"))
_SAID = (
    "Reproduced: the published score, as rounded, lies in the 95% interval of the same statistic of runs by the row's "
    "recipe, on its data; of exact replications some 86 in 100 are, as the published score has noise of its own. "
    "Within the spread: outside of that, and no further off than the paper's own spread. Not comparable: settings, "
    "data, backbone or number of seeds are others, or the paper does not say what its own were."
)


def columns(found: Sequence[Verdict]) -> list[tuple[str, list[str]]]:
    """Return the verdicts as columns."""
    return [
        ("row", [f"{v.source} {v.table}" + (f" ({v.run_by})" if v.run_by else "") for v in found]),
        ("backbone", [v.backbone for v in found]),
        ("method", [v.method + (f" r={v.rank}" if v.rank else "") for v in found]),
        ("targets", [v.targets for v in found]),
        ("score", [v.score for v in found]),
        ("published", [f"{v.published:g}" + (f" ± {v.spread:g}" if v.spread is not None else "") for v in found]),
        ("measured", [_measured(v) for v in found]),
        ("difference", ["-" if v.difference is None else f"{v.difference:+.2f}" for v in found]),
        ("verdict", [v.ruling for v in found]),
        ("why", [v.reason for v in found]),
    ]


def counted(found: Sequence[Verdict]) -> str:
    """Return how many scores have each verdict."""
    counts = Counter(v.ruling for v in found)
    return f"{len(found)} scores: " + ", ".join(f"{counts[ruling]} {ruling}" for ruling in get_args(Ruling)) + "."


def _measured(verdict: Verdict) -> str:
    if verdict.measured is None:
        return "-"
    return f"{verdict.measured:.2f} [{verdict.low:.2f}, {verdict.high:.2f}]"


def _text(found: Sequence[Verdict], console: Console) -> None:
    shown = [v for v in found if v.ruling != "not run"]
    if shown:
        console.print(grids.terminal(columns(shown)))
    console.print(Text(counted(found)))
    console.print(Text(_SAID))


def _markdown(found: Sequence[Verdict]) -> str:
    return "\n".join(["# Verdicts", "", counted(found), "", _SAID, "", *grids.markdown(columns(found))]) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdict", description=__doc__)
    parser.add_argument(
        "--root", type=Path, nargs="+", help="where records/ lies (default: results, results/local and what is in it)"
    )
    parser.add_argument("--format", choices=["text", "markdown", "json", "latex"], default="text")
    options = parser.parse_args(arguments)
    try:
        found = verdicts.verdicts(published.load(), [run for root in _roots(options.root) for run in sheets.load(root)])
    except BAD_INPUT as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    if options.format == "text":
        # A pipe has no width of its own, and a table folded at 80 columns is not read.
        _text(found, Console(width=None if sys.stdout.isatty() else 200))
    elif options.format == "json":
        print(json.dumps([v.model_dump() | {"difference": v.difference} for v in found], indent=1))
    elif options.format == "latex":
        print("\n".join(grids.latex(columns(found))))
    else:
        print(_markdown(found), end="")
    return 0


def _roots(given: Sequence[Path] | None) -> list[Path]:
    if given:
        for root in given:
            if not (root / "records").is_dir():
                raise SuiteError(f"--root {root} holds no records/: pass the folder that a run's results= named")
        return list(given)
    return [root for root in [*_ROOTS, *sorted(_ROOTS[1].glob("*"))] if (root / "records").is_dir()]


if __name__ == "__main__":
    sys.exit(main())
