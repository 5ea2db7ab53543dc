"""A sheet as a section of the page: its tables, its figures with theirs, and how its runs were made."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.analysis import front, tuning
from benchmarks.analysis.comparisons import compare
from benchmarks.analysis.measures import key_of
from benchmarks.analysis.sheets import Sheet
from benchmarks.errors import SuiteError
from benchmarks.markup import ABSENT, text_column
from benchmarks.papers.published import PublishedRow
from benchmarks.report import columns, comparison_table, made_by, names, notes
from benchmarks.report.page import drawn
from benchmarks.report.page.parts import Block, Section, table, table_of

_FRONT = (
    "A row is on the front (the dashed line) where no other row takes as few bytes and scores as high. A thin bar is "
    "the score's 95% interval over seeds, a thick one their standard deviation to both sides; one seed has neither. "
    "What stores nothing is a dashed level. Filters do not move the front, and that of tasks does not apply here."
)
_CHANCES = (
    "The chance of being on the front is the share of draws in which a row is there. A draw resamples the {samples}; "
    "scores that lie close together leave the front uncertain."
)
_NO_CHANCES = "A row has one seed, so nothing tells how likely a row is to be on the front."
_CURVES = (
    "A line is the average over seeds of the score on dev after each epoch, and the band is from the least to the most."
)


def section(sheet: Sheet, root: Path, published: Sequence[PublishedRow]) -> Section:
    """Return a sheet's section; ``root`` is where its records and predictions lie."""
    published = [] if sheet.embedded else published  # as in the sheet's own file
    warning = [line.replace("**", "") for line in notes.warning(sheet) if line]
    blocks = [Block("What the figures are, and where they come from", notes.facts(sheet, published), folded=True)]
    if sheet.rows:
        blocks += [
            _main(sheet, published),
            *_pareto(sheet, root),
            _chosen(sheet),
            _seeds(sheet),
            _curves(sheet),
            _cost(sheet),
        ]
    blocks.append(_tuned(sheet))
    if sheet.rows:
        blocks += [_differing(sheet, root), _made(sheet)]
    if failed := notes.failures(sheet):
        blocks.append(Block("Failed runs", [line.removeprefix("- ") for line in failed if line]))
    return Section(sheet.stem, sheet.title, blocks, [*warning, *notes.against_floor(sheet)], _filters(sheet))


def _filters(sheet: Sheet) -> dict[str, list[tuple[str, str]]]:
    lines = columns.lines_of(sheet)
    most = columns.most_seeds(sheet.rows)
    return {
        "method": [(name, names.title(name)) for name in sorted({row.method for row in sheet.rows})],
        "targets": [(name, name) for name in sorted({row.targets for row in sheet.rows})],
        "task": [(name, name) for name in map(key_of, sheet.tasks)],
        "seeds": [(str(count), f"at least {count}") for count in range(2, most + 1)],
        "seed": [(str(seed), str(seed)) for seed in sorted({run.seed for _, _, cell in lines for run in cell})],
    }


def _main(sheet: Sheet, published: Sequence[PublishedRow]) -> Block:
    return Block("Main table", tables=[table(f"{sheet.title}: main table", columns.main(sheet, published))])


def _chosen(sheet: Sheet) -> Block:
    title = sheet.kind.chosen_title
    return Block(title, tables=[table(f"{sheet.title}: {title.lower()}", columns.chosen(sheet))])


def _pareto(sheet: Sheet, root: Path) -> list[Block]:
    standing = front.of_sheet(sheet, root)
    if not standing.standings:
        return []
    figure = drawn.pareto(sheet, standing)
    chances = _CHANCES.format(samples=standing.samples) if standing.samples else _NO_CHANCES
    return [Block(figure.title, [_FRONT, chances], [figure])]


def _seeds(sheet: Sheet) -> Block:
    return Block("Seeds", ["Each seed is a point."], [drawn.seeds(sheet, task) for task in sheet.tasks])


def _curves(sheet: Sheet) -> Block:
    figures = [drawn.curves(sheet, task) for task in sheet.tasks if drawn.has_curves(sheet, task)]
    none = "Every run has one epoch, so there is no curve: see the scores above."
    return Block("Learning curves", [_CURVES if figures else none], figures)


def _cost(sheet: Sheet) -> Block:
    return Block("Cost", notes.COST, tables=[table(f"{sheet.title}: cost", columns.cost(sheet, {}))])


def _tuned(sheet: Sheet) -> Block:
    tunings = tuning.tunings(sheet)
    remarks = notes.tunings(sheet, tunings)
    if not tunings:
        return Block(
            "Tuned beside default", ["No learning rates were tuned: every row has the default ones.", *remarks]
        )
    made = table(f"{sheet.title}: tuned beside default, held-out scores", columns.tuned(sheet, tunings))
    return Block("Tuned beside default", [*notes.TUNED, *remarks], tables=[made])


def _differing(sheet: Sheet, root: Path) -> Block:
    """Return the comparison over all tasks, and where there are several over each of them."""
    tables, refused = [], []
    for wanted in [[], *([[key_of(task)] for task in sheet.tasks] if len(sheet.tasks) > 1 else [])]:
        try:
            tables.append(table_of(comparison_table.page(sheet, compare(sheet, root, wanted=wanted))))
        except SuiteError as reason:
            refused.append(str(reason))
    return Block("Which methods differ", refused, tables=tables)


def _made(sheet: Sheet) -> Block:
    lines = columns.lines_of(sheet)
    commands = [made_by.command(cell) for _, _, cell in lines]
    made = [
        *columns.named(lines),
        text_column("code", [", ".join(sorted({notes.code(run) for run in cell})) for _, _, cell in lines]),
        text_column("last finished", [max(run.finished_at for run in cell)[:10] for _, _, cell in lines]),
        text_column("command", [command.line or ABSENT for command in commands]),
    ]
    if any(command.fault for command in commands):
        made.append(text_column("departs from the records", [command.fault or "no" for command in commands]))
    remarks = [
        "Code is the revision that the records name. A command asks for the settings that the records hold, which was "
        "checked against conf/ when this page was made; DIR is a directory with the data set's files. Other "
        "revisions, packages and machines may give other scores."
    ]
    return Block("How each row was made", remarks, tables=[table(f"{sheet.title}: commands", made)], folded=True)
