"""What a person sees of a sweep: which of how many jobs begins, and about how long the rest takes."""

import os
import time
from math import prod
from statistics import mean
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

_JOBS = "PEFT_SWEEP_JOBS"  # how many there are, in the environment, so that a launcher's workers know it too


class Counter(Callback):
    """Numbers the jobs of a sweep, as Hydra calls it back."""

    def __init__(self) -> None:
        self.seconds: list[float] = []  # of the jobs that trained something in this process
        self.started = 0.0

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Forget a sweep that an error ended in this process: this job is of none."""
        os.environ.pop(_JOBS, None)

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Count the jobs. Another sweeper than Hydra's own decides as it goes, so its jobs cannot be counted."""
        os.environ.pop(_JOBS, None)
        sweeper = config.hydra.sweeper
        if sweeper._target_.endswith("BasicSweeper"):
            given = [*(f"{key}={value}" for key, value in (sweeper.params or {}).items()), *config.hydra.overrides.task]
            os.environ[_JOBS] = str(jobs_of(given))

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        """Say which job begins, but where one process of several has said it."""
        self.started = time.monotonic()
        if _JOBS in os.environ and os.environ.get("RANK", "0") == "0":
            print(line(HydraConfig.get().job.num, int(os.environ[_JOBS]), self.seconds), flush=True)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        """Note how long a job took that trained something, as it says by what it returns."""
        if job_return.status is JobStatus.COMPLETED and job_return.return_value:
            self.seconds.append(time.monotonic() - self.started)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Forget the sweep."""
        os.environ.pop(_JOBS, None)


def jobs_of(overrides: list[str]) -> int:
    """Return how many jobs a sweep over these has; a setting that is given twice counts as it was given last."""
    parsed = OverridesParser.create(GlobalHydra.instance().config_loader()).parse_overrides(overrides)
    last = {override.key_or_group: override for override in parsed}
    return prod(len(list(each.sweep_iterator())) for each in last.values() if each.is_sweep_override())


def line(number: int, jobs: int, seconds: list[float]) -> str:
    """Return the line above job ``number``, the first being 0, where the jobs so far took these seconds."""
    left = f"; about {_duration(mean(seconds) * (jobs - number))} left" if seconds else ""
    return f"job {number + 1} of {jobs}{left}"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{max(round(seconds), 1)} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
