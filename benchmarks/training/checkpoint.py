"""How far a group has come, on disk after each epoch, so that the same command goes on after a kill."""

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from benchmarks.errors import first_line
from benchmarks.records import store
from benchmarks.records.files import write_atomic
from benchmarks.records.schema import Cost, Epoch
from benchmarks.training.plan import Job, Run
from methods.base import Tensors

if TYPE_CHECKING:  # a job that is done removes its checkpoint, and loads no model library for it
    from benchmarks.training.group import RunGroup


@dataclass
class Progress:
    """How far a group has come: what a checkpoint holds beside the group's tensors. Lists are by run."""

    epoch: int = 0
    histories: list[list[Epoch]] = field(default_factory=list)
    failures: list[str | None] = field(default_factory=list)
    kept: list[dict[str, Tensors]] = field(default_factory=list)
    answered: list[Tensors] = field(default_factory=list)  # by epoch: (rows,) of dev
    seconds: float = 0.0
    samples: int = 0
    tokens: int = 0
    peak_memory_bytes: int = 0

    @classmethod
    def start(cls, runs: int, failure: str | None = None) -> "Progress":
        """Return the progress of runs that have not begun, or that all failed before they could."""
        return cls(
            histories=[[] for _ in range(runs)],
            failures=[failure] * runs,
            kept=[{} for _ in range(runs)],
            answered=[{} for _ in range(runs)],
        )

    def cost(self) -> Cost:
        """Return what training took, the group's runs together; scoring and decoding are not in it."""
        return Cost(
            train_seconds=self.seconds,
            samples_per_second=self.samples / self.seconds,
            tokens_per_second=self.tokens / self.seconds,
            peak_memory_bytes=self.peak_memory_bytes,
        )


def path_of(job: Job, runs: list[Run]) -> Path:
    """Return where the checkpoint of these runs as one group lies."""
    facts = {"group": [run.identity for run in runs], "keeps_best": job.settings.adapter.save, "answered": True}
    return job.settings.cache / "checkpoints" / f"{store.identity_of(facts)}.pt"


def save(group: "RunGroup", progress: Progress, path: Path) -> None:
    """Write a group and its progress."""
    content = io.BytesIO()
    histories = [[epoch.model_dump() for epoch in history] for history in progress.histories]
    torch.save({"group": group.state(), "progress": vars(progress) | {"histories": histories}}, content)
    write_atomic(path, content.getvalue())


def restore(group: "RunGroup", path: Path, say: Callable[[str], None]) -> Progress:
    """Bring a group to where its checkpoint is, if there is one, and return its progress.

    A file that is damaged is named with ``say``, and the group begins anew.
    """
    if not path.exists():
        return Progress.start(len(group.runs))
    try:
        # By way of main memory: a device of several processes, such as "cpu:0", is not one that torch can load onto.
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        say(f"  the checkpoint {path} is damaged ({first_line(error)}): training begins anew")
        return Progress.start(len(group.runs))
    group.restore(saved["group"])
    histories = [[Epoch(**epoch) for epoch in history] for history in saved["progress"]["histories"]]
    return Progress(**saved["progress"] | {"histories": histories})


def begin(job: Job, runs: list[Run]) -> Path:
    """Return where the group's checkpoint lies, without one that is not to be gone on from.

    A forced training goes on from the checkpoint that an earlier, killed one left: it is younger than the records that
    are to be replaced.
    """
    place = path_of(job, runs)
    if job.accelerator.is_main_process and job.settings.force and place.exists():
        written = [run.path.stat().st_mtime_ns for run in runs if run.path.exists()]
        if written and place.stat().st_mtime_ns < max(written):
            place.unlink()
    job.accelerator.wait_for_everyone()
    return place


def remove(job: Job, groups: list[list[Run]]) -> None:
    """Remove the checkpoints of groups whose runs are all done, which a kill after their last record leaves."""
    if job.accelerator.is_main_process:
        for runs in groups:
            path_of(job, runs).unlink(missing_ok=True)
