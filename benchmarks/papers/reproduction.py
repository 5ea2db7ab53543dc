"""A paper's table, run row by row: which runs that takes, how long they take, and the runs themselves."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from rich.console import Console

from benchmarks import conf
from benchmarks.errors import SuiteError
from benchmarks.markup import Column, Page, text_column
from benchmarks.papers import published, recipes
from benchmarks.papers.published import PublishedRow
from benchmarks.records import store
from benchmarks.training import job as reading
from benchmarks.training import plan, runner, warm_start
from benchmarks.training.plan import Job, Run

_WARM_UP = ["train.epochs=1", "start=null", "adapter.save=false", "wandb.mode=disabled"]
_WARM_UP_ROWS = {"train": 256, "validation": 64}
_SCORING = 1 / 3  # the time of a row of dev as a share of a row that is learnt: forward alone, without backward
_RECORD_BYTES = 50_000  # of a run's record and predictions, about
_ADAPTER_BYTES = 10_000_000  # of an adapter that other runs begin from, with everything it trained, at most about


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

    def seconds(self, rate: float) -> float:
        """Return about how long the runs that are left take, when ``rate`` rows are learnt in a second."""
        splits = self.job.rows.splits
        rows = len(splits["train"]) + _SCORING * len(splits["validation"])
        return self.left * rows * self.job.settings.train.epochs / rate


@dataclass(frozen=True)
class Plan:
    """The jobs of a table, those that others begin from first, and about how many seconds each will take."""

    jobs: list[Planned]
    seconds: list[float]


def chosen_rows(paper: str, table: str, narrowed: dict[str, list[str]], root: Path) -> list[PublishedRow]:
    """Return a table's rows, narrowed to some ``backbone`` and ``method``. Raises SuiteError where none is left."""
    every = published.load(root)
    of_table = [row for row in every if (row.source, str(row.table)) == (paper, table)]
    rows = published.runnable(of_table)
    if not rows:
        known = sorted({f"{row.source} {row.table}" for row in published.runnable(every)})
        what = "has no row that the suite has an experiment for" if of_table else "is unknown"
        raise SuiteError(f"table {paper} {table} {what}; known: {', '.join(known)}")
    for name, wanted in narrowed.items():
        known = sorted({getattr(row, name) for row in rows})
        if unknown := [value for value in wanted if value not in known]:
            raise SuiteError(f"{paper} {table} has no {name} {unknown[0]}; known: {', '.join(known)}")
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


def planned(rows: Sequence[PublishedRow], tasks: Sequence[str], settings: Sequence[str], console: Console) -> Plan:
    """Plan the runs of rows on some tasks, with more settings for all of them; an empty ``tasks`` takes every task.

    It loads the rows and finds the backbones; each job that has runs left is warmed up for its time. ``console`` says
    which runs failed before.
    """
    accelerator = Accelerator()
    jobs = [_planned(row, task, settings, accelerator, console) for row in rows for task in tasks_of(row, tasks)]
    jobs = _starts_of(jobs) + jobs
    return Plan(jobs, [job.seconds(_warmed_up(job)) if job.left else 0.0 for job in jobs])


def _planned(row: PublishedRow, task: str, more: Sequence[str], accelerator: Accelerator, console: Console) -> Planned:
    overrides = [*recipes.overrides(row, task), *more]
    job = plan.prepare(reading.read(conf.composed(overrides)), accelerator, console)
    runs = plan.runs_of(job)
    return Planned(row, overrides, job, runs, [run for run in runs if plan.is_done(run, console)])


def _starts_of(jobs: Sequence[Planned]) -> list[Planned]:
    """Return the jobs that these begin from, each once, so that they run before all that wait for them."""
    starts = [_start_of(planned) for planned in jobs if planned.left and planned.job.start]
    return list({start.runs[0].path: start for start in starts}.values())


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


def _warmed_up(planned: Planned) -> float:
    """Return how many rows a second a group of this job learns, from a short run of it that is kept in the cache."""
    job = planned.job
    cache, splits = job.settings.cache / "warm-up", job.rows.splits
    few = [f"data.{split}_rows={min(rows, len(splits[split]))}" for split, rows in _WARM_UP_ROWS.items()]
    settings = reading.read(conf.composed([*planned.overrides, *_WARM_UP, *few, f"results={cache}"]))
    quiet = Console(quiet=True)
    runs = plan.runs_of(plan.prepare(settings, job.accelerator, quiet))
    if not all(plan.is_done(run, quiet) for run in runs):
        runner.run_job(settings)
    record = store.read(runs[0].path)
    if record.cost is None:
        raise SuiteError(f"the warm-up of {job.label} failed: {record.error}")
    return record.cost.samples_per_second


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
        Column("about", [_duration(seconds) for seconds in made.seconds]),
    ]
    runs, left = sum(len(planned.runs) for planned in jobs), sum(planned.left for planned in jobs)
    time = f"{runs} runs, {runs - left} done, {left} to do: about {_duration(sum(made.seconds))} one after another"
    return Page(columns, notes=[time, _disk(jobs)])


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


def run(made: Plan, script: Path, launcher: str | None) -> int:
    """Run what is left of a plan, each row's tasks as one sweep; return the first exit status that is not 0.

    ``script`` is scripts/train.py. ``launcher`` is one of Hydra's, which spreads a sweep, or None.
    """
    status = 0
    tasks: dict[tuple[str, ...], list[str]] = {}
    for planned in made.jobs:
        if planned.left:
            shared = tuple(setting for setting in planned.overrides if not setting.startswith("task="))
            tasks.setdefault(shared, []).append(planned.task)
    for shared, names in tasks.items():
        sweep = ["--multirun", f"task={','.join(names)}", *shared]
        spread = [f"hydra/launcher={launcher}"] if launcher else []
        ended = subprocess.run([sys.executable, str(script), *sweep, *spread], check=False)
        status = status or ended.returncode
    return status
