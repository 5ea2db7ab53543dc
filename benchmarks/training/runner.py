"""A job from its settings to its records: what is done stays, the rest is trained group by group."""

import gc
from contextlib import suppress

from accelerate import Accelerator
from rich.console import Console

from benchmarks import command
from benchmarks.errors import RunsFailed, SuiteError
from benchmarks.models import quantization
from benchmarks.records import store
from benchmarks.records.files import check_writable
from benchmarks.records.schema import Start
from benchmarks.training import checkpoint, plan, warm_start
from benchmarks.training.plan import Job, Run
from benchmarks.training.settings import PAGED, JobSettings
from benchmarks.training.warm_start import Began


def run_job(settings: JobSettings) -> int:
    """Train every run of one job that is not done, and leave its records; return how many were not done."""
    accelerator = Accelerator()
    console = Console(quiet=not accelerator.is_main_process, soft_wrap=True, highlight=False)
    _check_device(settings, accelerator)
    job = plan.prepare(settings, accelerator, console)
    runs = plan.runs_of(job)
    done = [] if settings.force else [run for run in runs if plan.is_done(run, console)]
    size = settings.group_size or len(runs)
    groups = [runs[start : start + size] for start in range(0, len(runs), size)]
    _say_what_is_done(job, runs, done)
    if len(done) == len(runs):
        checkpoint.remove(job, groups)
        return 0
    for setting in ("results", "cache"):
        check_writable(getattr(settings, setting), setting)
    with command.importing():
        from benchmarks.training import allocator, feed, trainer  # here: a job that is done loads no model library

    quantization.be_quiet()  # transformers' schedules import peft, and that bitsandbytes, where they are installed
    if accelerator.device.type == "cpu":
        allocator.keep_memory()
    began = _begun(job.start) if job.start else None
    rows = feed.feed_of(job)
    for group in groups:
        todo = [run for run in group if run not in done]
        # A group that was killed while its records were written is whole in its checkpoint.
        if todo:
            together = group if checkpoint.path_of(job, group).exists() else todo
            trainer.train_group(job, together, todo, rows, began)
        # The model and its hooks hold each other, so without this a sweep would hold every model until it runs out.
        gc.collect()
    failed = [run for run in runs if store.read(run.path).status == "failed"]
    if failed:
        raise RunsFailed(f"{job.label}: {len(failed)} of {len(runs)} runs failed, and their records say why")
    return len(runs) - len(done)


def _check_device(settings: JobSettings, accelerator: Accelerator) -> None:
    """Raise SuiteError where the device cannot train as it is told. A plan may be made on another machine."""
    if settings.train.optimizer == PAGED and accelerator.device.type != "cuda":
        raise SuiteError(
            f"train.optimizer={PAGED} keeps its state on a GPU, and this device is {accelerator.device.type}: "
            "train.optimizer=null is the same AdamW without paging"
        )


def _say_what_is_done(job: Job, runs: list[Run], done: list[Run]) -> None:
    say = job.console.print
    if job.settings.adapter.save:
        for run in done:
            if not (store.folder_of(run.path) / "adapter").exists():
                say(f"{run.label} is done and left no adapter: force=true trains it again and saves one")
    if len(done) == len(runs):
        say(f"{job.label}: all {len(done)} runs are done ({done[0].path.parent}); force=true trains them again")
    elif done:
        say(f"{job.label}: {len(done)} of {len(runs)} runs are done")


def _begun(start: Job) -> Began:
    """Train what is not done of the job that others begin from, and return its best run on dev.

    One sweep spread over processes wants it several times at once: the first one trains, and the others wait.
    """
    say, paths = start.console.print, [run.path for run in plan.runs_of(start)]
    lock = start.settings.cache / "starts" / f"{paths[0].stem}.lock"
    waits = f"  waits for {start.label}, which another command trains"
    with warm_start.alone(lock, start.accelerator, lambda: say(waits)):
        best = warm_start.best_of(paths)
        if best is None or not warm_start.tensors_of(best).exists():
            lost = best is not None  # its adapter, which only training again brings back
            with suppress(RunsFailed):  # of several that it may begin from, one is enough
                run_job(start.settings.model_copy(update={"force": lost}))
            best = warm_start.best_of(paths)
    if best is None:
        raise SuiteError(f"nothing can begin from {start.label}: {store.read(paths[0]).error}")
    failed = sum(store.read(path).status == "failed" for path in paths)
    which = f"the best of {len(paths)} runs, {failed} failed" if len(paths) > 1 else "its run"
    say(f"  begins from {start.label}, {which}: {best}; start=null begins from the backbone")
    record = store.read(best)
    fact = Start(task=record.task, identity=record.identity, runs=len(paths), train_rows=record.data.train_rows)
    return Began(best, fact)
