"""From a job's settings to the runs that it asks for, and which of them are done."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from rich.console import Console

from benchmarks.errors import SuiteError
from benchmarks.models import files, hyperparameters, quantization
from benchmarks.models.precision import fast_at_bf16
from benchmarks.records import store
from benchmarks.records.schema import Tuning
from benchmarks.tasks import rows as data
from benchmarks.tasks.base import Task
from benchmarks.tasks.build import build
from benchmarks.training import rates
from benchmarks.training.settings import JobSettings, Point, RunSettings
from methods.base import Method


@dataclass(frozen=True)
class Run:
    """One run that was asked for: its resolved config, where its record lies, what tells it from its group's others.

    ``tuning`` is there where it is a configuration of one.
    """

    config: dict[str, Any]
    identity: str
    path: Path
    label: str
    tuning: Tuning | None = None

    @property
    def settings(self) -> RunSettings:
        """Return what may differ between the runs of a group."""
        return RunSettings(self.config["seed"], self.config["method"]["lr"], self.config["method"]["lr_head"])


@dataclass(frozen=True)
class Job:
    """One job of a sweep, checked: its settings with the task, method, rows and backbone that they stand for.

    ``start`` is the job on another task whose best run its runs begin from.
    """

    settings: JobSettings
    task: Task
    method: Method
    rows: data.Rows
    directory: Path
    fingerprint: str
    precision: str
    accelerator: Accelerator
    console: Console
    start: "Job | None"

    @property
    def method_name(self) -> str:
        """Return the name of the method's file."""
        return self.settings.method["name"]

    @property
    def targets(self) -> str:
        """Return what the records call the targets: "-" where the method adapts no chosen maps."""
        if not self.method.adapts_sites:
            return "-"
        targets = self.settings.targets
        return targets if isinstance(targets, str) else ",".join(targets)

    @property
    def target_names(self) -> list[str]:
        """Return the names of the modules that are adapted."""
        return self.settings.target_names() if self.method.adapts_sites else []

    @property
    def label(self) -> str:
        """Return the job in a few words."""
        return f"{self.task.name} {self.settings.backbone_name} {self.method_name} {self.targets}"


def prepare(settings: JobSettings, accelerator: Accelerator, console: Console, load: data.Load = data.load) -> Job:
    """Check a job's settings together, load its rows and find its backbone. Raises SuiteError or MethodError.

    ``load`` stands for ``rows.load`` where several jobs share their rows.
    """
    method = method_of(settings)
    task = build(settings.task)
    _check_fit(settings, task, method)
    quantization.check(settings.backbone.quantization)
    if not method.trains:  # after one epoch it is what it is after all
        settings = settings.for_one_epoch()
    backbone = settings.backbone
    sizes = {"train": settings.data.train_rows, "validation": settings.data.validation_rows}
    with accelerator.main_process_first():
        rows = load(task, settings.data.root, settings.cache, sizes)
        directory = files.locate(backbone.path, settings.cache, backbone.random, backbone.revision)
    return Job(
        settings=settings,
        task=task,
        method=method,
        rows=rows,
        directory=directory,
        fingerprint=files.fingerprint(directory, backbone.shape if backbone.random else None),
        precision=_precision(settings.precision, accelerator),
        accelerator=accelerator,
        console=console,
        start=_start(settings, method, accelerator, console, load),
    )


def _precision(asked: str, accelerator: Accelerator) -> str:
    if asked != "auto":
        return asked
    return "bf16" if fast_at_bf16(accelerator.device) else "fp32"


def _start(
    settings: JobSettings, method: Method, accelerator: Accelerator, console: Console, load: data.Load
) -> Job | None:
    if settings.start is None:
        return None
    name = settings.start.task["name"]
    if not method.adapts_sites:
        raise SuiteError(
            f"start={name} gives an adapter to begin from, and method={settings.method['name']} has no adapter"
        )
    try:
        return prepare(settings.start, accelerator, console, load)
    except SuiteError as error:
        raise SuiteError(f"{error} (start={name}; start=null begins from the backbone)") from error


def _check_fit(settings: JobSettings, task: Task, method: Method) -> None:
    """Raise SuiteError where task, backbone and method cannot go together."""
    name, backbone = settings.method["name"], settings.backbone
    if task.has_head and not backbone.head:
        raise SuiteError(
            f"task={task.name} trains a classification head, and backbone={settings.backbone_name} has none: choose an "
            "encoder such as minilm, roberta-base or roberta-large"
        )
    if not task.has_head and backbone.head:
        raise SuiteError(
            f"task={task.name} needs a causal language model, and backbone={settings.backbone_name} is an encoder: "
            "choose one such as gpt2-medium, gpt2-large or smollm2-135m"
        )
    if task.has_head and not method.trains_head:
        raise SuiteError(
            f"method={name} would leave the classification head of {task.name} at its random start: choose a method "
            "that trains it"
        )
    if not task.has_head and method.trains_head and not (method.adapts_sites or method.trains_backbone):
        raise SuiteError(
            f"method={name} trains a classification head alone, and a model that writes text has none: choose a method "
            "that adapts or trains the backbone"
        )
    if backbone.quantization and method.trains_backbone:
        raise SuiteError(
            f"backbone.quantization={backbone.quantization} cannot go with method={name}, which trains the backbone: "
            "leave one of them out"
        )
    if backbone.random and backbone.shape is None:
        raise SuiteError("backbone.random=true needs a backbone.shape to draw weights for: backbone=gpt2-tiny has one")


def method_of(settings: JobSettings) -> Method:
    """Return the method that a job asks for. Raises SuiteError or MethodError for settings that it cannot have."""
    chosen = {key: value for key, value in settings.method.items() if key not in ("name", "lr", "lr_head")}
    return hyperparameters.method(settings.method["name"], chosen, "method")


def runs_of(job: Job) -> list[Run]:
    """Return the runs of a job: its learning rates, by ``grid`` or ``tune.grid``, times its seeds."""
    seeds = job.settings.seeds
    if not job.method.trains and len(seeds) > 1:
        job.console.print(f"{job.label}: nothing is trained, so seed {seeds[0]} stands for all seeds")
        seeds = seeds[:1]
    begun = [run.identity for run in runs_of(job.start)] if job.start else []
    points = rates.points_of(job.settings, job.task, job.method)
    runs = [_run(job, point, seed, begun) for point in points for seed in seeds]
    for run, other in itertools.combinations(runs, 2):
        if run.identity == other.identity:
            raise SuiteError(f"seeds and grid name the run of {run.label} twice: give each once")
    return runs


def _run(job: Job, point: Point, seed: int, begun: list[str]) -> Run:
    """Return one run; ``begun`` are the identities of those that it may begin from, the best of which will be it."""
    config, identity = _identified(job, point, seed, begun)
    path = store.record_path(
        root=job.settings.results,
        task=job.task.name,
        backbone=job.settings.backbone_name,
        method=job.method_name,
        targets=job.targets,
        seed=seed,
        identity=identity,
    )
    if point.factors is None:
        return Run(config, identity, path, ", ".join(part for part in (f"seed {seed}", point.label) if part))
    _, default = _identified(job, Point(method=job.settings.method), seed, begun)
    tuning = Tuning(**point.factors, default=default)
    return Run(config, identity, path, f"seed {seed}, {tuning.label}", tuning)


def _identified(job: Job, point: Point, seed: int, begun: list[str]) -> tuple[dict[str, Any], str]:
    config = job.settings.run_config(point.method, job.target_names) | {"precision": job.precision, "seed": seed}
    fingerprints = [job.fingerprint, job.rows.fingerprint, *begun]
    return config, store.identity_of(config | {"fingerprints": fingerprints})


def is_done(run: Run, console: Console) -> bool:
    """Say whether a run has finished; one that failed before is to be tried again, and the console says so.

    Raises SuiteError for one that was asked for as something else.
    """
    if not run.path.exists():
        return False
    record = store.read(run.path)
    if record.status == "failed":
        console.print(f"{run.label} failed before ({record.error}): tried again")
        return False
    if record.tuning != run.tuning:
        there = "a run that stands for itself" if record.tuning is None else "a configuration of a tuning"
        raise SuiteError(
            f"{run.label} is done as {there} ({run.path}), and tables show a run as one of the two: results=DIR keeps "
            "this one apart, force=true trains it again"
        )
    return True
