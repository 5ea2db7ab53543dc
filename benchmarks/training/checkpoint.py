"""How far a group has come, on disk after each epoch, so that the same command goes on after a kill."""

import io
from dataclasses import dataclass, field
from pathlib import Path

import torch

from benchmarks.records import store
from benchmarks.records.files import write_atomic
from benchmarks.records.schema import Cost, Epoch
from benchmarks.training.group import RunGroup
from benchmarks.training.plan import Job, Run
from methods.base import Tensors


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


def save(group: RunGroup, progress: Progress, path: Path) -> None:
    """Write a group and its progress."""
    content = io.BytesIO()
    histories = [[epoch.model_dump() for epoch in history] for history in progress.histories]
    torch.save({"group": group.state(), "progress": vars(progress) | {"histories": histories}}, content)
    write_atomic(path, content.getvalue())


def restore(group: RunGroup, path: Path) -> Progress:
    """Bring a group to where its checkpoint is, if there is one, and return its progress."""
    if not path.exists():
        return Progress.start(len(group.runs))
    saved = torch.load(path, map_location=group.accelerator.device, weights_only=True)
    group.restore(saved["group"])
    histories = [[Epoch(**epoch) for epoch in history] for history in saved["progress"]["histories"]]
    return Progress(**saved["progress"] | {"histories": histories})
