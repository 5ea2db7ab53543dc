"""A paper's table run row by row: ``python -m benchmarks.reproduce vb_lora 1``; first what that will take."""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from accelerate import Accelerator
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import conf
from benchmarks.command import BAD_INPUT
from benchmarks.conf import CONF
from benchmarks.errors import SuiteError
from benchmarks.papers import published, recipes
from benchmarks.papers.published import PublishedRow
from benchmarks.records import store
from benchmarks.training import job as reading
from benchmarks.training import plan, runner, warm_start
from benchmarks.training.plan import Job, Run

_WARM_UP = ["train.epochs=1", "start=null", "adapter.save=false", "wandb.mode=disabled"]
_WARM_UP_ROWS = {"train": 256, "validation": 64}
_LAUNCHERS = {name: name for name in ("joblib", "ray", "submitit_local", "submitit_slurm")}
_LAUNCHERS["submitit"] = "submitit_slurm"
_SCORING = 1 / 3  # what a row of dev takes of the time of a row that is learnt: forward, and no backward
_RECORD_BYTES = 50_000  # of a run's record and predictions, about
_ADAPTER_BYTES = 10_000_000  # of an adapter that others begin from, kept whole and with its head, at most about


@dataclass(frozen=True)
class Planned:
    """One row on one task: its runs, those that are done, and what ``benchmarks.run`` is told for it."""

    row: PublishedRow
    task: str
    overrides: list[str]
    job: Job
    runs: list[Run]
    done: list[Run]

    @property
    def todo(self) -> int:
        """Return how many runs are left."""
        return len(self.runs) - len(self.done)

    def seconds(self, rate: float) -> float:
        """Return about how long the runs that are left take at so many learnt rows a second."""
        splits = self.job.rows.splits
        rows = len(splits["train"]) + _SCORING * len(splits["validation"])
        return self.todo * rows * self.job.settings.train.epochs / rate


def chosen_rows(paper: str, table: str, narrowed: dict[str, list[str]], root: Path) -> list[PublishedRow]:
    """Return a table's rows, narrowed by ``backbone`` and ``method``. Raises SuiteError where none is left."""
    every = published.load(root)
    rows = [row for row in every if (row.source, str(row.table)) == (paper, table)]
    if not rows:
        there = sorted({f"{row.source} {row.table}" for row in every})
        raise SuiteError(f"no table {paper} {table} is published here; there are: {', '.join(there)}")
    for name, wanted in narrowed.items():
        if unknown := [value for value in wanted if value not in {getattr(row, name) for row in rows}]:
            there = sorted({getattr(row, name) for row in rows})
            raise SuiteError(f"{paper} {table} has no {name} {unknown[0]}; there are: {', '.join(there)}")
        rows = [row for row in rows if not wanted or getattr(row, name) in wanted]
    if not rows:
        raise SuiteError(f"no row of {paper} {table} is left: ask for less")
    return rows


def tasks_of(row: PublishedRow, wanted: Sequence[str]) -> list[str]:
    """Return the tasks that a row has runs on, narrowed. Raises SuiteError for one that is none of its benchmark."""
    if row.benchmark != "glue":
        return [row.benchmark]
    scored = [name for name in row.scores if name != "avg"] or list(row.train_rows)
    if unknown := [task for task in wanted if task not in scored]:
        raise SuiteError(f"{row.source} {row.table} has no task {unknown[0]}; there are: {', '.join(scored)}")
    return [f"glue/{name}" for name in scored if not wanted or name in wanted]


def planned(row: PublishedRow, task: str, more: Sequence[str], accelerator: Accelerator, console: Console) -> Planned:
    """Compose and check one job, and see which of its runs are done; loads its rows and finds its backbone."""
    overrides = [*recipes.overrides(row, task), *more]
    job = plan.prepare(reading.read(conf.composed(overrides)), accelerator, console)
    runs = plan.runs_of(job)
    return Planned(row, task, overrides, job, runs, [run for run in runs if plan.is_done(run, console)])


def begun_from(job: Planned) -> Planned:
    """Return the job that a job's runs begin from, as one of its own, so that it runs before all that wait for it."""
    start = job.job.start
    kept = [setting for setting in job.overrides if not setting.startswith("task=")]
    own = ["start=null", "seeds=[0]", "force=false", f"results={start.settings.results}"]
    own += ["adapter.save=true", "adapter.resumable=true"]
    runs = plan.runs_of(start)
    best = warm_start.best_of([run.path for run in runs])
    done = runs if best and warm_start.tensors_of(best).exists() else []
    return Planned(job.row, start.task.name, [f"task={start.task.name}", *kept, *own], start, runs, done)


def with_starts(jobs: Sequence[Planned]) -> list[Planned]:
    """Return the jobs after those that they begin from, each of which is there once."""
    begun = [begun_from(job) for job in jobs if job.todo and job.job.start]
    return [*{start.runs[0].path: start for start in begun}.values(), *jobs]


def warmed_up(job: Planned) -> float:
    """Return how many rows a second a group of this job learns, from a short run of it that is kept in the cache."""
    cache = job.job.settings.cache / "warm-up"
    splits = job.job.rows.splits
    few = [f"data.{split}_rows={min(rows, len(splits[split]))}" for split, rows in _WARM_UP_ROWS.items()]
    settings = reading.read(conf.composed([*job.overrides, *_WARM_UP, *few, f"results={cache}"]))
    quiet = Console(quiet=True)
    runs = plan.runs_of(plan.prepare(settings, job.job.accelerator, quiet))
    if not all(plan.is_done(run, quiet) for run in runs):
        runner.run_job(settings)
    record = store.read(runs[0].path)
    if record.cost is None:
        raise SuiteError(f"the warm-up of {job.job.label} failed: {record.error}")
    return record.cost.samples_per_second


def show(jobs: Sequence[Planned], console: Console) -> None:
    """Print the plan: runs, done, left, how long those take by a warm-up of each job, and the disk."""
    rates = [warmed_up(job) if job.todo else 1.0 for job in jobs]  # rows are of another length in each task
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("backbone", "method", "targets", "task", "runs", "done", "to do", "about"):
        table.add_column(heading, justify="right" if heading in ("runs", "done", "to do", "about") else "left")
    whole = 0.0
    for job, rate in zip(jobs, rates, strict=True):
        seconds = job.seconds(rate)
        whole += seconds
        what = [job.row.backbone, job.row.method, job.job.targets, job.task]
        table.add_row(*what, str(len(job.runs)), str(len(job.done)), str(job.todo), _duration(seconds))
    console.print(table)
    runs, todo = sum(len(job.runs) for job in jobs), sum(job.todo for job in jobs)
    console.print(f"{runs} runs, {runs - todo} done, {todo} to do: about {_duration(whole)} one after another")
    kept = sum(job.todo for job in jobs if job.job.settings.adapter.save)
    adapters = f", {kept * _ADAPTER_BYTES / 1e6:.0f} MB of adapters" if kept else ""
    console.print(f"disk: about {todo * _RECORD_BYTES / 1e6:.1f} MB of records{adapters}, and one checkpoint at a time")


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, the exit status of the first job that failed, or 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reproduce", description=__doc__)
    parser.add_argument("paper", help="whose table: vb_lora, lora_xs")
    parser.add_argument("table", help="which: 1 to 4, GLUE")
    for name, what in (("backbone", "backbones"), ("method", "methods"), ("task", "tasks of GLUE, such as mrpc")):
        parser.add_argument(f"--{name}", default="", metavar="A,B", help=f"these {what} alone")
    parser.add_argument("--plan", action="store_true", help="say what it will take, and run nothing but a warm-up")
    parser.add_argument("--launcher", choices=_LAUNCHERS, help="Hydra's own; submitit is Slurm, by submitit")
    parser.add_argument("--published", type=Path, default=conf.PUBLISHED, help="the published tables' folder")
    parser.add_argument("settings", nargs="*", help="of every run, as for benchmarks.run: seeds=[0,1] data.root=DIR")
    options = parser.parse_intermixed_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    try:
        narrowed = {name: _listed(getattr(options, name)) for name in ("backbone", "method")}
        rows = chosen_rows(options.paper, options.table, narrowed, options.published)
        accelerator = Accelerator()
        jobs = [
            planned(row, task, options.settings, accelerator, console)
            for row in rows
            for task in tasks_of(row, _listed(options.task))
        ]
        jobs = with_starts(jobs)
        show(jobs, console)
    except BAD_INPUT as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    if options.plan:
        return 0
    return _run([job for job in jobs if job.todo], _LAUNCHERS.get(options.launcher))


def _listed(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _run(jobs: Sequence[Planned], launcher: str | None) -> int:
    """Run each row's tasks as one sweep, which a launcher may spread; return the first exit status that is not 0."""
    status = 0
    sweeps: dict[tuple[str, ...], list[Planned]] = {}
    for job in jobs:
        sweeps.setdefault(tuple(s for s in job.overrides if not s.startswith("task=")), []).append(job)
    for settings, own in sweeps.items():
        sweep = ["--multirun", f"task={','.join(job.task for job in own)}", *settings]
        more = [f"hydra/launcher={launcher}"] if launcher else []
        ended = subprocess.run([sys.executable, "-m", "benchmarks.run", *sweep, *more], cwd=CONF.parent, check=False)
        status = status or ended.returncode
    return status


if __name__ == "__main__":
    sys.exit(main())
