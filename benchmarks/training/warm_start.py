"""Where runs begin that do not begin from the backbone alone: at the end of a run on another task.

LoRA's and LoRA-XS's mrpc, rte and stsb begin so, from mnli: with its adapter as it was at its best epoch, and of its
head with what fits, which is all but the last map where the classes are others.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import safetensors.torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from omegaconf import DictConfig, OmegaConf

from benchmarks.conf import CONF
from benchmarks.errors import SuiteError, nearest
from benchmarks.records import store
from benchmarks.training.group import RunGroup


def job_of(config: DictConfig) -> DictConfig:
    """Return the config of the job that a job's runs begin from: the same but for its task, of seed 0.

    Its records lie in ``results``/starts, so that no table takes them for the results of a method.
    """
    tasks = sorted(f"glue/{file.stem}" for file in (CONF / "task" / "glue").glob("*.yaml"))
    if config.start == config.task.name:
        raise SuiteError(f"start={config.start} is the task itself: start=null begins from the backbone")
    if config.start not in tasks:
        raise SuiteError(
            f"start={config.start} is no task that runs could begin from; nearest: "
            f"{nearest(str(config.start), tasks)}; there are: {', '.join(tasks)}, or null: from the backbone"
        )
    job = config.copy()
    job.task = OmegaConf.load(CONF / "task" / f"{config.start}.yaml")
    job.start, job.seeds, job.tune.grid, job.force = None, [0], None, False
    job.results = str(Path(config.results) / "starts")
    job.adapter.save = job.adapter.resumable = True
    return job


def tensors_of(record: Path) -> Path:
    """Return the file of what a run trained, from its record's path; it is there where the run kept its adapter."""
    return store.folder_of(record) / "adapter" / "trained.safetensors"


@contextmanager
def alone(file: Path, accelerator: Accelerator, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold a lock against other commands, that is one for all processes of this one; they wait for it together.

    ``on_wait()`` is called once if another command has it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(file)
    told = False
    while not any(gather_object([accelerator.is_main_process and _acquired(lock)])):
        if not told:
            on_wait()
        told = True
    try:
        yield
        accelerator.wait_for_everyone()  # and not where one process failed, which must end
    finally:
        lock.release()


def _acquired(lock: filelock.BaseFileLock) -> bool:
    try:
        lock.acquire(timeout=5)  # in turns, so that no process waits for another one until it gives up
    except filelock.Timeout:
        return False
    return True


def best_of(paths: list[Path]) -> Path | None:
    """Return the record that is best on dev, the first of those that tie; None before all ended, or if all failed."""
    if not all(path.exists() for path in paths):
        return None
    finished = {path: record for path in paths if (record := store.read(path)).status == "finished"}
    return max(finished, key=lambda path: finished[path].scores.best, default=None)


def begin(group: RunGroup, record: Path) -> None:
    """Let every run of a group begin where a run ended, by its record's path."""
    trained = safetensors.torch.load_file(tensors_of(record))
    head = safetensors.torch.load_file(tensors_of(record).with_name("head.safetensors"))
    for index in range(len(group.runs)):
        own = group.head(index)
        fitting = {name: tensor for name, tensor in head.items() if name in own and own[name].shape == tensor.shape}
        group.fill(index, trained, fitting)
