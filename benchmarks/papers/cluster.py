"""Jobs of a plan on a Slurm cluster: all submitted at once, those that begin from another's run after that one."""

import contextlib
import io
import math
import pickle
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks import command, conf
from benchmarks.errors import SuiteError, first_line
from benchmarks.training import job as reading
from benchmarks.training import runner

PAUSE = 10.0  # seconds between two looks at the queue
_LAUNCHERS_OWN = ("_target_", "submitit_folder", "max_num_timeout")
_OF_ANY_CLUSTER = (
    "timeout_min",
    "cpus_per_task",
    "gpus_per_node",
    "tasks_per_node",
    "mem_gb",
    "nodes",
    "name",
    "stderr_to_stdout",
)


@dataclass(frozen=True)
class Order:
    """One job to be submitted, by the overrides of ``scripts/train.py``.

    ``after`` is the one that must have ended well before it begins, and ``seconds`` about how long it takes, if that is
    known; without them the order is the same.
    """

    label: str
    overrides: tuple[str, ...]
    after: "Order | None" = field(default=None, compare=False)
    seconds: float | None = field(default=None, compare=False)

    def __call__(self) -> None:
        """Train the job on the node that it was given; a fault is one line in its log, and fails the job."""
        try:
            runner.run_job(reading.read(conf.composed(list(self.overrides))))
        except (*command.bad_input(), OSError) as error:
            raise RuntimeError(command.line_of(error)) from None

    def checkpoint(self) -> Any:
        """Return what a job that is requeued does, which is the same: it goes on from its last epoch."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass(frozen=True)
class Submitted:
    """An order in Slurm's queue; ``job`` is submitit's, and ``earlier`` says that another command submitted it."""

    order: Order
    job: Any
    earlier: bool = False


def run(orders: Sequence[Order], settings: Sequence[str]) -> int:
    """Submit orders to Slurm, say where they are, wait for all of them, and say how each ended; return 1 if one failed.

    An order that an earlier command submitted, and that still waits or runs, is waited for and not submitted again.
    ``settings`` are overrides of hydra.launcher, and of the cache that logs lie in. Where they set no time limit it is
    twice the longest estimate of the jobs of an array. Raises SuiteError where there is no Slurm, or where it refuses
    a job.
    """
    if shutil.which("sbatch") is None:
        raise SuiteError("--launcher submitit needs Slurm's sbatch, which is not here: run it on a login node")
    chosen = conf.launcher("submitit_slurm", settings)
    limited = any(setting.lstrip("+").startswith("hydra.launcher.timeout_min=") for setting in settings)
    jobs = {each.order: each for each in _submitted_before(orders, chosen["submitit_folder"])}
    try:
        for after in dict.fromkeys(order.after for order in orders if order not in jobs):
            array = [order for order in orders if order.after == after and order not in jobs]
            waits_for = jobs[after].job.job_id if after else None
            limit = chosen["timeout_min"] if limited else _limit(array, chosen["timeout_min"])
            print(told_limit(array, limit, chosen["max_num_timeout"]))
            jobs |= {each.order: each for each in _submitted(array, chosen | {"timeout_min": limit}, waits_for)}
    finally:
        _say_where(list(jobs.values()))
    failed = [each for each in _ended(list(jobs.values())) if _told(each)]
    return 1 if failed else 0


def _limit(array: Sequence[Order], least: int) -> int:
    """Return the minutes that each job of an array gets: twice what the longest is to take and ten more, or ``least``.

    An estimate leaves out how long a job loads its model and rows, and that nodes of a partition differ.
    """
    longest = max((order.seconds for order in array if order.seconds), default=0.0)
    return max(least, math.ceil(2 * longest / 60) + 10)


def told_limit(array: Sequence[Order], limit: int, requeues: int) -> str:
    """Return what a person should know of a time limit in minutes, with how often a job that reaches it is requeued."""
    known = [order.seconds / 60 for order in array if order.seconds is not None]
    line = f"time limit: {limit} min a job"
    if len(known) < len(array):
        line += "; how long jobs take is not known" + (" of all" if known else "")
    if known:
        line += f"; the longest is to take about {max(known):.0f}"
    if known and max(known) > limit:
        ended = "requeued then" if requeues else "ended then: hydra.launcher.max_num_timeout=3 requeues it"
        line += f", and is {ended}"
    return line


def _submitted_before(orders: Sequence[Order], folder: str) -> Iterator[Submitted]:
    """Give the orders whose jobs are in the queue, by what submitit left in the job's folder."""
    import submitit
    from submitit.core.utils import DelayedSubmission

    wanted = {order: order for order in orders}
    for name in sorted(_queue() or ()):
        job = submitit.SlurmJob(folder, name)
        if not job.paths.submitted_pickle.exists() or job.paths.result_pickle.exists():
            continue
        order = wanted.get(DelayedSubmission.load(job.paths.submitted_pickle).function)
        if order is not None:
            yield Submitted(order, job, earlier=True)


def _submitted(array: Sequence[Order], chosen: dict[str, Any], waits_for: str | None) -> list[Submitted]:
    """Submit orders as one array, which begins once the job ``waits_for`` has ended well."""
    import submitit

    executor = submitit.AutoExecutor(
        chosen["submitit_folder"], cluster="slurm", slurm_max_num_timeout=chosen["max_num_timeout"]
    )
    parameters = {key: value for key, value in chosen.items() if key not in _LAUNCHERS_OWN}
    if waits_for:
        # Without the second one, jobs whose dependency failed would wait in the queue for ever.
        depends = {"dependency": f"afterok:{waits_for}", "kill-on-invalid-dep": "yes"}
        parameters["additional_parameters"] = {**(parameters["additional_parameters"] or {}), **depends}
    executor.update_parameters(
        **{key if key in _OF_ANY_CLUSTER else f"slurm_{key}": value for key, value in parameters.items()}
    )
    try:
        with contextlib.redirect_stderr(io.StringIO()), executor.batch():  # submitit prints what it raises too
            jobs = [executor.submit(order) for order in array]
    except submitit.core.utils.FailedJobError as error:
        raise SuiteError(f"Slurm refuses {array[0].label}: {' '.join(str(error).split())}") from error
    return [Submitted(order, job) for order, job in zip(array, jobs, strict=True)]


def _say_where(jobs: Sequence[Submitted]) -> None:
    for each in jobs:
        after = f", after {each.order.after.label}" if each.order.after else ""
        earlier = ", submitted by an earlier command" if each.earlier else ""
        print(f"{each.job.job_id}: {each.order.label}{after}{earlier}")
    if jobs:
        folder = jobs[0].job.paths.folder.parent
        numbers = dict.fromkeys(each.job.job_id.partition("_")[0] for each in jobs)
        print(
            f"logs: {folder}/JOB/*_log.out and *_log.err; to end all of them: scancel {' '.join(numbers)}", flush=True
        )


def _ended(jobs: Sequence[Submitted]) -> Iterator[Submitted]:
    """Give each job once it has ended. The queue is asked, and not the accounting, which a cluster may do without."""
    left = {each.job.job_id: each for each in jobs}
    gone: set[str] = set()  # what was not in the queue the last time: its result may take a while to be seen
    while left:
        queue = _queue()
        for name, each in list(left.items()):
            absent = queue is not None and name not in queue
            if each.job.paths.result_pickle.exists() or (absent and name in gone):
                yield left.pop(name)
            elif absent:
                gone.add(name)
        if left:
            time.sleep(PAUSE)


def _queue() -> set[str] | None:
    """Return the jobs of this person that wait or run, or None where Slurm does not answer."""
    asked = subprocess.run(
        ["squeue", "--me", "--noheader", "--array", "--format=%i"], capture_output=True, text=True, check=False
    )
    return set(asked.stdout.split()) if asked.returncode == 0 else None


def _told(each: Submitted) -> bool:
    """Say how a job ended, in a line; return whether it failed."""
    paths = each.job.paths
    if not paths.result_pickle.exists():
        how = f"ended without a result (cancelled, or out of time or memory): see {paths.folder}"
    else:
        status, result = pickle.loads(paths.result_pickle.read_bytes())
        if status == "success":
            print(f"{each.job.job_id}: {each.order.label}: done", flush=True)
            return False
        how = first_line(result.strip().splitlines()[-1].removeprefix("RuntimeError: "))
    print(f"{each.job.job_id}: {each.order.label}: {how}", flush=True)
    return True
