"""Tables and figures of records and published figures: the same records give the same bytes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import markup
from benchmarks.analysis import front, tuning
from benchmarks.analysis.measures import key_of
from benchmarks.analysis.sheets import Sheet, load, sheets_of
from benchmarks.conf import LOCAL, ROOT
from benchmarks.errors import SuiteError
from benchmarks.markup import Page
from benchmarks.papers.published import PublishedRow
from benchmarks.records import store
from benchmarks.records.files import write_atomic
from benchmarks.report import columns, notes
from benchmarks.report.figures import unchanged

# By how the file's name ends after the sheet's.
_FIGURES = {
    "": "bytes of the adapter against score",
    "-curves": "learning curves",
    "-seeds": "each seed's best, last and held-out score",
}


def render(
    sheets: Sequence[Sheet], root: Path, published: Sequence[PublishedRow], reach: Mapping[str, float] | None = None
) -> list[Path]:
    """Write sheets to ``root``/tables and ``root``/figures; return the paths, each table followed by its figures.

    ``reach`` has scores on dev by task, such as 85.0 of mrpc: costs are shown until a run reaches them.
    """
    written = []
    for sheet in sheets:
        others = [other for other in sheets if _same_but_data(sheet, other)]
        figures = _figures(sheet, root)
        table = root / "tables" / f"{sheet.stem}.md"
        write_atomic(table, _markdown(sheet, others, published, figures, reach or {}).encode())
        written += [table, *(path for path, _ in figures)]
    return written


def check_reach(reach: Mapping[str, float], sheets: Sequence[Sheet]) -> None:
    """Raise SuiteError for a level of a task that no sheet has."""
    tasks = sorted({key_of(task) for sheet in sheets for task in sheet.tasks})
    if unknown := sorted(set(reach) - set(tasks)):
        raise SuiteError(f"--reach {unknown[0]}: no run of that task has finished; those of {', '.join(tasks)} have")


def _figures(sheet: Sheet, root: Path) -> list[tuple[Path, str]]:
    """Write a sheet's figures, but for those that would be as they are; return the path and the title of each."""
    if not sheet.rows:
        return []
    stem = root / "figures" / sheet.stem
    made_of = unchanged.digest(sheet, root)
    drawn = unchanged.kept(stem, made_of)
    if drawn is None:
        drawn = _drawn(sheet, root, stem)
        unchanged.keep(stem, made_of, drawn)
    return [(path, _FIGURES[path.stem.removeprefix(sheet.stem)]) for path in drawn]


def _drawn(sheet: Sheet, root: Path, stem: Path) -> list[Path]:
    """Draw a sheet's figures beside ``stem``; return the path of each."""
    from benchmarks.report.figures import canvas, curves, pareto, seeds  # here, as matplotlib takes long to import

    figures, standing = {}, front.of_sheet(sheet, root)
    if standing.standings:
        spreads = [each.row.spread_of_mean(sheet.kind.drawn) for each in standing.standings]
        figures[""] = pareto.draw(standing, spreads, sheet.title, sheet.kind.axis)
    figures |= {"-curves": curves.draw(sheet), "-seeds": seeds.draw(sheet)}
    return [
        canvas.write(figure, stem.with_name(f"{stem.name}{end}.png"))
        for end, figure in figures.items()
        if figure is not None
    ]


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


def _markdown(
    sheet: Sheet,
    others: Sequence[Sheet],
    published: Sequence[PublishedRow],
    figures: Sequence[tuple[Path, str]],
    reach: Mapping[str, float],
) -> str:
    """Return a sheet's file: notes, the main table, figures, the second table, costs, the tuned one, what failed."""
    published = [] if sheet.embedded else published  # no paper scored generated data, whatever the task is called
    lines = [f"# {sheet.title}", "", *notes.header(sheet, others, published), ""]
    if sheet.rows:
        lines += ["## Main table", "", *markup.markdown(columns.main(sheet, published)), ""]
        lines += [line for path, title in figures for line in (f"![{title}](../figures/{path.name})", "")]
        lines += [notes.FIGURES, ""]
        lines += [f"## {sheet.kind.chosen_title}", "", *markup.markdown(columns.chosen(sheet)), ""]
        lines += [
            "## Cost",
            "",
            *(f"- {note}" for note in notes.COST),
            "",
            *markup.markdown(columns.cost(sheet, reach)),
            "",
        ]
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
