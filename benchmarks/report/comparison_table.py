"""Which methods differ: ``python -m benchmarks.compare``, from records and the predictions beside them."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.text import Text

from benchmarks.analysis import comparisons, sheets
from benchmarks.analysis.comparisons import Compared
from benchmarks.analysis.intervals import Difference
from benchmarks.analysis.measures import key_of
from benchmarks.analysis.sheets import Sheet
from benchmarks.errors import SuiteError
from benchmarks.records.files import write_atomic
from benchmarks.records.schema import LOG_LIKELIHOOD
from benchmarks.report import markup as grids
from benchmarks.report import rank_figure as ranks

_ROOT = Path("results")
_SCORES = {"held_out": "held-out", "best": "best epoch on dev", "last": "last epoch"}


def columns(compared: Compared, scale: float) -> list[tuple[str, list[str]]]:
    """Return the pairs as columns; differences are x ``scale``, with their 95% intervals."""
    pairs = compared.pairs
    made = {"method": [pair.one for pair in pairs], "against": [pair.other for pair in pairs]}
    for task in compared.tasks:
        made[key_of(task)] = [_cell(pair.by_task[task], scale) for pair in pairs]
    if len(compared.tasks) > 1:
        made["mean"] = [_cell(pair.overall, scale) for pair in pairs]
    made["p"] = [_p(pair.overall.p) for pair in pairs]
    made["p, Holm"] = [_p(pair.corrected) for pair in pairs]
    if any(pair.mcnemar is not None for pair in pairs):
        made["McNemar"] = ["-" if pair.mcnemar is None else _p(pair.mcnemar) for pair in pairs]
    made["effect"] = [f"{pair.overall.effect:+.2f}" for pair in pairs]
    made["seeds"] = [str(pair.seeds) for pair in pairs]
    return list(made.items())


def said(compared: Compared, sheet: Sheet) -> list[str]:
    """Return what must be known beside the columns."""
    pairs, rows = len(compared.pairs), len(compared.ranks)
    lines = [
        f"Scores: {_SCORES[compared.score]}; {pairs} pairs of {rows} rows on {', '.join(compared.tasks)}.",
        "A difference is the mean over shared seeds and dev's rows, [its 95% interval]; both are taken as drawn from "
        "more of their kind. p: of no difference in the mean over tasks; Holm: corrected for all pairs here. Effect: "
        "the difference in units of one seed's and row's deviation.",
        "Mean rank: " + ", ".join(f"{name} {rank:.1f}" for name, rank in compared.ranks.items()) + ".",
    ]
    if groups := ranks.alike(compared.ranks, compared.pairs):
        lines.append("Not told apart at 5%: " + "; ".join(", ".join(group) for group in groups) + ".")
    if compared.left_out:
        lines.append(f"Left out, {len(compared.left_out)}: " + "; ".join(compared.left_out) + ".")
    if sheet.embedded:
        lines.append("These rows are the suite's own, and no paper's set.")
    return lines


def _cell(own: Difference, scale: float) -> str:
    value, low, high = (scale * each for each in (own.interval.value, own.interval.low, own.interval.high))
    digits = 1 if scale == 100 else 3
    return f"{value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


def _p(value: float) -> str:
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}" if value < 0.1 else f"{value:.2f}"


def _scale(sheet: Sheet) -> float:
    return 1 if sheet.finished[0].scores.primary == LOG_LIKELIHOOD else 100


def _dumped(sheet: Sheet, compared: Compared) -> dict:
    return {"sheet": sheet.stem, **asdict(compared)}


def _text(sheet: Sheet, compared: Compared, console: Console) -> None:
    console.print(grids.terminal(columns(compared, _scale(sheet)), _title(sheet, compared)))
    for line in said(compared, sheet):
        console.print(Text(line))


def _markdown(sheet: Sheet, compared: Compared) -> str:
    title = f"# Which methods differ: {_title(sheet, compared)}"
    lines = [title, "", "Made by `python -m benchmarks.compare --write`.", ""]
    lines += [f"- {line}" for line in said(compared, sheet)]
    lines += ["", f"![mean ranks](../figures/ranks-{_stem(sheet, compared)}.png)", ""]
    return "\n".join([*lines, *grids.markdown(columns(compared, _scale(sheet)))]) + "\n"


def _stem(sheet: Sheet, compared: Compared) -> str:
    """Return the name of the files, which has the tasks where they are not all of the sheet's."""
    narrowed = [key_of(task) for task in compared.tasks] if compared.tasks != sheet.tasks else []
    return "-".join([sheet.stem, *narrowed])


def _title(sheet: Sheet, compared: Compared) -> str:
    return sheet.title if compared.tasks == sheet.tasks else f"{sheet.title}: {', '.join(map(key_of, compared.tasks))}"


def _write(sheet: Sheet, compared: Compared, root: Path) -> None:
    stem = _stem(sheet, compared)
    table, drawing = root / "tables" / f"compare-{stem}.md", root / "figures" / f"ranks-{stem}.png"
    write_atomic(table, _markdown(sheet, compared).encode())
    write_atomic(drawing, ranks.png(compared.ranks, compared.pairs, _title(sheet, compared)))
    print(f"written: {table}\nwritten: {drawing}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, or 2 where no sheet has two rows that can be compared."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("--root", type=Path, default=_ROOT, help="where records/ lies (default: results)")
    parser.add_argument("--sheet", metavar="NAME", help="one sheet alone, such as glue-minilm")
    parser.add_argument("--targets", help="rows of these targets alone, and those without: fewer pairs to correct for")
    parser.add_argument("--tasks", default="", metavar="A,B", help="these alone, such as mrpc,rte")
    parser.add_argument("--score", choices=comparisons.SCORES, default="held_out", help="of which epochs")
    parser.add_argument("--format", choices=["text", "markdown", "json", "latex"], default="text")
    parser.add_argument("--write", action="store_true", help="also write tables/compare-*.md and figures/ranks-*.png")
    options = parser.parse_args(arguments)
    try:
        _compare(options)
    except SuiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _compare(options: argparse.Namespace) -> None:
    every = sheets.sheets_of(sheets.load(options.root))
    found = [sheet for sheet in every if options.sheet in (None, sheet.stem)]
    if not found:
        named = ", ".join(sheet.stem for sheet in every) or "none"
        raise SuiteError(f"no sheet {options.sheet or ''} below {options.root}/records; there are: {named}")
    refused, made = [], []
    tasks = [task for task in options.tasks.split(",") if task]
    for sheet in found:
        try:
            compared = comparisons.compare(sheet, options.root, options.score, options.targets, tasks)
            made.append((sheet, compared))
        except SuiteError as error:
            refused.append(str(error))
    if not made:
        raise SuiteError("; ".join(refused))
    for line in refused:
        print(f"left out: {line}", file=sys.stderr)
    if options.format == "json":
        print(json.dumps([_dumped(*pair) for pair in made], indent=1))
    for sheet, compared in made:
        if options.format == "text":
            # A pipe has no width of its own, and a table folded at 80 columns is not read.
            _text(sheet, compared, Console(width=None if sys.stdout.isatty() else 160))
        elif options.format == "markdown":
            print(_markdown(sheet, compared))
        elif options.format == "latex":
            print("\n".join(grids.latex(columns(compared, _scale(sheet)))))
        if options.write:
            _write(sheet, compared, options.root)


if __name__ == "__main__":
    sys.exit(main())
