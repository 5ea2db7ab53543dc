"""From a job's config to the runs that it asks for; everything a person may have mistyped is checked here."""

import difflib
import itertools
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

import methods
from benchmarks import checks
from benchmarks.errors import SuiteError
from benchmarks.models import backbones, quantization
from benchmarks.records import store
from benchmarks.records.schema import Tuning
from benchmarks.tasks import rows as data
from benchmarks.tasks.base import Task
from benchmarks.tasks.build import build
from benchmarks.training import warm_start as starts
from benchmarks.training.group import RunSettings, TrainSettings
from benchmarks.training.rates import Point, check_rates, points_of
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
class Experiment:
    """One job of a sweep: a task, a backbone, a method and targets, for all its seeds and learning rates.

    ``start`` is the job on another task whose best run its runs begin from.
    """

    config: DictConfig
    task: Task
    method: Method
    rows: data.Rows
    backbone: str
    directory: Path
    fingerprint: str
    targets: str
    precision: str
    settings: TrainSettings
    accelerator: Accelerator
    console: Console
    start: "Experiment | None"

    @property
    def label(self) -> str:
        """Return the job in a few words."""
        return f"{self.task.name} {self.backbone} {self.config.method.name} {self.targets}"


def prepare(config: DictConfig, accelerator: Accelerator, console: Console) -> Experiment:
    """Check a job's config, and load its rows and find its backbone. Raises SuiteError or MethodError."""
    method = method_of(config)
    task = build(OmegaConf.to_container(config.task, resolve=True))
    _check_fit(config, task, method)
    checks.whole("group_size", config.group_size, 1, null=True)
    checks.number("backbone.dropout", config.backbone.dropout, least=0, below=1, null=True)
    sizes = {split: config.data[f"{split}_rows"] for split in ("train", "validation")}
    for split, size in sizes.items():
        checks.whole(f"data.{split}_rows", size, 1, null=True)
    if config.backbone.quantization == "none":
        config.backbone.quantization = None
    quantization.check(config.backbone.quantization)
    random, shape = config.backbone.random, _shape(config)
    if config.backbone.quantization and method.trains_backbone:
        raise SuiteError(
            f"backbone.quantization={config.backbone.quantization} is not for method={config.method.name}, which "
            "trains the backbone: leave one of them out"
        )
    if random and shape is None:
        raise SuiteError("backbone.random=true needs a backbone.shape to draw weights for: backbone=gpt2-tiny has one")
    if not method.trains:  # after one epoch it is what it is after all
        config.train.epochs = 1
    settings = TrainSettings(**OmegaConf.to_container(config.train, resolve=True))
    settings.check_device(accelerator.device)
    with accelerator.main_process_first():
        rows = data.load(task, config.data.root, Path(config.cache), sizes)
        directory = backbones.locate(config.backbone.path, Path(config.cache), random)
    precision = config.precision
    if precision == "auto":
        precision = "bf16" if backbones.fast_at_bf16(accelerator.device) else "fp32"
    if precision not in ("fp32", "bf16"):
        raise SuiteError(f"precision={precision} is unknown: fp32, bf16 and auto exist")
    return Experiment(
        config=config,
        task=task,
        method=method,
        rows=rows,
        backbone=_backbone_name(config),
        directory=directory,
        fingerprint=backbones.fingerprint_of_random(directory, shape) if random else backbones.fingerprint(directory),
        targets=_targets_label(config) if method.adapts_sites else "-",
        precision=precision,
        settings=settings,
        accelerator=accelerator,
        console=console,
        start=_start(config, method, accelerator, console),
    )


def _start(config: DictConfig, method: Method, accelerator: Accelerator, console: Console) -> Experiment | None:
    if config.start is None:
        return None
    if not method.adapts_sites:
        raise SuiteError(f"start={config.start} gives an adapter to begin from, and {config.method.name} has none")
    job = starts.job_of(config)
    try:
        return prepare(job, accelerator, console)
    except SuiteError as error:
        raise SuiteError(f"{error} (start={config.start}; start=null begins from the backbone)") from error


def _check_fit(config: DictConfig, task: Task, method: Method) -> None:
    """Raise SuiteError where task, backbone and method cannot go together."""
    backbone = _backbone_name(config)
    if task.has_head and not config.backbone.head:
        raise SuiteError(
            f"task={task.name} trains a classification head, and backbone={backbone} has none: take an encoder such as "
            "minilm, roberta-base or roberta-large"
        )
    if not task.has_head and config.backbone.head:
        raise SuiteError(
            f"task={task.name} needs a causal language model, and backbone={backbone} is an encoder: take one such as "
            "gpt2-medium, gpt2-large or smollm2-135m"
        )
    if task.has_head and not method.trains_head:
        raise SuiteError(
            f"method={config.method.name} would leave the classification head of {task.name} as it was drawn: take one "
            "that trains it"
        )
    if not task.has_head and method.trains_head and not (method.adapts_sites or method.trains_backbone):
        raise SuiteError(
            f"method={config.method.name} trains a classification head alone, and a model that writes text has none: "
            "take one that adapts or trains the backbone"
        )


def _shape(config: DictConfig) -> dict[str, Any] | None:
    return OmegaConf.to_container(config.backbone.shape, resolve=True) if config.backbone.shape else None


def runs_of(experiment: Experiment) -> list[Run]:
    """Return the runs of a job: its learning rates, by ``grid`` or ``tune.grid``, times its seeds."""
    config = experiment.config
    seeds = OmegaConf.to_container(config.seeds) if OmegaConf.is_list(config.seeds) else []
    if not seeds or not all(isinstance(seed, int) and seed >= 0 for seed in seeds):
        raise SuiteError(f"seeds={config.seeds} is no list of seeds: say seeds=[0,1,2]")
    if not experiment.method.trains and len(seeds) > 1:
        experiment.console.print(f"{experiment.label}: nothing is trained, so seed {seeds[0]} stands for all seeds")
        seeds = seeds[:1]
    begun = [run.identity for run in runs_of(experiment.start)] if experiment.start else []
    points = points_of(config, experiment.task, experiment.method)
    runs = [_run(experiment, point, seed, begun) for point in points for seed in seeds]
    for run in runs:
        check_rates(run.config["method"], run.label)
    for run, other in itertools.combinations(runs, 2):
        if run.identity == other.identity:
            raise SuiteError(f"seeds and grid name the run of {run.label} twice: give each once")
    return runs


def is_done(run: Run, console: Console) -> bool:
    """Say whether a run has finished; one that failed before is to be tried again, and is told of.

    Raises SuiteError for one that was asked for as something else.
    """
    if not run.path.exists():
        return False
    record = store.read(run.path)
    if record.status == "failed":
        console.print(f"{run.label} failed before ({record.error}): tried again")
        return False
    if record.tuning != run.tuning:
        there = "a run of its own" if record.tuning is None else "a configuration of a tuning"
        raise SuiteError(
            f"{run.label} is done as {there} ({run.path}), and tables show a run as one of the two: results=DIR keeps "
            "this one apart, force=true trains it again"
        )
    return True


def method_of(config: DictConfig) -> Method:
    """Return the method that a config asks for. Raises SuiteError or MethodError for settings that it cannot have."""
    settings = OmegaConf.to_container(config.method, resolve=True)
    cls = methods.find()[settings["name"]]
    chosen = {key: value for key, value in settings.items() if key not in ("name", "lr", "lr_head")}
    known = {field.name for field in fields(cls)}
    for key in chosen.keys() - known:
        raise SuiteError(f"method.{key} is no hyperparameter of {settings['name']}: {', '.join(sorted(known))} are")
    for field in fields(cls):
        wanted = {int: "whole number", float: "number"}.get(field.type)
        if field.name in chosen and wanted and not checks.is_number(chosen[field.name], field.type):
            raise SuiteError(f"method.{field.name}={chosen[field.name]} is no {wanted}")
    return cls(**chosen)


def _backbone_name(config: DictConfig) -> str:
    """Return what the records call the backbone: its name, or the last part of its path where it has none."""
    name = config.backbone.name or Path(config.backbone.path).name
    if "/" in name:
        raise SuiteError(f"backbone.name={name} holds a '/', and records lie in a folder of that name: leave it out")
    return name


def _targets_label(config: DictConfig) -> str:
    return config.targets if isinstance(config.targets, str) else ",".join(config.targets)


def target_names(config: DictConfig) -> list[str]:
    """Return the names of the modules that a config's ``targets`` stand for. Raises SuiteError for unknown ones."""
    named = config.backbone.targets
    example = f"targets=[{','.join(next(iter(named.values())))}]"
    if not isinstance(config.targets, str):
        if not config.targets:
            raise SuiteError(f"targets=[] names no map: {', '.join(named)} exist, or a list of module names: {example}")
        return list(config.targets)
    if config.targets not in named:
        nearest = difflib.get_close_matches(config.targets, list(named), n=1, cutoff=0.0)
        raise SuiteError(
            f"targets={config.targets} is unknown for {_backbone_name(config)}; nearest: {nearest[0]}; "
            f"{', '.join(named)} exist, or a list of module names: {example}"
        )
    return list(named[config.targets])


def settings_of(config: DictConfig) -> dict[str, Any]:
    """Return what a run is by its config alone: neither its seed nor its precision, nor what it is trained on."""
    settings = {key: OmegaConf.to_container(config[key], resolve=True) for key in ("task", "method", "train")}
    # A setting that is null is not there, so that a new one leaves the runs that were made before it what they are.
    for group in ("method", "train"):
        settings[group] = {key: value for key, value in settings[group].items() if value is not None}
    kind = config.backbone.quantization
    quantized = {} if kind is None else {"quantization": kind}
    drawn = {"random": True} if config.backbone.random else {}
    backbone = {"head": list(config.backbone.head), "dropout": config.backbone.dropout} | quantized | drawn
    targets = target_names(config) if method_of(config).adapts_sites else []
    start = {} if config.start is None else {"start": config.start}
    return settings | {"backbone": backbone, "targets": targets} | start


def _run(experiment: Experiment, point: Point, seed: int, begun: list[str]) -> Run:
    """Return one run; ``begun`` are the identities of those that it may begin from, the best of which will be it."""
    config = experiment.config
    resolved, identity = _identified(experiment, point, seed, begun)
    path = store.record_path(
        root=Path(config.results),
        task=experiment.task.name,
        backbone=experiment.backbone,
        method=config.method.name,
        targets=experiment.targets,
        seed=seed,
        identity=identity,
    )
    if point.factors is None:
        apart = [f"{key}={value}" for key, value in point.settings.items()]
        return Run(resolved, identity, path, ", ".join([f"seed {seed}", *apart]))
    _, default = _identified(experiment, Point(), seed, begun)
    tuning = Tuning(**point.factors, default=default)
    return Run(resolved, identity, path, f"seed {seed}, {tuning.label}", tuning)


def _identified(experiment: Experiment, point: Point, seed: int, begun: list[str]) -> tuple[dict[str, Any], str]:
    config = experiment.config.copy()
    for key, value in point.settings.items():
        OmegaConf.update(config, key, value)
    resolved = settings_of(config) | {"precision": experiment.precision, "seed": seed}
    fingerprints = [experiment.fingerprint, experiment.rows.fingerprint, *begun]
    return resolved, store.identity_of(resolved | {"fingerprints": fingerprints})
