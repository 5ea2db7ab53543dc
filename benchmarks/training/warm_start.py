"""Runs that begin where a run on another task ended.

LoRA's and LoRA-XS's mrpc, rte and stsb begin from mnli: with its adapter as of its best epoch, and with what fits of
its head, which is all but the last map where the tasks have other classes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock
from accelerate import Accelerator
from accelerate.utils import gather_object

from benchmarks.records import store
from benchmarks.records.schema import Start


@dataclass(frozen=True)
class Began:
    """The run that others begin from: its record's path, and what their records say of it."""

    record: Path
    fact: Start


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
