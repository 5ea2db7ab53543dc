"""A paper's table, run row by row: which runs that takes, how long they take, and the runs themselves."""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from rich.console import Console

from benchmarks import conf, hub
from benchmarks.errors import SuiteError
from benchmarks.markup import ABSENT, Column, Page, text_column
from benchmarks.papers import cluster, published, recipes
from benchmarks.papers.cluster import Order
from benchmarks.papers.published import PublishedRow
from benchmarks.records import files, store
from benchmarks.records.schema import Record
from benchmarks.tasks import rows as data
from benchmarks.tasks.text import Text
from benchmarks.training import environment, plan, runner, warm_start
from benchmarks.training import job as reading
from benchmarks.training.plan import Job, Run

_WARM_UP = ["train.epochs=1", "start=null", "adapter.save=false", "wandb.mode=disabled"]
_WARM_UP_ROWS = {"train": 256, "validation": 64}
_WARM_UP_PROMPTS = 8  # of each set, where a task decodes
_SCORING = 1 / 3  # the time of a row of dev as a share of a row that is learnt: forward alone, without backward
SLURM = "submitit_slurm"
_UNMEASURED = "no rate measured on this machine: --warm-up measures one"
_ELSEWHERE = (
    "a launcher's runs go elsewhere or side by side, so no time is told here; a plan on such a machine tells it"
)
_LEFT_OUT = "--warm-up is left out: a launcher's runs go elsewhere"
_UNMEASURED_THERE = (
    "no rate in the cache: --plan --warm-up on a compute node measures one, which sets Slurm's time limits"
)
_RECORD_BYTES = 50_000  # of a run's record and predictions, about
_ADAPTER_BYTES = 10_000_000  # of an adapter that other runs begin from, with everything it trained, at most about


@dataclass(frozen=True)
class Rate:
    """How fast a group of a job goes on one machine: rows learnt in a second, and texts written, if it writes any."""

    rows: float
    texts: float | None


@dataclass(frozen=True)
class Planned:
    """One row on one task: its runs, those that are done, and the arguments of ``scripts/train.py`` for it."""

    row: PublishedRow
    overrides: list[str]
    job: Job
    runs: list[Run]
    done: list[Run]

    @property
    def task(self) -> str:
        """Return the task's name."""
        return self.job.task.name

    @property
    def left(self) -> int:
        """Return how many runs are still to do."""
        return len(self.runs) - len(self.done)

    @cached_property
    def prompts(self) -> dict[str, int]:
        """Return how many prompts a run answers after its last epoch, by set."""
        if not isinstance(self.job.task, Text):
            return {}
        return {name: len(asked) for name, asked in data.instances(self.job.rows, self.job.task).items()}

    def seconds(self, rate: Rate) -> float:
        """Return about how long the runs that are left take at a rate, learning, scoring dev and decoding."""
        splits = self.job.rows.splits
        rows = len(splits["train"]) + _SCORING * len(splits["validation"])
        decoding = sum(self.prompts.values()) / rate.texts if rate.texts else 0.0
        return self.left * (rows * self.job.settings.train.epochs / rate.rows + decoding)


@dataclass(frozen=True)
class Plan:
    """The jobs of a table, those that others begin from first, and about how many seconds each will take.

    The seconds are None where no rate is known. ``notes`` say what the plan cannot know.
    """

    jobs: list[Planned]
    seconds: list[float | None]
    notes: list[str]


def chosen_rows(paper: str, table: str, narrowed: dict[str, list[str]], root: Path) -> list[PublishedRow]:
    """Return a table's rows, narrowed to some ``backbone`` and ``method``. Raises SuiteError where none is left."""
    every = published.load(root)
    of_table = [row for row in every if (row.source, str(row.table)) == (paper, table)]
    rows = published.runnable(of_table)
    if not rows:
        known = sorted({f"{row.source} {row.table}" for row in published.runnable(every)})
        what = (
            f"has no row that the suite can run ({'; '.join(published.without(of_table))})"
            if of_table
            else "is unknown"
        )
        raise SuiteError(f"table {paper} {table} {what}; known: {', '.join(known)}")
    for name, wanted in narrowed.items():
        known = sorted({getattr(row, name) for row in rows})
        if unknown := [value for value in wanted if value not in known]:
            runs = f"has no {name} {unknown[0]} that the suite can run"
            raise SuiteError(f"{paper} {table} {runs}; known: {', '.join(known)}")
        rows = [row for row in rows if not wanted or getattr(row, name) in wanted]
    return rows


def tasks_of(row: PublishedRow, wanted: Sequence[str]) -> list[str]:
    """Return the tasks that a row has runs on, narrowed to ``wanted``. Raises SuiteError for a task that it lacks."""
    if row.benchmark != "glue":
        return [row.benchmark]
    scored = row.scored or list(row.train_rows)
    if unknown := [task for task in wanted if task not in scored]:
        raise SuiteError(f"{row.source} {row.table} has no task {unknown[0]}; known: {', '.join(scored)}")
    return [f"glue/{name}" for name in scored if not wanted or name in wanted]


def extras(rows: Sequence[PublishedRow], settings: Sequence[str], launcher: str | None) -> list[str]:
    """Return the extras of pyproject.toml that rows, with more settings for all of them, and a launcher need."""
    needed = {launcher.partition("_")[0]} if launcher else set()
    for row in rows:
        needed |= {"e2e": {"meteor"}, "alpaca": {"judge"}}.get(row.benchmark, set())
        if conf.composed([*recipes.overrides(row), *settings]).backbone.quantization not in (None, "none"):
            needed.add("quantization")
    return sorted(needed)


def planned(
    rows: Sequence[PublishedRow],
    tasks: Sequence[str],
    settings: Sequence[str],
    console: Console,
    warm_up: bool = False,
    launcher: str | None = None,
) -> Plan:
    """Plan the runs of rows on some tasks, with more settings for all of them; an empty ``tasks`` takes every task.

    It loads the rows and finds the backbones. ``warm_up`` trains each job that has runs left for a short time where
    this machine has no rate for it yet. With a ``launcher`` runs go elsewhere, so that no rate of this machine counts;
    on Slurm it is the rate that was measured last, of whatever machine. ``console`` says which runs failed before.
    """
    accelerator = Accelerator()
    load = data.loading_once()
    jobs = [_planned(row, task, settings, accelerator, console, load) for row in rows for task in tasks_of(row, tasks)]
    jobs = _each_once(jobs)
    jobs = _starts_of(jobs) + jobs
    notes = _precision_notes(jobs)
    if launcher and warm_up:
        notes.append(_LEFT_OUT)
    if launcher == SLURM:
        kept = [_last_measured(job) if job.left else None for job in jobs]
        rates = [_read(file) if file else None for file in kept]
        machines = sorted({file.parent.name for file in kept if file})
        notes += [f"times as measured last, on {' and '.join(machines)}"] if machines else []
        unmeasured = _UNMEASURED_THERE
    elif launcher:
        rates, unmeasured = [None for _ in jobs], _ELSEWHERE
    else:
        rates, unmeasured = [_rate(job, warm_up) if job.left else None for job in jobs], _UNMEASURED
    seconds = [job.seconds(rate) if rate else None if job.left else 0.0 for job, rate in zip(jobs, rates, strict=True)]
    return Plan(jobs, seconds, notes + ([unmeasured] if None in seconds else []))


def _planned(
    row: PublishedRow, task: str, more: Sequence[str], accelerator: Accelerator, console: Console, load: data.Load
) -> Planned:
    overrides = [*recipes.overrides(row, task), *more]
    job = plan.prepare(reading.read(conf.composed(overrides)), accelerator, console, load)
    runs = plan.runs_of(job)
    return Planned(row, overrides, job, runs, [run for run in runs if plan.is_done(run, console)])


def _starts_of(jobs: Sequence[Planned]) -> list[Planned]:
    """Return the jobs that these begin from, each once, so that they run before all that wait for them."""
    return _each_once([_start_of(planned) for planned in jobs if planned.left and planned.job.start])


def _each_once(jobs: Sequence[Planned]) -> list[Planned]:
    """Return jobs without those whose runs are an earlier one's: a table may print one setting in several rows."""
    kept: dict[Path, Planned] = {}
    for planned in jobs:
        kept.setdefault(planned.runs[0].path, planned)
    return list(kept.values())


def _start_of(planned: Planned) -> Planned:
    """Return the job that a job's runs begin from, as a job that stands for itself."""
    start = planned.job.start
    kept = [setting for setting in planned.overrides if not setting.startswith("task=")]
    changed = ["start=null", "seeds=[0]", "force=false", f"results={start.settings.results}"]
    changed += ["adapter.save=true", "adapter.resumable=true"]
    runs = plan.runs_of(start)
    best = warm_start.best_of([run.path for run in runs])
    done = runs if best and warm_start.tensors_of(best).exists() else []
    return Planned(planned.row, [f"task={start.task.name}", *kept, *changed], start, runs, done)


def _precision_notes(jobs: Sequence[Planned]) -> list[str]:
    """Say which runs are done in another precision than this machine's, which is where runs of a GPU look undone."""
    undone = [planned for planned in jobs if planned.left and planned.job.settings.precision == "auto"]
    notes = []
    for other in ("bf16", "fp32"):
        found = sum(_done_in(planned.job, other) for planned in undone if planned.job.precision != other)
        if found:
            notes.append(f"{found} of the runs to do are done in {other}: precision={other} asks for those")
    return notes


def _done_in(job: Job, precision: str) -> int:
    start = job.start and replace(job.start, precision=precision)
    return sum(run.path.exists() for run in plan.runs_of(replace(job, precision=precision, start=start)))


def _rate(planned: Planned, warm_up: bool) -> Rate | None:
    """Return the rate of a job's group on this machine from the cache, or from a warm-up; None without either."""
    accelerator = planned.job.accelerator
    machine = f"{environment.hardware(accelerator)}, {accelerator.num_processes} processes"
    kept = _rates_folder(planned) / re.sub(r"\W+", "-", machine) / _rate_name(planned)
    if kept.exists():
        return _read(kept)
    if not warm_up:
        return None
    measured = _measured(planned, kept.parent)
    files.write_atomic(kept, json.dumps(asdict(measured)).encode())
    return measured


def _last_measured(planned: Planned) -> Path | None:
    """Return the file of the rate that was measured last of a job's group, on whatever machine; None without any."""
    kept = _rates_folder(planned).glob(f"*/{_rate_name(planned)}")
    return max(kept, key=lambda file: file.stat().st_mtime, default=None)


def _rates_folder(planned: Planned) -> Path:
    return planned.job.settings.cache / "rates"


def _rate_name(planned: Planned) -> str:
    return f"{store.identity_of({'runs': [run.identity for run in planned.runs]})}.json"


def _read(file: Path) -> Rate:
    return Rate(**json.loads(file.read_text()))


def _measured(planned: Planned, folder: Path) -> Rate:
    """Train a job on a few rows, and decode a few prompts; what that leaves lies below ``folder``."""
    job, splits = planned.job, planned.job.rows.splits
    few = [f"data.{split}_rows={min(rows, len(splits[split]))}" for split, rows in _WARM_UP_ROWS.items()]
    if planned.prompts:
        few.append(f"task.decode.instances={min(_WARM_UP_PROMPTS, *planned.prompts.values())}")
    settings = reading.read(conf.composed([*planned.overrides, *_WARM_UP, *few, f"results={folder}", "force=true"]))
    with contextlib.redirect_stdout(sys.stderr):  # standard output is the plan's
        runner.run_job(settings)
    (run, *_) = plan.runs_of(plan.prepare(settings, job.accelerator, Console(quiet=True)))
    record = store.read(run.path)
    if record.cost is None:
        raise SuiteError(f"the warm-up of {job.label} failed: {record.error}")
    return Rate(record.cost.samples_per_second, _texts_per_second(record))


def _texts_per_second(record: Record) -> float | None:
    """Return how many texts a record's group wrote in a second; None where it wrote none."""
    decoded = [(len(solved.predictions), solved.seconds) for solved in record.exams.values()]
    if record.generation:
        decoded.append((len(record.generation.predictions), record.generation.seconds))
    if not decoded:
        return None
    texts, seconds = (sum(column) for column in zip(*decoded, strict=True))
    return texts * len(record.group) / seconds


def page(made: Plan) -> Page:
    """Return the plan as a table: runs, those done, those left, and how long these take; the disk they need below."""
    jobs = made.jobs
    columns = [
        text_column("backbone", [planned.row.backbone for planned in jobs]),
        text_column("method", [planned.row.method for planned in jobs]),
        text_column("targets", [planned.job.targets for planned in jobs]),
        text_column("task", [planned.task for planned in jobs]),
        Column("runs", [str(len(planned.runs)) for planned in jobs]),
        Column("done", [str(len(planned.done)) for planned in jobs]),
        Column("to do", [str(planned.left) for planned in jobs]),
        Column("about", [ABSENT if seconds is None else _duration(seconds) for seconds in made.seconds]),
    ]
    return Page(columns, notes=[_summary(made), _disk(jobs), *made.notes])


def _summary(made: Plan) -> str:
    jobs, known = made.jobs, [seconds for seconds in made.seconds if seconds is not None]
    runs, left = sum(len(planned.runs) for planned in jobs), sum(planned.left for planned in jobs)
    counts = f"{runs} runs, {runs - left} done, {left} to do"
    if len(known) == len(jobs):
        return f"{counts}: about {_duration(sum(known))} one after another"
    return counts


def facts(made: Plan) -> list[dict[str, Any]]:
    """Return what the plan says of each job, for a program; times are in seconds."""
    return [
        {"backbone": planned.row.backbone, "method": planned.row.method, "targets": planned.job.targets}
        | {"task": planned.task, "runs": len(planned.runs), "done": len(planned.done), "to_do": planned.left}
        | {"seconds": seconds}
        for planned, seconds in zip(made.jobs, made.seconds, strict=True)
    ]


def _disk(jobs: Sequence[Planned]) -> str:
    records = sum(planned.left for planned in jobs) * _RECORD_BYTES / 1e6
    kept = sum(planned.left for planned in jobs if planned.job.settings.adapter.save)
    adapters = f", {kept * _ADAPTER_BYTES / 1e6:.0f} MB of adapters" if kept else ""
    return f"disk: about {records:.1f} MB of records{adapters}, and one checkpoint at a time"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def roots(made: Plan) -> list[Path]:
    """Return the folders that the records of a plan's rows lie in, without those that they begin from."""
    starts = {planned.job.start.settings.results for planned in made.jobs if planned.job.start}
    return list(dict.fromkeys(p.job.settings.results for p in made.jobs if p.job.settings.results not in starts))


def _orders(made: Plan) -> list[Order]:
    """Return what is left of a plan as jobs for a cluster, each after the one that it begins from, if that is left."""
    orders: dict[Path, Order] = {}
    for planned, seconds in zip(made.jobs, made.seconds, strict=True):
        if planned.left:
            start = planned.job.start and orders.get(plan.runs_of(planned.job.start)[0].path)
            orders[planned.runs[0].path] = Order(planned.job.label, tuple(planned.overrides), start, seconds)
    return list(orders.values())


def run(made: Plan, script: Path, launcher: str | None, spread: Sequence[str], processes: int) -> int:
    """Run what is left of a plan, each row's tasks as one sweep, or on Slurm every job at once.

    Return the first exit status that is not 0.

    ``script`` is scripts/train.py. ``launcher`` is one of Hydra's, which spreads a sweep, or None;
    ``spread`` are its settings. ``processes`` share each batch of a sweep without one.
    """
    if launcher == SLURM:
        return cluster.run(_orders(made), [f"cache={made.jobs[0].job.settings.cache}", *spread])
    status = 0
    tasks: dict[tuple[str, ...], list[str]] = {}
    for planned in made.jobs:
        if planned.left:
            shared = tuple(setting for setting in planned.overrides if not setting.startswith("task="))
            tasks.setdefault(shared, []).append(planned.task)
    for shared, names in tasks.items():
        sweep = ["--multirun", f"task={','.join(names)}", *shared]
        chosen = [f"hydra/launcher={launcher}", *spread] if launcher else []
        ended = subprocess.run(
            [*_command(script, processes), *sweep, *chosen], env=os.environ | hub.environment(), check=False
        )
        status = status or ended.returncode
    return status


def _command(script: Path, processes: int) -> list[str]:
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1", "--mixed_precision", "no"]
    shared = [*launch, "--dynamo_backend", "no", "--num_processes", str(processes)] if processes > 1 else []
    return [sys.executable, *shared, str(script)]
