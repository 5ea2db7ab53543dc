"""Where each published parameter count comes from: ``python -m benchmarks.audit``, with no weights and no hub."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import conf
from benchmarks.command import BAD_INPUT
from benchmarks.errors import SuiteError
from benchmarks.papers import ledger, published
from benchmarks.papers.ledger import Entry
from benchmarks.records.files import write_atomic
from benchmarks.report import markup as grids

_TITLE = """# The ledger of parameter counts

Made by `make audit` from results/published, the recipes in conf/ and the methods' own `init`, with each backbone at
its real shape and no weights. *Printed* is the paper's figure. *Stored* counts as the method's paper does, the
classification head never in it; the figure follows where *stored*, rounded to the printed digits, is the printed one.
*Bytes* are of the adapter file that the suite writes. *Regenerated* numbers are frozen, and made again from what is
named, so that no file holds them. In a formula, *maps* are the adapted linear maps, *sides* the sum of their
d_in + d_out, *outputs* the sum of their d_out and *hidden* the least d_in. Where a figure does not follow, the verdict
says what does, and any other way to count that would have given it: that is arithmetic, and no claim of what was done.
"""


def columns(found: Sequence[Entry], brief: bool = False) -> list[tuple[str, list[str]]]:
    """Return the ledger as columns; ``brief`` leaves out what does not fit a screen."""
    made: dict[str, list[str]] = {
        "row": [f"{e.source} {e.table}" + (f" ({e.run_by})" if e.run_by else "") for e in found],
        "backbone": [e.backbone for e in found],
        "method": [e.method for e in found],
        "targets": [e.targets for e in found],
        "sizes": [_sizes(e) for e in found],
        "printed": [e.printed for e in found],
        "stored": [f"{e.stored:,.15g}" for e in found],
        "trained": [f"{e.trained:,}" for e in found],
        "bytes": [f"{e.adapter_bytes:,}" for e in found],
    }
    if not brief:
        made["regenerated"] = [f"{e.regenerated:,}" for e in found]
        made["regenerated from"] = [e.regenerated_from or "-" for e in found]
        made["head"] = [f"{e.head:,}" for e in found]
        made["formula"] = [e.formula for e in found]
    made["verdict"] = [e.verdict for e in found]
    return list(made.items())


def markdown(found: Sequence[Entry]) -> str:
    """Return the committed file."""
    following = sum(e.follows for e in found)
    counted = f"{following} of {len(found)} figures follow, {len(found) - following} do not."
    return "\n".join([_TITLE, counted, "", *grids.markdown(columns(found))]) + "\n"


def surprises(found: Sequence[Entry]) -> list[str]:
    """Say of each row whose figure follows, or does not, against what results/published knows of it."""
    return [
        f"{e.name}: {e.printed} is printed, and {e.stored:,.15g} numbers are {e.derived}"
        + ("" if e.expected else ", so count_follows is true of it")
        for e in found
        if e.follows != e.expected
    ]


def _sizes(entry: Entry) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in entry.hyperparameters.items() if not name.endswith("_seed"))


def _card(entry: Entry) -> Table:
    table = Table(title=entry.name, show_header=False, box=box.SIMPLE_HEAD, title_justify="left")
    for name, (cell,) in columns([entry]):
        table.add_row(name, cell)
    return table


def _text(found: Sequence[Entry], one_by_one: bool, console: Console) -> None:
    if one_by_one:
        for entry in found:
            console.print(_card(entry))
        return
    console.print(grids.terminal(columns(found, brief=True)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 where every figure is as results/published knows it, 1 where one is not, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=__doc__)
    parser.add_argument("--format", choices=["text", "markdown", "json", "latex"], default="text")
    parser.add_argument(
        "--row", metavar="WORDS", help='only rows whose name has all these words, as cards: "llama2-7b vb_lora"'
    )
    parser.add_argument("--published", type=Path, default=conf.PUBLISHED, help="the published tables' folder")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there what would be printed")
    options = parser.parse_args(arguments)
    try:
        found = ledger.entries(published.load(options.published))
        if options.row is not None:
            words = options.row.split()
            every, found = found, [entry for entry in found if set(words) <= set(entry.name.split())]
            if not found:
                raise SuiteError(f"--row {options.row}: no row is called so; one is called {every[0].name!r}")
        if options.out is not None and options.format == "text":
            raise SuiteError(f"--out {options.out} wants --format markdown, json or latex")
        if options.out is None or not surprises(found):  # a file that was right is not overwritten by what is not
            _write(found, options)
    except BAD_INPUT as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    for surprise in surprises(found):
        print(f"the ledger is broken: {surprise}", file=sys.stderr)
    return 1 if surprises(found) else 0


def _write(found: Sequence[Entry], options: argparse.Namespace) -> None:
    if options.format == "text":
        # A pipe has no width of its own, and a table folded at 80 columns is not read.
        _text(found, options.row is not None, Console(width=None if sys.stdout.isatty() else 200))
        return
    if options.format == "json":
        text = json.dumps([e.model_dump() | {"verdict": e.verdict} for e in found], indent=1) + "\n"
    elif options.format == "latex":
        text = "\n".join(grids.latex(columns(found))) + "\n"
    else:
        text = markdown(found)
    if options.out is None:
        sys.stdout.write(text)
    else:
        write_atomic(options.out, text.encode())


if __name__ == "__main__":
    sys.exit(main())
