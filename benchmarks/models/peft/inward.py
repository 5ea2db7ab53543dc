"""From peft's adapter to one of the suite's."""

from pathlib import Path
from types import ModuleType
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch import nn

from benchmarks.errors import SuiteError
from benchmarks.models import adapter_files as adapters
from benchmarks.models import saved
from benchmarks.models.peft import folder, formats
from benchmarks.models.peft.folder import MODEL
from benchmarks.tasks.base import Task
from benchmarks.tasks.build import build
from methods.base import Tensors
from methods.sites import find_sites

# What does not change which product is added: where it came from, and which modules, which the tensors' names say too.
_HARMLESS = {
    *("auto_mapping", "base_model_name_or_path", "inference_mode", "peft_type", "peft_version", "revision"),
    *("exclude_modules", "fan_in_fan_out", "layers_pattern", "layers_to_transform", "modules_to_save"),
    *("target_modules", "task_type"),
}


def from_peft(source: Path, config: DictConfig, cache: Path, out: Path) -> None:
    """Read a LoRA, VeRA or VB-LoRA adapter of peft into an adapter folder of the suite.

    ``config`` gives ``task`` and ``backbone`` as conf/ composes them; a backbone without a path is the one that the
    adapter names. Raises SuiteError, before anything is written, for what the suite's method cannot hold.
    """
    settings, tensors = folder.read(source)
    name, found = _format(source, settings)
    backbone = _backbone(source, settings, config)
    task = build(OmegaConf.to_container(config.task, resolve=True))
    _check(source, settings, found, task)
    directory, fingerprint = saved.locate(backbone, cache)
    model = saved.load_model(backbone, task, directory)
    modules = sorted({key.removeprefix(MODEL).partition(found.MARK)[0] for key in tensors if found.MARK in key})
    if not modules:
        raise SuiteError(f"{source} adapts no linear map: none of its tensors' names holds {found.MARK}")
    sites = find_sites(model, modules, backbone["head"])
    method, trained = found.read(settings, tensors, sites)
    trained = {key: tensor.float() for key, tensor in trained.items()}
    head = _head(model, backbone["head"], tensors)
    if tensors:
        raise SuiteError(
            f"{source} holds {', '.join(sorted(tensors)[:3])} too, which the suite's {name} cannot hold: "
            "an adapter of linear maps alone, and of the head that backbone.head names, can be read"
        )
    adapters.save(
        directory=out,
        name=name,
        method=method,
        trained=trained,
        head=head,
        frozen=method.frozen(sites),
        sites=sites,
        backbone=saved.backbone_facts(backbone, fingerprint),
        facts={
            "task": OmegaConf.to_container(config.task, resolve=True),
            "train": OmegaConf.to_container(config.train, resolve=True),
            "targets": [site.name for site in sites],
            "precision": "fp32",
            "seed": 0,
        },
    )


def _format(source: Path, settings: dict[str, Any]) -> tuple[str, ModuleType]:
    """Return the format of a peft adapter and its method's name."""
    found, wanted = formats.find(), settings.get("peft_type")
    for name, module in found.items():
        if wanted == module.PEFT_TYPE:
            return name, module
    raise SuiteError(
        f"{source} is an adapter of peft's type {wanted}: "
        f"{', '.join(module.PEFT_TYPE for module in found.values())} can be read"
    )


def _backbone(source: Path, settings: dict[str, Any], config: DictConfig) -> dict[str, Any]:
    """Return the backbone's facts. peft adapts modules as a whole, so none of them is several sites."""
    node = config.backbone.copy()
    node.fused = None
    if OmegaConf.is_missing(node, "targets"):
        node.targets = {}
    if OmegaConf.is_missing(node, "path"):
        node.path = settings.get("base_model_name_or_path")
        if node.path is None:
            raise SuiteError(f"{source} does not name its backbone: say backbone=NAME, or backbone.path=ID_OR_DIR")
    return OmegaConf.to_container(node, resolve=True)


def _check(source: Path, settings: dict[str, Any], found: ModuleType, task: Task) -> None:
    """Raise SuiteError for a setting that is missing, or that would make another product than the tensors' own."""
    kind = "SEQ_CLS" if task.has_head else "CAUSAL_LM"
    if settings.get("task_type") not in (kind, None):
        raise SuiteError(
            f"{source} is for {settings['task_type']}, and task={task.name} is {kind}: say the task it was trained for"
        )
    if missing := [key for key in found.SETTINGS if key not in settings]:
        raise SuiteError(f"the adapter_config.json of {source} has no {', '.join(missing)}: the adapter is not whole")
    known = {*_HARMLESS, *found.SETTINGS, *found.HARMLESS}
    for key, value in settings.items():
        if key not in known and value not in (None, False, "none", [], {}):
            raise SuiteError(
                f"{source} has {key} set, which the suite's {found.__name__.rpartition('.')[2]} cannot hold: "
                "it adds one plain product of one rank and scale to every module"
            )


def _head(model: nn.Module, names: list[str], tensors: Tensors) -> Tensors:
    """Take the whole head from the tensors that were read."""
    own = {key: tensor for key, tensor in model.state_dict().items() if key.startswith(tuple(f"{n}." for n in names))}
    return {key: folder.take(tensors, f"{MODEL}{key}", *tensor.shape).float() for key, tensor in own.items()}
