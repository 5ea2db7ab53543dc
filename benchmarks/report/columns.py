"""The columns of a sheet's tables: what each row is, its sizes, its scores, and what papers print beside them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median

from benchmarks.analysis import baselines, curves, verdicts
from benchmarks.analysis.measures import Measure, key_of
from benchmarks.analysis.sheets import Row, Sheet
from benchmarks.analysis.tuning import Tuned, shares
from benchmarks.markup import ABSENT, Column, text_column
from benchmarks.papers.published import PublishedRow, find, ran, runnable
from benchmarks.records.schema import Record

Line = tuple[Row, str, list[Record]]  # of a table by task and row: the row, the task and its runs


def main(sheet: Sheet, published: Sequence[PublishedRow]) -> list[Column]:
    """Return the main table's columns: a line for each row, with what papers print and means over tasks."""
    rows = sheet.rows
    columns = [*names_of(rows), *_sizes(rows)]
    for measure in sheet.kind.main:
        columns.append(_scores(measure, rows))
        columns += _beside(sheet, measure, published)
    for measure in sheet.kind.means:
        means = [measure.number(row.mean(measure)) if row in sheet.complete else ABSENT for row in rows]
        columns.append(Column(measure.heading, means))
    return [*columns, _throughput(rows)]


def brief(sheet: Sheet) -> list[Column]:
    """Return those of the main table's columns that fit a screen: best method first, the floor and ceiling marked."""
    rows = baselines.ranked(sheet)
    method, *names = names_of(rows)
    marked = text_column(method.heading, [_marked(row) for row in rows])
    scores = [_scores(measure, rows) for measure in sheet.kind.main]
    return [marked, *names, *_sizes(rows), *scores, _throughput(rows)]


def _marked(row: Row) -> str:
    role = baselines.role(row.method)
    return f"{row.method} ({role})" if role else row.method


def chosen(sheet: Sheet) -> list[Column]:
    """Return the second table's columns, scores by how the epoch is chosen: a line for each task and row."""
    lines = lines_of(sheet)
    cells = [cell for _, _, cell in lines]
    return [
        *named(lines),
        *(Column(measure.heading, [measure.cell(cell, 0) for cell in cells]) for measure in sheet.kind.chosen),
        Column("best epoch", [_count([run.scores.best_epoch for run in cell]) for cell in cells]),
        *_collapsed(cells),
    ]


def _collapsed(cells: Sequence[Sequence[Record]]) -> list[Column]:
    """Return how many runs of each cell answer one class alone; nothing where none does."""
    counts = [sum(run.collapsed is True for run in cell) for cell in cells]
    if not any(counts):
        return []
    written = [f"{count} of {len(cell)}" if count else ABSENT for count, cell in zip(counts, cells, strict=True)]
    return [Column("collapsed", written)]


def tuned(sheet: Sheet, tunings: Sequence[Tuned]) -> list[Column]:
    """Return the tuned table's columns, default beside tuned: a line for each task and row that was tuned."""
    held_out = sheet.kind.held_out
    return [
        text_column("task", [key_of(tuning.task) for tuning in tunings]),
        *names_of([tuning.row for tuning in tunings]),
        Column("configurations", [_configurations(tuning) for tuning in tunings]),
        Column("seeds", [str(len(tuning.runs) or ABSENT) for tuning in tunings]),
        Column("default", [held_out.cell(tuning.runs, 0) for tuning in tunings]),
        Column("tuned", [_tuned_cell(held_out, tuning) for tuning in tunings]),
        Column("difference", [_difference_cell(held_out, tuning) for tuning in tunings]),
        text_column("chosen", [tuning.reason or " / ".join(dict.fromkeys(tuning.chosen)) for tuning in tunings]),
        Column("train s", [_seconds(tuning) for tuning in tunings]),
        Column("x default", [_times_default(tuning) for tuning in tunings]),
    ]


def cost(sheet: Sheet, reach: Mapping[str, float]) -> list[Column]:
    """Return the columns of what runs took: a line for each task and row.

    ``reach`` has, by task, the score on dev that the last two columns are about, in the place of ``curves.level``.
    """
    lines = lines_of(sheet)
    cells, seconds = [cell for _, _, cell in lines], shares(sheet.records)
    levels = curves.levels(sheet, reach)
    return [
        *named(lines),
        Column("train s", [_rate([seconds[run.identity] for run in cell]) for cell in cells]),
        Column("runs in a pass", [_count([len(run.group) for run in cell]) for cell in cells]),
        Column("samples/s", [_throughput_of(cell) for cell in cells]),
        Column("peak MiB", [f"{max(run.cost.peak_memory_bytes for run in cell) / 2**20:,.0f}" for cell in cells]),
        Column("adapter bytes", [_count([run.parameters.adapter_bytes for run in cell]) for cell in cells]),
        Column("head bytes", [_count([run.parameters.head_bytes for run in cell]) for cell in cells]),
        Column("level", [_level(sheet, levels[task]) for _, task, _ in lines]),
        Column("s to level", [_seconds_to(cell, levels[task], seconds) for _, task, cell in lines]),
    ]


def _level(sheet: Sheet, level: float | None) -> str:
    return ABSENT if level is None else sheet.kind.held_out.number(sheet.kind.held_out.scale * level)


def _seconds_to(cell: Sequence[Record], level: float | None, seconds: dict[str, float]) -> str:
    """Write the median of the seconds that runs trained until they reached a level, and how many did if not all."""
    if level is None:
        return ABSENT
    taken = [curves.seconds_to(run, level, seconds[run.identity]) for run in cell]
    reached = [each for each in taken if each is not None]
    if not reached:
        return "not reached"
    return _rate(reached) + ("" if len(reached) == len(taken) else f" ({len(reached)} of {len(taken)} seeds)")


def lines_of(sheet: Sheet) -> list[Line]:
    """Return the lines of a table by task and row."""
    return [(row, task, row.cells[task]) for task in sheet.tasks for row in sheet.rows if task in row.cells]


def named(lines: Sequence[Line]) -> list[Column]:
    """Return the columns that name a line by task and row, with how many seeds it has."""
    return [
        text_column("task", [key_of(task) for _, task, _ in lines]),
        *names_of([row for row, _, _ in lines]),
        Column("seeds", [str(len(cell)) for _, _, cell in lines]),
    ]


def names_of(rows: Sequence[Row]) -> list[Column]:
    """Return the columns that name a row: method, targets, and variant where any row has one."""
    columns = [
        text_column("method", [row.method for row in rows]),
        text_column("targets", [row.targets for row in rows]),
    ]
    if any(row.variant for row in rows):
        columns.append(text_column("variant", [row.variant or ABSENT for row in rows]))
    return columns


def _sizes(rows: Sequence[Row]) -> list[Column]:
    return [
        Column("trained", [_count([run.parameters.trained for run in row.runs]) for row in rows]),
        Column("stored", [_count(row.stored) for row in rows]),
        Column("adapter bytes", [_count([run.parameters.adapter_bytes for run in row.runs]) for row in rows]),
    ]


def _count(values: Iterable[float]) -> str:
    """Write a count, or from the least to the most where a row's tasks differ in it."""
    return " to ".join(f"{value:,.15g}" for value in sorted({min(values), max(values)}))


def _scores(measure: Measure, rows: Sequence[Row]) -> Column:
    seeds = most_seeds(rows)
    return Column(measure.heading, [measure.cell(row.runs, seeds) for row in rows])


def most_seeds(rows: Iterable[Row]) -> int:
    """Return the largest number of seeds in one cell."""
    return max((len(cell) for row in rows for cell in row.cells.values()), default=0)


def _throughput(rows: Sequence[Row]) -> Column:
    return Column("samples/s", [_throughput_of(row.runs) for row in rows])


def _throughput_of(runs: Iterable[Record]) -> str:
    return _rate([run.cost.samples_per_second for run in runs])


def _rate(values: Sequence[float]) -> str:
    """Write the median of rates, or of seconds."""
    middle = median(values)
    return f"{middle:,.0f}" if middle >= 100 else f"{middle:.1f}"


def _beside(sheet: Sheet, measure: Measure, published: Sequence[PublishedRow]) -> list[Column]:
    """Return what papers print for a measure, and the verdicts on it; nothing where no paper prints it.

    Where several published rows match one row, its cells have each of them, in the same order.
    """
    lines = [printed_rows(sheet, row, measure, published) for row in sheet.rows]
    if not any(lines):
        return []
    printed = ["; ".join(_printed(line, measure.published) for line in matching) or ABSENT for matching in lines]
    judged = [_rulings(matching, row, measure) for matching, row in zip(lines, sheet.rows, strict=True)]
    return [
        Column(f"{measure.heading}, published", printed),
        text_column(f"{measure.heading}, verdict", ["; ".join(rulings) or ABSENT for rulings in judged]),
    ]


def printed_rows(sheet: Sheet, row: Row, measure: Measure, published: Sequence[PublishedRow]) -> list[PublishedRow]:
    """Return the published rows that print a measure for a row's setting, and each figure of one run once.

    They are those that the suite has an experiment for, and no ablation with other settings of the method than the row.
    """
    found = find(runnable(published), sheet.benchmark, sheet.backbone, row.method, row.targets, measure.published)
    fitting = [line for line in found if line.fits(row.runs[0].config)]
    figures = [(line.runner, line.scores[measure.published].value) for line in fitting if line.run_by is None]
    once: dict[tuple, PublishedRow] = {}
    for line in fitting:
        score = line.scores[measure.published]
        if line.run_by is None or (line.runner, score.value) not in figures:  # a repeat of a figure that is here
            once.setdefault((line.source, line.runner, line.rank, score.value, score.spread), line)
    return list(once.values())


def _rulings(lines: Sequence[PublishedRow], row: Row, measure: Measure) -> list[str]:
    return [verdict.ruling for verdict in verdicts.verdicts(lines, row.runs) if verdict.score == measure.published]


def _printed(line: PublishedRow, score: str) -> str:
    apart = [f"rank {line.rank}"] if line.rank is not None else []
    apart += [ran(line.run_by)] if line.run_by is not None else []
    return line.scores[score].printed + (f" ({', '.join(apart)})" if apart else "")


def _configurations(tuning: Tuned) -> str:
    """Write how many configurations were tried, and how many of them could be chosen where that is fewer."""
    tried, lost = len(tuning.given), tuning.failed + tuning.unfinished
    if not lost:
        return str(tried)
    counts = ((tuning.failed, "failed"), (tuning.unfinished, "unfinished"))
    return ", ".join([f"{tried - lost} of {tried}", *(f"{count} {what}" for count, what in counts if count)])


def _tuned_cell(held_out: Measure, tuning: Tuned) -> str:
    return replace(held_out, value=lambda run: tuning.scores[run.seed]).cell(tuning.runs, 0)


def _difference_cell(held_out: Measure, tuning: Tuned) -> str:
    difference = replace(held_out, value=lambda run: tuning.scores[run.seed] - held_out.value(run))
    return difference.cell(tuning.runs, 0)


def _seconds(tuning: Tuned) -> str:
    return ("at least " if tuning.uncounted else "") + f"{tuning.seconds:,.0f}"


def _times_default(tuning: Tuned) -> str:
    return f"{tuning.seconds / tuning.default_seconds:.1f}" if tuning.default_seconds else ABSENT
