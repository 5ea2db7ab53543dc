"""The words around a sheet's tables: what the figures are, where they come from, and what is missing."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from benchmarks.analysis import baselines, tuning
from benchmarks.analysis.measures import key_of
from benchmarks.analysis.sheets import DIGITS, Sheet, flat
from benchmarks.analysis.tuning import Tuned
from benchmarks.markup import plain
from benchmarks.papers.published import PublishedRow
from benchmarks.records.schema import Record
from benchmarks.report import columns

_COMMIT = 12  # digits of a commit that are shown
FORMULAS = (
    "In a formula, maps is the number of adapted linear maps, sides the sum of their d_in + d_out, outputs the sum of "
    "their d_out, and hidden the least d_in. Any other size is one that a method adds: its file in "
    "methods/ says what."
)
COST = (
    "Train s: a run's training time in seconds, an equal share of the time of the pass that it was trained in, as the "
    "median over seeds. Samples/s: the throughput of the whole pass, as the median over runs. Peak MiB: the most "
    "memory that a pass held, and on a CPU the most that its process had held since it began, which is an upper bound.",
    "Bytes are those of the files that a run leaves: its adapter, and its classification head. Level: a score on dev, "
    "which is the highest that the median seed of every row reaches, the floor's aside, or the one that --reach gave. "
    "S to level: the seconds of training until the end of the first epoch with it, as the median over the seeds that "
    "reach it; scoring and saving take time of their own.",
)
FIGURES = "Each figure lies beside its PNG as PDF and SVG too."
TUNED = (
    "A configuration multiplies the method's default learning rates. The configuration with the best mean over seeds "
    "is chosen on one half of dev, with an epoch for each seed, and scored on the other half, both ways, averaged; "
    "where the halves choose differently, two are named. Default: the held-out score above, of the tuned seeds. "
    "Difference: tuned minus default for each seed, averaged as scores are.",
    "Train s: the training time of all configurations in seconds; a run's time is an equal share of its group's. "
    "X default: how many times the default's training time that is.",
)


def header(sheet: Sheet, others: Sequence[Sheet], published: Sequence[PublishedRow]) -> list[str]:
    """Return the lines above the tables: what the figures are, and where they come from.

    ``others`` are the sheets with the same tasks on other data.
    """
    bullets = [*facts(sheet, published), *(f"Split: {_split(sheet, other)}" for other in others)]
    return [_origin(sheet), "", *warning(sheet), *(f"- {bullet}" for bullet in bullets)]


def facts(sheet: Sheet, published: Sequence[PublishedRow]) -> list[str]:
    """Return what a sheet's figures are, and what they were made from: data, machine, packages and code."""
    written = [run for run in sheet.finished if run.generation]
    return [
        *_protocol(sheet),
        *_sources(sheet, published),
        *_collapsed(sheet),
        *(f"Data: {text}." for text in _tally(sheet.records, _data)),
        *(f"Backbone: {text}." for text in _tally([run for run in sheet.records if run.backbone.revision], _backbone)),
        *(f"Start: {text}." for text in _tally([run for run in sheet.finished if run.started_from], _start)),
        *(f"Test: {text}." for text in _tally(written, _test)),
        *(f"Exam: {text}." for text in _counted(_exams(sheet.finished))),
        *(f"Absent: {text}." for text in _tally([run for run in written if run.generation.absent], _absent)),
        *(f"Ran on: {text}." for text in _tally(sheet.records, _machine)),
        f"Packages: {_packages(sheet.records)}.",
        *(f"Code: {text}." for text in _tally(sheet.records, code)),
    ]


def _collapsed(sheet: Sheet) -> list[str]:
    """Say how many runs answer one class alone, and what that means for averages."""
    count = sum(run.collapsed is True for run in sheet.finished)
    if not count:
        return []
    return [
        f"Collapsed: {_runs(count)} of {len(sheet.finished)} answer one class alone at the best epoch, as the second "
        "table counts by row. An interval over a few seeds does not cover the mean of runs of which some collapse: "
        "with one in ten it holds the truth in fewer than half of all cases. The median's does."
    ]


def _origin(sheet: Sheet) -> str:
    finished = [record for record in sheet.records if record.status == "finished"]
    tried = len(finished) - len(sheet.finished)
    counts = [f"{len(finished)} finished", *([f"of which {tried} to tune"] if tried else [])]
    counts.append(f"{len(sheet.records) - len(finished)} failed")
    return (
        f"Made by `make tables` from {_runs(len(sheet.records), 'record')} ({', '.join(counts)}); do not edit by hand."
    )


def warning(sheet: Sheet) -> list[str]:
    """Return the lines that say that a sheet's data is generated; none where it is not."""
    if not sheet.embedded:
        return []
    name = sheet.benchmark.upper()
    return [
        f"**The data is generated and is NOT {name}:** it has {name}'s columns and task names, and nothing else of it.",
        "No paper's figure can be compared with a score in this file, so none is shown.",
        "",
    ]


def _protocol(sheet: Sheet) -> list[str]:
    """Return the notes on what is scored, and on the columns that all kinds of tasks share."""
    if not sheet.rows:
        tried = any(record.tuning is not None for record in sheet.records)
        return [f"No run has finished yet{', except configurations of a tuning' if tried else ''}."]
    seeds = columns.most_seeds(sheet.rows)
    return [
        f"{sheet.kind.scored}.",
        f"A score is the {sheet.kind.average} over seeds ± their standard deviation (n - 1), of {_runs(seeds, 'seed')} "
        "unless (n=...) says fewer; one seed has no deviation.",
        *sheet.kind.notes,
        "Trained: how many numbers of the adapter are trained. Stored: how many are stored, as the method's paper "
        "counts them. Samples/s: the throughput of the whole group that trained in one pass, as the median over runs.",
        "Variant: the settings in which runs of one method, targets and task differ; each variant has its own row.",
    ]


def _sources(sheet: Sheet, published: Sequence[PublishedRow]) -> list[str]:
    """Return the note on the published columns, with the tables that they come from."""
    tables = {
        f"{line.source} table {line.table} (arXiv {line.arxiv})"
        for row in sheet.rows
        for measure in sheet.kind.main
        for line in columns.printed_rows(sheet, row, measure, published)
    }
    if not tables:
        return []
    return [
        f"Published: the paper's value ± its printed spread, from {', '.join(sorted(tables))}, with the paper's "
        "settings. Verdict: `python scripts/verdicts.py` gives its reason."
    ]


def _split(sheet: Sheet, other: Sheet) -> str:
    tasks = ", ".join(key_of(task) for task in shared_tasks(sheet, other))
    return f"{tasks} also ran on other data, which stands apart from this: [{other.stem}.md]({other.stem}.md)."


def shared_tasks(one: Sheet, other: Sheet) -> list[str]:
    """Return the tasks that both sheets have records of, sorted."""
    return sorted({record.task for record in one.records} & {record.task for record in other.records})


def _tally(records: Iterable[Record], fact: Callable[[Record], str]) -> list[str]:
    return _counted(fact(record) for record in records)


def _counted(texts: Iterable[str]) -> list[str]:
    """Return each of the runs' texts once, sorted, with how many runs give it."""
    return [f"{text}: {_runs(count)}" for text, count in sorted(Counter(texts).items())]


def _data(run: Record) -> str:
    data = run.data
    rows = f"{data.train_rows:,} train and {data.validation_rows:,} dev rows"
    commit = f" at {data.revision[:_COMMIT]}" if data.revision else ""
    return f"{key_of(run.task)}, {rows} of {data.dataset}{commit} ({data.source}, {data.fingerprint[:DIGITS]})"


def _backbone(run: Record) -> str:
    return f"{run.backbone.path} at {run.backbone.revision[:_COMMIT]}"


def _start(run: Record) -> str:
    start = run.started_from
    which = "the run" if start.runs == 1 else f"the best of {start.runs} runs"
    return (
        f"{key_of(run.task)}, {run.method}, {run.targets}, begun with the adapter of {which} on "
        f"{start.train_rows:,} rows of {key_of(start.task)} ({start.identity[:DIGITS]})"
    )


def _test(run: Record) -> str:
    split = f"{run.generation.instances:,} instances with {run.generation.references:,} references"
    return f"{key_of(run.task)}, {split}, decoded with {_decoding(run)}"


def _exams(finished: Iterable[Record]) -> list[str]:
    """Return for each run and exam how many questions were asked, and how the answers were decoded."""
    return [
        f"{name}, {len(exam.answers):,} questions of {_questions(run, name)}, decoded with {_decoding(run)}"
        for run in finished
        for name, exam in run.exams.items()
    ]


def _questions(run: Record, name: str) -> str:
    exam = run.config["task"]["exams"][name]
    return f"{exam['dataset']} ({exam['config']}, {exam['split']})"


def _decoding(run: Record) -> str:
    return ", ".join(f"{key}={value}" for key, value in flat(run.config["task"]["decode"]))


def _absent(run: Record) -> str:
    return "; ".join(f"{name}, because {plain(reason)}" for name, reason in run.generation.absent.items())


def _machine(run: Record) -> str:
    environment = run.environment
    processes = "1 process" if environment.processes == 1 else f"{environment.processes} processes"
    return f"{environment.hardware}, {environment.precision}, {processes}"


def code(run: Record) -> str:
    """Return the code's revision that made a run."""
    return run.environment.git_revision[:12] + (" with uncommitted changes" if run.environment.git_dirty else "")


def _packages(records: Iterable[Record]) -> str:
    versions = defaultdict(set)
    for record in records:
        for name, version in record.environment.packages.items():
            versions[name].add(version)
    return ", ".join(f"{name} {' and '.join(sorted(versions[name]))}" for name in sorted(versions))


def tunings(sheet: Sheet, tuned: Sequence[Tuned]) -> list[str]:
    """Return what keeps a sheet's tunings from being equal, and how many runs of tunings stand in none."""
    notes = []
    adapting = [each for each in tuned if baselines.role(each.row.method) != "floor"]  # which has the head's rate alone
    for task in dict.fromkeys(each.task for each in adapting):
        given = sorted({each.given for each in adapting if each.task == task}, key=len)
        if len(given) > 1:
            fewest, most = len(given[0]), len(given[-1])
            apart = f"{fewest} to {most} configurations" if fewest < most else "different factors"
            notes.append(
                f"Not tuned equally: rows of {key_of(task)} have {apart}, so their tuned scores do not compare."
            )
    if lost := tuning.without_default(sheet):
        notes.append(
            f"{_runs(len(lost))} of a tuning left out, because the default run of the same seed has no record: the "
            "same command trains it."
        )
    return notes


def failures(sheet: Sheet) -> list[str]:
    """Return the lines on failed runs: how many there are, and the reason of each."""
    failed = [record for record in sheet.records if record.status == "failed"]
    if not failed:
        return []
    failed.sort(key=lambda run: (run.task, run.method, run.targets, run.seed, run.identity))
    reasons = [f"- {_named(run)}: {plain(run.error.strip().splitlines()[0])}" for run in failed]
    return [f"{_runs(len(failed))} failed and {'has' if len(failed) == 1 else 'have'} no score above:", "", *reasons]


def against_floor(sheet: Sheet) -> list[str]:
    """Return how many methods learnt more than the floor did, where a floor was trained."""
    counted = baselines.above_floor(sheet)
    if counted is None:
        return []
    above, rows = counted
    return [f"{above} of {rows} rows are above the floor on every task with every seed (held-out scores)."]


def failed_count(sheet: Sheet) -> list[str]:
    """Return a note on how many runs failed, if any did."""
    count = sum(record.status == "failed" for record in sheet.records)
    return [f"{_runs(count)} failed"] if count else []


def _named(run: Record) -> str:
    tried = "" if run.tuning is None else f", {run.tuning.label}"
    return f"{key_of(run.task)}, {run.method}, {run.targets}, seed {run.seed}{tried}"


def _runs(count: int, what: str = "run") -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
