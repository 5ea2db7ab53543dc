"""What a run left, opened again: its backbone, its head and its adapter."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.errors import SuiteError
from benchmarks.models import adapter_files as adapters
from benchmarks.models import backbones, files, quantization
from benchmarks.records import store
from benchmarks.tasks.base import Task
from benchmarks.tasks.build import of_record
from methods.base import Method, Site, Tensors
from methods.sites import find_sites

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Saved:
    """An adapter folder and what its adapter.json says.

    ``backbone`` is the resolved config node and the backbone's ``fingerprint``; ``run`` is the run's config.
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

    ``directory`` is the backbone's. What a method that trains the backbone has trained is in the model; ``trained`` is
    then empty.
    """

    model: nn.Module
    directory: Path
    sites: list[Site]
    method: Method
    trained: Tensors
    head: Tensors
    frozen: Tensors


def backbone_facts(settings: dict[str, Any], fingerprint: str) -> dict[str, Any]:
    """Return what an adapter must remember of its backbone; a path on this machine is made absolute."""
    facts = dict(settings)
    if Path(facts["path"]).exists():
        facts["path"] = str(Path(facts["path"]).absolute())
    return facts | {"fingerprint": fingerprint}


def find(run: Path) -> Saved:
    """Return what a run left. ``run``: its record, its folder below results/runs, or its adapter folder.

    Raises SuiteError where there is no adapter, or one that does not say where its backbone lies.
    """
    directory = _directory(run)
    try:
        described = json.loads((directory / "adapter.json").read_text())
    except (OSError, ValueError) as error:
        raise SuiteError(f"{directory} is no readable adapter ({error}): save one with adapter.save=true") from error
    if "backbone" not in described:
        raise SuiteError(
            f"{directory} does not say where its backbone lies, as adapters did not once: "
            "train the run again with adapter.save=true force=true"
        )
    return Saved(directory, described["method"], described["backbone"], described["run"])


def load(saved: Saved, cache: Path, device: torch.device = CPU) -> Opened:
    """Load a run's backbone in float32, or quantised on ``device`` as it was trained, and its adapter.

    ``cache`` is as in ``files.locate``. Raises SuiteError where the backbone is another than the run was trained
    on.
    """
    backbone = saved.backbone
    directory, fingerprint = locate(backbone, cache)
    if fingerprint != backbone["fingerprint"]:
        raise SuiteError(
            f"{backbone['path']} is another backbone than {saved.directory} was trained on (its weights, config or "
            f"tokenizer differ: fingerprint {fingerprint}, where it had {backbone['fingerprint']}): put that one there"
        )
    quantized = quantization.settings(backbone["quantization"], saved.run["precision"], device, backbone["head"])
    model = load_model(backbone, saved.task, directory, quantized)
    targets = saved.run["targets"]
    sites = find_sites(model, targets, backbone["head"], backbone["fused"]) if targets else []
    method, trained, head, frozen = adapters.load(saved.directory, sites)
    fill(model, head, saved.directory)
    if method.trains_backbone:
        fill(model, trained, saved.directory)
        trained = {}
    return Opened(model, directory, sites, method, trained, head, frozen)


def locate(backbone: dict[str, Any], cache: Path) -> tuple[Path, str]:
    """Return a backbone's directory and its fingerprint."""
    directory = files.locate(backbone["path"], cache, backbone["random"])
    return directory, files.fingerprint(directory, backbone["shape"] if backbone["random"] else None)


def load_model(
    backbone: dict[str, Any], task: Task, directory: Path, quantized: dict[str, Any] | None = None
) -> nn.Module:
    """Load a backbone's model from its directory, frozen and ready to answer; a head is as it was drawn."""
    model = backbones.load(
        directory, task, backbone["shape"], backbone["head"], backbone["dropout"], backbone["random"], quantized
    )
    return model.eval().requires_grad_(False)


def fill(model: nn.Module, tensors: Tensors, source: Path) -> None:
    """Put ``tensors`` in the place of a model's own. Raises SuiteError for one that the model has not in that shape."""
    own = model.state_dict()
    for name, tensor in tensors.items():
        if name not in own or own[name].shape != tensor.shape:
            has = f"{name} of {list(own[name].shape)}" if name in own else f"no {name}"
            raise SuiteError(
                f"{source} holds {name} of {list(tensor.shape)} where the backbone has {has}: "
                "open it with the backbone and the task that it was trained for"
            )
    model.load_state_dict(tensors, strict=False)


def _directory(run: Path) -> Path:
    """Return the adapter folder that a run's record, folder or adapter folder stands for."""
    if run.is_file():
        run = store.folder_of(run)
    for directory in (run, run / "adapter"):
        if (directory / "adapter.json").is_file():
            return directory
    raise SuiteError(
        f"{run} holds no adapter: name a run's record, its folder below results/local/runs or its adapter folder; "
        "adapter.save=true leaves adapters, with force=true for a run that is done"
    )
