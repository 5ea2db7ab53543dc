"""Tables and figures made from records and published figures alone: the same records give the same bytes.

``python -m benchmarks.tables`` reads <root>/records and writes <root>/tables/*.md and <root>/figures/*.png, one of each
for every sheet.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.analysis import tuning, verdicts
from benchmarks.analysis.measures import ABSENT, Measure, key_of, kind_of
from benchmarks.analysis.sheets import DIGITS, Row, Sheet, checked, flat, load, rows_of, sheets_of
from benchmarks.analysis.tuning import Tuned
from benchmarks.conf import LOCAL, ROOT
from benchmarks.errors import SuiteError
from benchmarks.papers.published import PublishedRow, find
from benchmarks.papers.published import load as load_published
from benchmarks.records.files import write_atomic
from benchmarks.records.schema import Record
from benchmarks.report import markup as grids
from benchmarks.report import pareto as figure

_TUNED = (
    "A configuration multiplies the method's default learning rates. The one with the best mean over seeds is chosen "
    "on one half of dev, with an epoch for each seed, and scored on the other half, both ways, averaged; two are named "
    "where the halves choose differently. Default: the held-out score above, of the seeds that were tuned. Difference: "
    "of each seed's two scores, averaged as scores are.",
    "Train s: the seconds that all configurations trained, where a run's are an equal share of its group's. "
    "X default: how many times the default's they are.",
)


def render(root: Path, published: Sequence[PublishedRow]) -> list[Path]:
    """Write every table and figure of ``root``/records; return their paths, each table followed by its figure.

    Raises SuiteError where there are no records, or one lacks what a table needs.
    """
    sheets = sheets_of(load(root))
    if not sheets:
        raise SuiteError(f"no records below {root / 'records'}: `make quickstart` makes some")
    written = []
    for sheet in sheets:
        table, drawing = root / "tables" / f"{sheet.stem}.md", root / "figures" / f"{sheet.stem}.png"
        others = [other for other in sheets if _same_but_data(sheet, other)]
        write_atomic(table, _markdown(sheet, others, published).encode())
        written.append(table)
        if sheet.complete:
            write_atomic(drawing, figure.png(_points(sheet), sheet.title, sheet.kind.axis))
            written.append(drawing)
    return written


def _same_but_data(one: Sheet, other: Sheet) -> bool:
    """Say whether two sheets share a task, and only its rows of data tell them apart."""
    same = (one.benchmark, one.backbone, one.embedded) == (other.benchmark, other.backbone, other.embedded)
    return same and one is not other and bool(_shared_tasks(one, other))


def _shared_tasks(one: Sheet, other: Sheet) -> list[str]:
    return sorted({record.task for record in one.records} & {record.task for record in other.records})


def _points(sheet: Sheet) -> list[figure.Point]:
    drawn = sheet.kind.drawn
    return [
        figure.Point(
            row.method, row.targets, row.variant, median(row.stored), row.mean(drawn), row.spread_of_mean(drawn)
        )
        for row in sheet.complete
        if drawn.values(row.runs)
    ]


def _count(values: Iterable[float]) -> str:
    """Write a count, or from least to most where the tasks of a row differ in it."""
    return " to ".join(f"{value:,.15g}" for value in sorted({min(values), max(values)}))


def _rate(runs: Sequence[Record]) -> str:
    rate = median(run.cost.samples_per_second for run in runs)
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"


def _most(rows: Iterable[Row]) -> int:
    """Return the largest number of seeds in one cell."""
    return max(len(cell) for row in rows for cell in row.cells.values())


def _left(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Return the columns that say what each row is: method, targets, and variant where there is any."""
    columns = [("method", [row.method for row in rows]), ("targets", [row.targets for row in rows])]
    if any(row.variant for row in rows):
        columns.append(("variant", [row.variant or ABSENT for row in rows]))
    return columns


def _sizes(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    return [
        ("trained", [_count([run.parameters.trained for run in row.runs]) for row in rows]),
        ("stored", [_count(row.stored) for row in rows]),
        ("adapter bytes", [_count([run.parameters.adapter_bytes for run in row.runs]) for row in rows]),
    ]


def _column(measure: Measure, rows: Sequence[Row]) -> tuple[str, list[str]]:
    most = _most(rows)
    return measure.heading, [measure.cell(row.runs, most) for row in rows]


def terminal_table(records: Iterable[Record]) -> Table:
    """Return the main table of finished records, for the end of a run; failed ones are counted in its caption."""
    records = [checked(record, record.identity) for record in records]
    finished = [record for record in records if record.stands]
    rows = rows_of(finished)
    columns = _left(rows) + _sizes(rows)
    columns += [_column(measure, rows) for measure in kind_of(finished).main]
    columns.append(("samples/s", [_rate(row.runs) for row in rows]))
    failed = sum(record.status == "failed" for record in records)
    table = Table(caption=f"{_runs(failed)} failed" if failed else None)
    for heading, _ in columns:
        justify = "left" if heading in ("method", "targets", "variant") else "right"
        table.add_column(heading, justify=justify, overflow="fold")
    for cells in zip(*(column for _, column in columns), strict=True):
        table.add_row(*(Text(cell) for cell in cells))  # Text: a "[" in a setting is not markup
    return table


def _markdown(sheet: Sheet, others: Sequence[Sheet], published: Sequence[PublishedRow]) -> str:
    """Return the whole file: what it is, the main table, the figure, the second table, the tuned one, what failed."""
    # A generated set is no paper's set, whatever its task is called.
    published = [] if sheet.embedded else published
    lines = [f"# {sheet.title}", "", *_header(sheet, others, published), ""]
    if sheet.rows:
        lines += ["## Main table", "", *grids.markdown(_main_columns(sheet, published)), ""]
        if sheet.complete:
            lines += [f"![stored parameters against score](../figures/{sheet.stem}.png)", ""]
        lines += [f"## {sheet.kind.chosen_title}", "", *grids.markdown(_three_columns(sheet)), ""]
    if tuned := tuning.tunings(sheet):
        lines += ["## Tuned", "", *(f"- {note}" for note in _TUNED), ""]
        lines += [*grids.markdown(_tuned_columns(sheet, tuned)), ""]
    lines += [line for note in _tuned_notes(sheet, tuned) for line in (note, "")]
    return "\n".join([*lines, *_failures(sheet)]).rstrip() + "\n"


def _main_columns(sheet: Sheet, published: Sequence[PublishedRow]) -> list[tuple[str, list[str]]]:
    rows = sheet.rows
    columns = _left(rows) + _sizes(rows)
    for measure in sheet.kind.main:
        columns.append(_column(measure, rows))
        printed = [_published(sheet, row, measure, published) for row in rows]
        if any(cell != ABSENT for cell in printed):
            columns.append((f"{measure.heading}, published", printed))
            columns.append((f"{measure.heading}, verdict", [_verdict(sheet, r, measure, published) for r in rows]))
    for measure in sheet.kind.means:
        means = [measure.number(row.mean(measure)) if row in sheet.complete else ABSENT for row in rows]
        columns.append((measure.heading, means))
    return [*columns, ("samples/s", [_rate(row.runs) for row in rows])]


def _published(sheet: Sheet, row: Row, measure: Measure, published: Sequence[PublishedRow]) -> str:
    """Write what papers print for this cell; where several rows match, each with what tells it apart."""
    found = find(published, sheet.benchmark, sheet.backbone, row.method, row.targets, measure.published)
    return "; ".join(_printed(line, measure.published) for line in found) or ABSENT


def _verdict(sheet: Sheet, row: Row, measure: Measure, published: Sequence[PublishedRow]) -> str:
    """Write whether what papers print for this cell was reproduced, in the order of ``_published``."""
    found = find(published, sheet.benchmark, sheet.backbone, row.method, row.targets, measure.published)
    judged = verdicts.verdicts(found, row.runs)
    return "; ".join(own.ruling for own in judged if own.score == measure.published) or ABSENT


def _printed(line: PublishedRow, key: str) -> str:
    score = line.scores[key]
    spread = "" if score.spread is None else f" ± {score.spread}"
    apart = [f"rank {line.rank}"] if line.rank is not None else []
    apart += [line.run_by] if line.run_by is not None else []
    return f"{score.value}{spread}" + (f" ({', '.join(apart)})" if apart else "")


def _three_columns(sheet: Sheet) -> list[tuple[str, list[str]]]:
    """Return the second table's columns: a line for each row and task."""
    lines = [(row, task, row.cells[task]) for task in sheet.tasks for row in sheet.rows if task in row.cells]
    columns = [("task", [key_of(task) for _, task, _ in lines]), *_left([row for row, _, _ in lines])]
    columns.append(("seeds", [str(len(cell)) for _, _, cell in lines]))
    columns += [(measure.heading, [measure.cell(cell, 0) for _, _, cell in lines]) for measure in sheet.kind.chosen]
    epochs = [_count([run.scores.best_epoch for run in cell]) for _, _, cell in lines]
    return [*columns, ("best epoch", epochs)]


def _tuned_columns(sheet: Sheet, tuned: Sequence[Tuned]) -> list[tuple[str, list[str]]]:
    """Return the columns of default beside tuned: a line for each task and row that was tuned."""
    held_out = sheet.kind.held_out
    return [
        ("task", [key_of(own.task) for own in tuned]),
        *_left([own.row for own in tuned]),
        ("configurations", [_configurations(own) for own in tuned]),
        ("seeds", [str(len(own.runs) or ABSENT) for own in tuned]),
        ("default", [held_out.cell(own.runs, 0) for own in tuned]),
        ("tuned", [_tuned_cell(held_out, own) for own in tuned]),
        ("difference", [_difference_cell(held_out, own) for own in tuned]),
        ("chosen", [own.reason or " / ".join(dict.fromkeys(own.chosen)) for own in tuned]),
        ("train s", [("at least " if own.uncounted else "") + f"{own.seconds:,.0f}" for own in tuned]),
        ("x default", [f"{own.seconds / own.default_seconds:.1f}" if own.default_seconds else ABSENT for own in tuned]),
    ]


def _configurations(own: Tuned) -> str:
    """Write how many were tried, and how many of them could be chosen where that is fewer."""
    left = [f"{count} {what}" for count, what in ((own.failed, "failed"), (own.unfinished, "unfinished")) if count]
    given = len(own.given)
    return ", ".join([f"{given - own.failed - own.unfinished} of {given}", *left]) if left else str(given)


def _tuned_cell(held_out: Measure, own: Tuned) -> str:
    return replace(held_out, value=lambda run: own.scores[run.seed]).cell(own.runs, 0)


def _difference_cell(held_out: Measure, own: Tuned) -> str:
    return replace(held_out, value=lambda run: own.scores[run.seed] - held_out.value(run)).cell(own.runs, 0)


def _tuned_notes(sheet: Sheet, tuned: Sequence[Tuned]) -> list[str]:
    """Return what keeps a sheet's tunings from being equal, and the runs that stand in none of them."""
    notes = []
    for task in dict.fromkeys(own.task for own in tuned):
        given = sorted({own.given for own in tuned if own.task == task}, key=len)
        if len(given) > 1:
            fewest, most = len(given[0]), len(given[-1])
            apart = f"rows of {fewest} and of {most} configurations" if fewest < most else "rows of other factors"
            notes.append(f"Not tuned equally: {key_of(task)} has {apart}, whose tuned scores do not compare.")
    if lost := tuning.without_default(sheet):
        notes.append(
            f"{_runs(len(lost))} of a tuning left out, as the default run of the same seed has no record: the same "
            "command trains it."
        )
    return notes


def _header(sheet: Sheet, others: Sequence[Sheet], published: Sequence[PublishedRow]) -> list[str]:
    """Return the lines above the tables: what the figures are, and where they come from."""
    finished = [record for record in sheet.records if record.status == "finished"]
    tried = len(finished) - len(sheet.finished)
    counts = [f"{len(finished)} finished", *([f"of which {tried} to tune"] if tried else [])]
    counts.append(f"{len(sheet.records) - len(finished)} failed")
    lines = [
        f"Made by `make tables` from {_runs(len(sheet.records), 'record')} ({', '.join(counts)}); "
        "not to be edited by hand.",
        "",
    ]
    if sheet.embedded:
        name = sheet.benchmark.upper()
        lines += [
            f"**The data is generated and is NOT {name}:** it has {name}'s columns and task names, nothing else of it.",
            "No paper's figure can be compared with a score in this file, so none is shown.",
            "",
        ]
    lines += [*_protocol(sheet), *_sources(sheet, published)]
    lines += [f"- Split: {_split(sheet, other)}" for other in others]
    lines += [f"- Data: {text}." for text in _tally(sheet.records, _data)]
    lines += [f"- Start: {text}." for text in _tally([run for run in sheet.finished if run.started_from], _start)]
    generated = [run for run in sheet.finished if run.generation]
    lines += [f"- Test: {text}." for text in _tally(generated, _test)]
    lines += [f"- Exam: {text}." for text in _exams(sheet.finished)]
    lines += [f"- Absent: {text}." for text in _tally([run for run in generated if run.generation.absent], _absent)]
    lines += [f"- Ran on: {text}." for text in _tally(sheet.records, _machine)]
    return [
        *lines,
        f"- Packages: {_packages(sheet.records)}.",
        *(f"- Code: {t}." for t in _tally(sheet.records, _code)),
    ]


def _protocol(sheet: Sheet) -> list[str]:
    if not sheet.rows:
        tried = any(record.tuning is not None for record in sheet.records)
        return [f"- No run has finished yet{', but configurations of a tuning' if tried else ''}."]
    kind, most = sheet.kind, _most(sheet.rows)
    return [
        f"- {kind.scored}.",
        f"- A score is the {kind.average} over seeds ± their standard deviation (n - 1), of {_runs(most, 'seed')} "
        "unless (n=...) says fewer; one seed has no deviation.",
        *(f"- {note}" for note in kind.notes),
        "- Trained: the adapter's trained numbers. Stored: as the method's paper counts them. "
        "Samples/s: the median over runs, of the whole group that trained in one pass.",
        "- Variant: the settings in which runs of one method, targets and task differ; each has its own row.",
    ]


def _sources(sheet: Sheet, published: Sequence[PublishedRow]) -> list[str]:
    """Return the note on the published columns, naming the tables that they come from."""
    found = {
        f"{line.source} table {line.table} (arXiv {line.arxiv})"
        for row in sheet.rows
        for measure in sheet.kind.main
        for line in find(published, sheet.benchmark, sheet.backbone, row.method, row.targets, measure.published)
    }
    if not found:
        return []
    return [
        f"- Published: the paper's value ± its printed spread, from {', '.join(sorted(found))}, at its own settings. "
        "Verdict: `python -m benchmarks.verdict` says how it came to that."
    ]


def _split(sheet: Sheet, other: Sheet) -> str:
    """Say which of the other file's tasks are this file's too, on other rows of data."""
    tasks = ", ".join(key_of(task) for task in _shared_tasks(sheet, other))
    return f"{tasks} also ran on other data, which cannot be mixed with this: [{other.stem}.md]({other.stem}.md)."


def _tally(records: Iterable[Record], fact: Callable[[Record], str]) -> list[str]:
    """Return each text that the records give, sorted, with the number of runs that give it."""
    return [f"{text}: {_runs(count)}" for text, count in sorted(Counter(fact(record) for record in records).items())]


def _data(run: Record) -> str:
    data = run.data
    rows = f"{data.train_rows:,} train and {data.validation_rows:,} dev rows"
    return f"{key_of(run.task)}, {rows} of {data.dataset} ({data.source}, {data.fingerprint[:DIGITS]})"


def _start(run: Record) -> str:
    began = run.started_from
    which = "the run" if began.runs == 1 else f"the best of {began.runs} runs"
    return (
        f"{key_of(run.task)}, {run.method}, {run.targets}, begun with the adapter of {which} on "
        f"{began.train_rows:,} rows of {key_of(began.task)} ({began.identity[:DIGITS]})"
    )


def _test(run: Record) -> str:
    split = f"{run.generation.instances:,} instances with {run.generation.references:,} references"
    return f"{key_of(run.task)}, {split}, decoded with {_decoding(run)}"


def _exams(finished: Sequence[Record]) -> list[str]:
    """Say of each exam how many questions were asked, and how the answers were decoded."""
    sat = [
        f"{name}, {len(solved.answers):,} questions of {_exam_of(run, name)}, decoded with {_decoding(run)}"
        for run in finished
        for name, solved in run.exams.items()
    ]
    return [f"{text}: {_runs(count)}" for text, count in sorted(Counter(sat).items())]


def _exam_of(run: Record, name: str) -> str:
    exam = run.config["task"]["exams"][name]
    return f"{exam['dataset']} ({exam['config']}, {exam['split']})"


def _decoding(run: Record) -> str:
    return ", ".join(f"{key}={value}" for key, value in flat(run.config["task"]["decode"]))


def _absent(run: Record) -> str:
    return "; ".join(f"{name}, as {grids.plain(reason)}" for name, reason in run.generation.absent.items())


def _machine(run: Record) -> str:
    environment = run.environment
    processes = "1 process" if environment.processes == 1 else f"{environment.processes} processes"
    return f"{environment.hardware}, {environment.precision}, {processes}"


def _code(run: Record) -> str:
    return run.environment.git_revision[:12] + (" with uncommitted changes" if run.environment.git_dirty else "")


def _packages(records: Iterable[Record]) -> str:
    versions = defaultdict(set)
    for record in records:
        for name, version in record.environment.packages.items():
            versions[name].add(version)
    return ", ".join(f"{name} {' and '.join(sorted(versions[name]))}" for name in sorted(versions))


def _failures(sheet: Sheet) -> list[str]:
    """Return the note on failed runs: how many, and each one's reason."""
    failed = [record for record in sheet.records if record.status == "failed"]
    if not failed:
        return []
    failed.sort(key=lambda r: (r.task, r.method, r.targets, r.seed, r.identity))
    reasons = [
        f"- {key_of(r.task)}, {r.method}, {r.targets}, seed {r.seed}{_tried(r)}: "
        f"{grids.plain(r.error.strip().splitlines()[0])}"
        for r in failed
    ]
    return [f"{_runs(len(failed))} failed, and {'is' if len(failed) == 1 else 'are'} no score above:", "", *reasons]


def _tried(run: Record) -> str:
    return "" if run.tuning is None else f", {run.tuning.label}"


def _runs(count: int, what: str = "run") -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _roots(given: Sequence[Path]) -> list[Path]:
    """Return the roots asked for, or the defaults that hold records; raises SuiteError where none does."""
    roots = list(given) or [root for root in (ROOT, LOCAL) if any((root / "records").rglob("*.json"))]
    if not roots:
        raise SuiteError(f"no records below {ROOT}/records or {LOCAL}/records: `make quickstart` makes some")
    return roots


def _report(root: Path, written: Sequence[Path], show: bool) -> None:
    """Print the main tables, if asked, and where everything lies."""
    if show:
        # A pipe has no width of its own, and a table folded at 80 columns is not read.
        console = Console(width=None if sys.stdout.isatty() else 160)
        for sheet in sheets_of(load(root)):
            console.print(Text(sheet.title))
            console.print(terminal_table(sheet.records))
            if tuned := tuning.tunings(sheet):
                console.print(grids.terminal(_tuned_columns(sheet, tuned), "Tuned: scores on held-out data"))
            for note in _tuned_notes(sheet, tuned):
                console.print(Text(note))
    for path in written:
        print(f"{'table' if path.suffix == '.md' else 'figure':8}{_below_here(path)}")
    print(f"{'records':8}{_below_here(root / 'records')}")


def _below_here(path: Path) -> Path:
    """Return the path relative to the working directory where it lies below it."""
    whole = path.resolve()
    return whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else path


def main(arguments: Sequence[str] | None = None) -> int:
    """Render what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--root", type=Path, nargs="+", default=[], help=f"default: {ROOT}, and {LOCAL} if it has records"
    )
    parser.add_argument("--print", action="store_true", help="print the main tables too")
    options = parser.parse_args(arguments)
    try:
        published = load_published()
        for root in _roots(options.root):
            _report(root, render(root, published), options.print)
    except SuiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
