"""Reads an adapter of peft into an adapter folder of the suite."""

from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from benchmarks.errors import SuiteError
from benchmarks.models import adapter_files as adapters
from benchmarks.models import saved
from benchmarks.models.peft import folder, formats
from benchmarks.models.peft.folder import MODEL, Config
from benchmarks.tasks.base import Task
from benchmarks.tasks.build import build
from methods.base import Tensors
from methods.sites import find_sites

# Settings of peft that do not change the product that is added: they say where an adapter came from, or which modules
# it adapts, which the tensors' names say too.
_HARMLESS = {
    *("auto_mapping", "inference_mode", "peft_version", "revision", "target_modules"),
    *("exclude_modules", "fan_in_fan_out", "layers_pattern", "layers_to_transform", "modules_to_save"),
}


def from_peft(
    source: Path,
    task_facts: dict[str, Any],
    backbone_facts: dict[str, Any],
    train_facts: dict[str, Any],
    cache: Path,
    out: Path,
) -> None:
    """Read a LoRA, DoRA, VeRA, VB-LoRA, FourierFT or (IA)3 adapter of peft into an adapter folder of the suite.

    The facts are the parts ``task``, ``backbone`` and ``train`` of a run's config. Where the backbone's path is None,
    it is the one that the adapter names. Raises SuiteError, before anything is written, for an adapter that the suite's
    method cannot hold.
    """
    name, form = _format(source)
    config, tensors = folder.read_config(source, form.Config), folder.read_tensors(source)
    backbone = _backbone(source, config, backbone_facts)
    task = build(task_facts)
    _check(source, config, form, task)
    directory, fingerprint = saved.locate(backbone, cache)
    model = saved.load_model(backbone, task, directory)
    sites = find_sites(model, _modules(source, tensors, form.MARK), backbone["head"])
    method, trained = form.read(config, tensors, sites)
    trained = {key: tensor.float() for key, tensor in trained.items()}
    head = _head(model, backbone["head"], tensors)
    _check_all_read(source, tensors, name)
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
            "task": task_facts,
            "train": train_facts,
            "targets": [site.name for site in sites],
            "precision": "fp32",
            "seed": 0,
        },
    )


def _format(source: Path) -> tuple[str, ModuleType]:
    """Return the name of an adapter's method, and the module that reads its format."""
    config, known = folder.read_config(source), formats.find()
    of_type = {
        getattr(form, "FLAG", None): (name, form) for name, form in known.items() if config.peft_type == form.PEFT_TYPE
    }
    if not of_type:
        types = ", ".join(dict.fromkeys(form.PEFT_TYPE for form in known.values()))
        raise SuiteError(
            f"{source} is an adapter of peft's type {config.peft_type}, which cannot be read: "
            f"the types that can are {types}"
        )
    flag = next((flag for flag in of_type if flag and config.model_extra.get(flag)), None)
    return of_type[flag]


def _backbone(source: Path, config: Config, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the backbone's facts, completed. peft adapts modules as a whole, so none of them is several sites."""
    path = facts["path"] or config.base_model_name_or_path
    if path is None:
        raise SuiteError(f"{source} does not name its backbone: say backbone=NAME, or backbone.path=ID_OR_DIR")
    return facts | {"path": path, "targets": facts["targets"] or {}, "fused": None}


def _check(source: Path, config: Config, form: ModuleType, task: Task) -> None:
    """Raise SuiteError for another kind of task, or a setting that adds more than the tensors' plain product."""
    kind = "SEQ_CLS" if task.has_head else "CAUSAL_LM"
    if config.task_type not in (kind, None):
        raise SuiteError(
            f"{source} is for {config.task_type}, and task={task.name} is {kind}: say the task it was trained for"
        )
    for key, value in config.model_extra.items():
        if key not in {*_HARMLESS, *form.HARMLESS} and value not in (None, False, "none", [], {}):
            raise SuiteError(
                f"{source} has {key} set, which the suite's {form.__name__.rpartition('.')[2]} cannot hold: "
                "it adds one plain product to every module"
            )


def _modules(source: Path, tensors: Tensors, mark: str) -> list[str]:
    """Return the names of the modules that an adapter's tensors belong to, sorted."""
    modules = sorted({key.removeprefix(MODEL).partition(mark)[0] for key in tensors if mark in key})
    if not modules:
        raise SuiteError(f"{source} adapts no linear map: none of its tensors has {mark} in its name")
    return modules


def _head(model: nn.Module, names: list[str], tensors: Tensors) -> Tensors:
    """Take the whole head from the tensors that were read."""
    prefixes = tuple(f"{name}." for name in names)
    shapes = {key: tensor.shape for key, tensor in model.state_dict().items() if key.startswith(prefixes)}
    return {key: folder.take(tensors, f"{MODEL}{key}", *shape).float() for key, shape in shapes.items()}


def _check_all_read(source: Path, left: Tensors, name: str) -> None:
    """Raise SuiteError where tensors are left that nothing has taken."""
    if left:
        raise SuiteError(
            f"{source} also holds {', '.join(sorted(left)[:3])}, which the suite's {name} cannot hold: an adapter may "
            "have tensors only for linear maps and for the head that backbone.head names"
        )
