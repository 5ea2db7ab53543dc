"""Opens what a run left: its backbone, its head and its adapter."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import methods
from benchmarks.errors import SuiteError
from benchmarks.models import adapter_files as adapters
from benchmarks.models import backbones, counting, files, quantization
from benchmarks.records import store
from benchmarks.tasks.base import Task
from benchmarks.tasks.build import of_record
from methods.base import Method, Site, Tensors
from methods.sites import find_sites

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Saved:
    """An adapter folder and what its adapter.json says.

    ``backbone`` holds the settings of conf/backbone and the backbone's ``fingerprint``; ``run`` is the run's config.
    """

    directory: Path
    method: str
    backbone: dict[str, Any]
    run: dict[str, Any]

    @property
    def task(self) -> Task:
        """Return the task that the run was trained for."""
        return of_record(self.run["task"])


@dataclass(frozen=True)
class Opened:
    """A run ready for use: the backbone's model with the run's head in it, and what ``methods.adapter.Adapter`` takes.

    ``directory`` is the backbone's. Where the method trains the backbone, the model holds what was trained, and
    ``trained`` is empty.
    """

    model: nn.Module
    directory: Path
    sites: list[Site]
    method: Method
    trained: Tensors
    head: Tensors
    frozen: Tensors


def backbone_facts(settings: dict[str, Any], fingerprint: str) -> dict[str, Any]:
    """Return what an adapter must record of its backbone; a path on this machine is made absolute."""
    facts = dict(settings)
    if (place := Path(facts["path"]).expanduser()).exists():
        facts["path"] = str(place.absolute())
    return facts | {"fingerprint": fingerprint}


def find(run: Path) -> Saved:
    """Return what a run left. ``run``: its record, its folder below results/runs, or its adapter folder.

    Raises SuiteError where there is no adapter, and for an adapter.json that does not say what opening it needs.
    """
    directory = _directory(run)
    described = adapters.describe(directory)
    return Saved(directory, described.method, described.backbone.model_dump(), described.run.model_dump())


def load(saved: Saved, cache: Path, device: torch.device = CPU) -> Opened:
    """Load a run's backbone, in float32 or quantised on ``device`` as it was trained, and its adapter.

    ``cache`` is as in ``files.locate``. Raises SuiteError where the backbone is not the one that the run was trained
    on.
    """
    backbone = saved.backbone
    directory, fingerprint = locate(backbone, cache)
    if fingerprint != backbone["fingerprint"]:
        raise SuiteError(
            f"{backbone['path']} is not the backbone that {saved.directory} was trained on (its weights, config or "
            f"tokenizer differ: fingerprint {fingerprint}, not {backbone['fingerprint']}): put that backbone there"
        )
    quantized = quantization.settings(backbone["quantization"], saved.run["precision"], device, backbone["head"])
    model = load_model(backbone, saved.task, directory, quantized)
    targets = saved.run["targets"]
    norms = methods.find()[saved.method].adapts_norms
    sites = find_sites(model, targets, backbone["head"], backbone["fused"], norms) if targets else []
    method, trained, head, frozen = adapters.load(saved.directory, sites)
    heads = counting.head_of(model, backbone["head"])
    adapters.check(head, heads, saved.directory / "head.safetensors")
    model.load_state_dict(head, strict=False)
    if method.trains_backbone:
        body = {name: weight for name, weight in model.named_parameters() if name not in heads}
        adapters.check(trained, body, saved.directory / "adapter.safetensors")
        model.load_state_dict(trained, strict=False)
        trained = {}
    return Opened(model, directory, sites, method, trained, head, frozen)


def locate(backbone: dict[str, Any], cache: Path) -> tuple[Path, str]:
    """Return a backbone's directory and its fingerprint."""
    directory = files.locate(backbone["path"], cache, backbone["random"], backbone["revision"])
    return directory, files.fingerprint(directory, backbone["shape"] if backbone["random"] else None)


def load_model(
    backbone: dict[str, Any], task: Task, directory: Path, quantized: dict[str, Any] | None = None
) -> nn.Module:
    """Load a backbone's model from its directory, frozen and in evaluation mode; its head is random."""
    model = backbones.load(
        directory, task, backbone["shape"], backbone["head"], backbone["dropout"], backbone["random"], quantized
    )
    return model.eval().requires_grad_(False)


def _directory(run: Path) -> Path:
    """Return the adapter folder of the run with this record, folder or adapter folder."""
    if run.is_file():
        run = store.folder_of(run)
    for directory in (run, run / "adapter"):
        if (directory / "adapter.json").is_file():
            return directory
    raise SuiteError(
        f"{run} holds no adapter: name a run's record, its folder below results/local/runs or its adapter folder; "
        "a run leaves its adapter with adapter.save=true, and a run that is done with force=true too"
    )
