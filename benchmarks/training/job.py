"""A Hydra config, read once into typed settings. Nothing below this file takes a config.

No model library is imported here, so that what only asks what a run would be (a verdict, a sweep that is done) starts
quickly.
"""

import itertools
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from benchmarks import conf, typed
from benchmarks.errors import SuiteError, nearest
from benchmarks.training.settings import JobSettings

_RATES = ("method.lr", "method.lr_head")
_READ = set(JobSettings.model_fields) - {"points", "written"}
_HELPERS = {"by_task", "by_length"}  # tables that recipes and experiments look values up in
_TUNING = "say tune.grid={lr:[0.3,1,3],lr_head:[0.3,1,3]}"


def read(config: DictConfig) -> JobSettings:
    """Return what conf/run.yaml and a command line's overrides ask for, typed and checked.

    Raises SuiteError, or OmegaConf's error for a value that is missing or cannot be looked up.
    """
    for key in config.keys() - _READ - _HELPERS:
        raise SuiteError(f"{key} is not a setting; nearest: {nearest(str(key), sorted(_READ))}")
    facts = {key: _plain(config[key]) for key in _READ - {"start"}}
    backbone = facts["backbone"]
    if isinstance(backbone, dict) and backbone.get("quantization") == "none":
        backbone["quantization"] = None
    tune = facts["tune"]
    if not (isinstance(tune, dict) and tune.keys() == {"grid"}):
        raise SuiteError(f"tune must hold a grid, got tune={tune}: {_TUNING}")
    if tune["grid"] is not None and facts["grid"]:
        raise SuiteError(
            "grid and tune.grid are both given: grid names rates, tune.grid multiplies them; leave one out"
        )
    seeds = facts["seeds"]
    if not (isinstance(seeds, list) and seeds):
        raise SuiteError(f"seeds must be a list with at least one seed, got {seeds}: say seeds=[0,1,2]")
    facts["grid"] = grid = facts["grid"] or {}
    facts |= {
        "points": _points(config, grid) if grid else [{"method": facts["method"]}],
        "tune": _tune_grid(tune["grid"]),
        "start": _start(config),
        "written": {"train": facts["train"], "backbone": _written_backbone(facts["backbone"])},
        "results": _path("results", facts["results"]),
        "cache": _path("cache", facts["cache"]),
    }
    settings = typed.read(JobSettings, facts, "")
    if "/" in settings.backbone_name:
        raise SuiteError(
            f"backbone.name must hold no '/', since records lie in a folder of that name, got {settings.backbone.name}"
        )
    return settings


def _plain(node: Any) -> Any:
    if OmegaConf.is_config(node):
        return OmegaConf.to_container(node, resolve=True, throw_on_missing=True)
    return node


def _path(key: str, value: Any) -> Path:
    if not isinstance(value, str):
        raise SuiteError(f"{key} must be a folder's path, got {value}")
    return Path(value).expanduser()


def _written_backbone(backbone: dict[str, Any]) -> dict[str, Any]:
    """Return what a run's identity holds of a backbone beside its fingerprint."""
    quantized = {} if backbone["quantization"] is None else {"quantization": backbone["quantization"]}
    drawn = {"random": True} if backbone["random"] else {}
    return {"head": backbone["head"], "dropout": backbone["dropout"]} | quantized | drawn


def _points(config: DictConfig, grid: Any) -> list[dict[str, Any]]:
    """Return the method's settings at each combination of the rates that ``grid`` names."""
    if not isinstance(grid, dict):
        raise SuiteError(f"grid must name rates, got grid={grid}: say grid={{method.lr:[1e-3,3e-3]}}")
    for key, values in grid.items():
        if not any(key == rate or str(key).startswith(f"{rate}.") for rate in _RATES):
            raise SuiteError(
                f"grid has {key}: the runs of a group may differ in {' and '.join(_RATES)} alone; sweep other settings"
            )
        if OmegaConf.select(config, key) is None:
            raise SuiteError(f"grid has {key}, which is not a setting of {config.method.name}")
        if not (isinstance(values, list) and values):
            raise SuiteError(f"grid has {key}: {values}, which must be a list: say grid={{{key}:[1e-3,3e-3]}}")
    made = []
    for values in itertools.product(*grid.values()):
        at_point = config.copy()
        for key, value in zip(grid, values, strict=True):
            OmegaConf.update(at_point, key, value)
        label = ", ".join(f"{key}={value}" for key, value in zip(grid, values, strict=True))
        made.append({"method": _plain(at_point.method), "label": label})
    return made


def _tune_grid(grid: Any) -> dict[str, Any] | None:
    if grid is not None and not (isinstance(grid, dict) and grid):
        raise SuiteError(f"tune.grid must hold factors on rates, got tune.grid={grid}: {_TUNING}")
    return grid


def _start(config: DictConfig) -> JobSettings | None:
    """Return the job that a job's runs begin from: the same but for its task, and of seed 0.

    Its records lie in ``results``/starts, so that no table takes them for the results of a method.
    """
    if config.start is None:
        return None
    tasks = [name for name in conf.options("task") if name.startswith("glue/")]
    if config.start == config.task.name:
        raise SuiteError(f"start={config.start} is the task itself: start=null begins from the backbone")
    if config.start not in tasks:
        raise SuiteError(
            f"start must be a task that runs can begin from, or null for the backbone, got {config.start}; nearest: "
            f"{nearest(str(config.start), tasks)}; known: {', '.join(tasks)}"
        )
    job = config.copy()
    job.task = OmegaConf.load(conf.CONF / "task" / f"{config.start}.yaml")
    job.start, job.seeds, job.tune.grid, job.force = None, [0], None, False
    job.results = f"{config.results}/starts"
    job.adapter.save = job.adapter.resumable = True
    return read(job)
