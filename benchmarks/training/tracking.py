"""Weights & Biases: every run of a group is a W&B run of its own, live while the group trains.

The training loop calls ``epoch``, ``finish`` and ``close`` and knows nothing of W&B. The record is what counts:
a W&B failure costs the tracking of one group, never a run.
"""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.records.schema import Epoch, Parameters, Record

# Silent, and without what W&B gathers by itself (console, git, code, packages, machine, system metrics): the record
# has its own environment, and these are nearly all of what starting a run costs. A server that goes away ends the
# tracking within a minute, where W&B's own defaults wait for it without end.
SETTINGS: dict[str, Any] = {
    "silent": True,
    "console": "off",
    "host": "",
    "symlink": False,
    "save_code": False,
    "disable_git": True,
    "label_disable": True,
    "x_save_requirements": False,
    "x_disable_meta": True,
    "x_disable_machine_info": True,
    "x_disable_stats": True,
    "init_timeout": 15,
    "finish_timeout": 30,
    "finish_timeout_raises": True,
}


@dataclass(frozen=True)
class RunInfo:
    """What is known of a run before it trains.

    ``label`` tells it from its group's other runs; ``source`` is where its data came from, as in its record;
    ``primary`` is the score that its best epoch is chosen by.
    """

    identity: str
    label: str
    task: str
    backbone: str
    method: str
    targets: str
    seed: int
    source: str
    primary: str
    config: dict[str, Any]
    parameters: Parameters


class Tracker:
    """The W&B runs of one group, by their index in it; with none, every call does nothing."""

    def __init__(self) -> None:
        self._live: dict[int, Any] = {}
        self._primary: list[str] = []

    @classmethod
    def start(cls, mode: str, project: str, directory: Path, runs: list[RunInfo]) -> Self:
        """Start a W&B run for each of ``runs``, with its files in a folder ``wandb`` below ``directory``.

        ``mode`` is online, offline, disabled (W&B is not even imported) or auto: what WANDB_MODE says, else online
        where the person has logged in to W&B, else offline.
        """
        tracker = cls()
        if mode == "auto":
            mode = os.environ.get("WANDB_MODE") or mode
        if mode != "disabled":
            with tracker._guarded():
                tracker._start(mode, project, directory, runs)
        return tracker

    def epoch(self, index: int, epoch: Epoch, step: int) -> None:
        """Log one epoch's loss and scores at the run's ``step``."""
        if index in self._live:
            halves = dict(zip(("dev/first_half", "dev/second_half"), epoch.halves, strict=True))
            scores = {f"dev/{name}": value for name, value in epoch.scores.items()}
            # Under one name for every task, so that one panel shows them all.
            scores["dev/score"] = epoch.scores[self._primary[index]]
            row = {"epoch": epoch.epoch, "train/loss": epoch.train_loss, **scores, **halves}
            with self._guarded():
                # W&B keeps a row with a step back until the next one unless told to commit it.
                self._live[index].log(row, step=step, commit=True)

    def finish(self, index: int, record: Record) -> None:
        """Write the record's results as the run's summary, and end the run."""
        if index in self._live:
            with self._guarded():
                self._live[index].summary.update(summary(record))
                self._live.pop(index).finish(exit_code=0 if record.status == "finished" else 1)

    def close(self) -> None:
        """End the runs that were not finished; W&B shows them as failed."""
        with self._guarded():
            while self._live:
                self._live.popitem()[1].finish(exit_code=1)

    def _start(self, mode: str, project: str, directory: Path, runs: list[RunInfo]) -> None:
        import wandb  # here, so that a disabled tracker does not pay for it

        # W&B would fall back to the system's temporary folder, where nobody looks for the files.
        (directory / "wandb").mkdir(parents=True, exist_ok=True)
        wandb.setup(wandb.Settings(**SETTINGS))
        if mode == "auto":
            mode = "online" if wandb.login(prompt=False, verify=False) else "offline"
        self._primary = [run.primary for run in runs]
        for index, run in enumerate(runs):
            tags = {run.method, run.targets, run.task, run.backbone, run.source}
            known = {"identity": run.identity, "seed": run.seed, "parameters": run.parameters.model_dump()}
            known["target_set"] = run.targets  # its name, such as qv, where the config has the modules' names
            self._live[index] = wandb.init(
                mode=mode,
                project=project,
                dir=str(directory),
                id=f"{run.identity}-{secrets.token_hex(4)}",
                group=f"{run.task}/{run.backbone}",
                job_type=run.method,
                name=f"{run.method} {run.targets} {run.label}",
                tags=sorted(tag[:64] for tag in tags if tag),  # W&B refuses a tag that is empty or longer
                config=run.config | known,
                reinit="create_new",
            )

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # W&B can raise anything, and nothing of it may end a run that trains
            self._live.clear()
            reason = " ".join(str(error).split()) or type(error).__name__
            message = f"warning: W&B tracking stopped ({reason}); training goes on, records are unaffected"
            print(message, file=sys.stderr)
            # Ends what is left of the group, and lets the next group start a service of its own where this one's died.
            # W&B leaves with the service's exit code, hence SystemExit.
            with suppress(Exception, SystemExit):
                import wandb

                wandb.teardown(exit_code=1)


def summary(record: Record) -> dict[str, Any]:
    """Flatten a record's results to W&B's summary values, under the record's own names."""
    values: dict[str, Any] = {"status": record.status, "error": record.error}
    values |= {f"parameters/{name}": value for name, value in record.parameters.model_dump().items()}
    if record.scores:
        values |= record.scores.model_dump()
        values["selection_gap"] = record.scores.best - record.scores.held_out
    if record.started_from:
        values["started_from"] = record.started_from.identity
    if record.generation:
        values |= {f"test/{name}": value for name, value in record.generation.scores.items()}
    for exam, solved in record.exams.items():
        values |= {f"exam/{exam}/{name}": mark.accuracy for name, mark in solved.marks.items()}
    if record.cost:
        values |= record.cost.model_dump()
    return values
