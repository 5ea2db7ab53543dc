"""Tables and figures of records and published figures: the same records give the same bytes."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks import markup
from benchmarks.analysis import tuning
from benchmarks.analysis.sheets import Sheet, load, sheets_of
from benchmarks.conf import LOCAL, ROOT
from benchmarks.errors import SuiteError
from benchmarks.markup import Page
from benchmarks.papers.published import PublishedRow
from benchmarks.records import store
from benchmarks.records.files import write_atomic
from benchmarks.report import columns, notes, pareto
from benchmarks.report.pareto import Drawn


def render(sheets: Sequence[Sheet], root: Path, published: Sequence[PublishedRow]) -> list[Path]:
    """Write sheets to ``root``/tables and ``root``/figures; return the paths, each table followed by its figure."""
    written = []
    for sheet in sheets:
        others = [other for other in sheets if _same_but_data(sheet, other)]
        table = root / "tables" / f"{sheet.stem}.md"
        write_atomic(table, _markdown(sheet, others, published).encode())
        written.append(table)
        if sheet.complete:
            figure = root / "figures" / f"{sheet.stem}.png"
            write_atomic(figure, pareto.png(_drawn(sheet), sheet.title, sheet.kind.axis))
            written.append(figure)
    return written


def sheets_below(root: Path) -> list[Sheet]:
    """Return the sheets of ``root``/records. Raises SuiteError where there are none, or one is refused."""
    if sheets := sheets_of(load(root)):
        return sheets
    raise SuiteError(f"no records below {root / 'records'}: `make quickstart` makes some")


def roots(given: Sequence[Path]) -> list[Path]:
    """Return the given folders, or the default ones that hold records. Raises SuiteError where neither do."""
    chosen = list(given) or [root for root in (ROOT, LOCAL) if store.files(root / "records")]
    if not chosen:
        raise SuiteError(f"no records below {ROOT}/records or {LOCAL}/records: `make quickstart` makes some")
    return chosen


def _same_but_data(one: Sheet, other: Sheet) -> bool:
    """Say whether two sheets share a task and differ in their data alone."""
    same = (one.benchmark, one.backbone, one.embedded) == (other.benchmark, other.backbone, other.embedded)
    return same and one is not other and bool(notes.shared_tasks(one, other))


def _drawn(sheet: Sheet) -> list[Drawn]:
    measure = sheet.kind.drawn
    return [
        Drawn(row.method, row.targets, row.variant, median(row.stored), row.mean(measure), row.spread_of_mean(measure))
        for row in sheet.complete
        if measure.values(row.runs)
    ]


def _markdown(sheet: Sheet, others: Sequence[Sheet], published: Sequence[PublishedRow]) -> str:
    """Return a sheet's file: notes, the main table, the figure, the second table, costs, the tuned one, what failed."""
    published = [] if sheet.embedded else published  # no paper scored generated data, whatever the task is called
    lines = [f"# {sheet.title}", "", *notes.header(sheet, others, published), ""]
    if sheet.rows:
        lines += ["## Main table", "", *markup.markdown(columns.main(sheet, published)), ""]
        if sheet.complete:
            lines += [f"![stored parameters against score](../figures/{sheet.stem}.png)", ""]
        lines += [f"## {sheet.kind.chosen_title}", "", *markup.markdown(columns.chosen(sheet)), ""]
        lines += ["## Cost", "", *(f"- {note}" for note in notes.COST), "", *markup.markdown(columns.cost(sheet)), ""]
    if tunings := tuning.tunings(sheet):
        lines += ["## Tuned", "", *(f"- {note}" for note in notes.TUNED), ""]
        lines += [*markup.markdown(columns.tuned(sheet, tunings)), ""]
    lines += [line for note in notes.tunings(sheet, tunings) for line in (note, "")]
    return "\n".join([*lines, *notes.failures(sheet)]).rstrip() + "\n"


def pages(sheet: Sheet) -> list[Page]:
    """Return a sheet's main table, as far as it fits a screen, and its tuned table."""
    tunings = tuning.tunings(sheet)
    remarks = [*notes.against_floor(sheet), *notes.failed_count(sheet), *notes.tunings(sheet, tunings)]
    main = Page(columns.brief(sheet), sheet.title, remarks)
    return [main, Page(columns.tuned(sheet, tunings), f"{sheet.title}: tuned, held-out scores")] if tunings else [main]


def place(path: Path) -> str:
    """Return a line on where a table, a figure or records lie, relative to the working directory if below it."""
    whole, here = path.resolve(), Path.cwd()
    shown = whole.relative_to(here) if whole.is_relative_to(here) else path
    kind = {".md": "table", ".png": "figure", ".html": "page"}.get(path.suffix, "records")
    return f"{kind:8}{shown}"
