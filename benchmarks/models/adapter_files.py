"""Adapter files: what a run trained, as safetensors, and a JSON that says how to rebuild the rest."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
import torch

from benchmarks import typed
from benchmarks.errors import SuiteError
from benchmarks.models import hyperparameters
from benchmarks.records.files import write_atomic
from methods.base import Method, Site, Tensors, digest

_SKETCH = 4


class Frozen(typed.Settings):
    """What tells whether a frozen tensor was rebuilt as it was: its hash, and a few projections of it."""

    sha256: str
    sketch: list[float]


class Backbone(typed.Facts):
    """What an adapter says of its backbone: the settings of conf/backbone that opening it needs, and its hash."""

    path: str
    revision: str | None = None  # the commit of one that came from the hub
    random: bool
    shape: dict[str, Any] | None
    head: list[str]
    dropout: float | None
    fused: dict[str, list[str]] | None
    quantization: Literal["nf4", "int8"] | None
    fingerprint: str


class Trained(typed.Facts):
    """What an adapter says of its run's config that opening it needs."""

    task: dict[str, Any]
    train: dict[str, Any]
    targets: list[str]
    precision: Literal["fp32", "bf16"]
    seed: int


class Description(typed.Settings):
    """What adapter.json holds; each of ``sites`` is a name, its in_features and its out_features."""

    method: str
    hyperparameters: dict[str, Any]
    sites: list[tuple[str, int, int]]
    frozen: dict[str, Frozen]
    backbone: Backbone
    run: Trained


def describe(directory: Path) -> Description:
    """Return what an adapter folder's adapter.json says. Raises SuiteError for one that does not say it."""
    path = directory / "adapter.json"
    try:
        return typed.read_json(Description, path)
    except SuiteError as error:
        raise SuiteError(f"{error}: train the run again with adapter.save=true force=true") from error


def to_bytes(tensors: Tensors) -> bytes:
    """Return tensors as the bytes of a safetensors file."""
    return safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})


def save(
    directory: Path,
    name: str,
    method: Method,
    trained: Tensors,
    head: Tensors,
    frozen: Tensors,
    sites: list[Site],
    backbone: dict,
    facts: dict,
    resumable: bool = False,
) -> None:
    """Write adapter.safetensors, head.safetensors and adapter.json.

    The JSON holds ``backbone``, which is what ``saved.backbone_facts`` returns, and ``facts``, the run's config.
    ``resumable`` also writes trained.safetensors: the trained tensors themselves, of which a method may store less.
    """
    if resumable:
        write_atomic(directory / "trained.safetensors", to_bytes(trained))
    write_atomic(directory / "adapter.safetensors", to_bytes(method.pack(trained)))
    write_atomic(directory / "head.safetensors", to_bytes(head))
    described = {
        "method": name,
        "hyperparameters": asdict(method),
        "sites": _shapes(sites),
        "frozen": {key: {"sha256": digest(tensor), "sketch": _sketch(tensor)} for key, tensor in frozen.items()},
        "backbone": backbone,
        "run": facts,
    }
    write_atomic(directory / "adapter.json", (json.dumps(described, indent=1) + "\n").encode())


def load(directory: Path, sites: list[Site]) -> tuple[Method, Tensors, Tensors, Tensors]:
    """Return (method, trained, head, frozen), with the frozen tensors rebuilt.

    Raises SuiteError where the sites or the rebuilt tensors are not those that the adapter was trained with, or where
    its tensors are not those that the method packs.
    """
    described = describe(directory)
    file = directory / "adapter.safetensors"
    stored, head = read(file), read(directory / "head.safetensors")
    method = hyperparameters.method(described.method, described.hyperparameters, f"{directory}/adapter.json")
    if described.sites != _shapes(sites):
        raise SuiteError(
            f"{directory} was not trained on these {len(sites)} maps, but on "
            f"{', '.join(name for name, *_ in described.sites)}"
        )
    if not method.trains_backbone:
        with torch.device("meta"):
            check(stored, method.pack(method.init(sites, None)), file)
    frozen = method.frozen(sites)
    for key, saved in described.frozen.items():
        if key not in frozen or not _same(method, frozen[key], saved):
            raise SuiteError(
                f"{directory} was trained with a different frozen '{key}' from the one rebuilt here: "
                "load it on the backbone and targets that it was trained on, with the same version of torch"
            )
    return method, method.unpack(stored), head, frozen


def read(file: Path) -> Tensors:
    """Return the tensors of one of an adapter's files. Raises SuiteError for one that cannot be read."""
    try:
        return safetensors.torch.load_file(file)
    except (OSError, safetensors.SafetensorError) as error:
        raise SuiteError(f"{file} cannot be read ({error}): save an adapter with adapter.save=true") from error


def check(tensors: Tensors, wanted: Tensors, file: Path) -> None:
    """Raise SuiteError unless a file's tensors have the names, shapes and types of ``wanted``, and finite numbers."""
    for name in sorted(wanted.keys() - tensors.keys()):
        raise SuiteError(f"{file} must hold {name} of {_described(wanted[name])}, and it is not there")
    for name, tensor in sorted(tensors.items()):
        if name not in wanted:
            raise SuiteError(f"{file} holds {name}, which is not part of this adapter")
        if (tensor.shape, tensor.dtype) != (wanted[name].shape, wanted[name].dtype):
            raise SuiteError(f"{file} must hold {name} of {_described(wanted[name])}, got {_described(tensor)}")
        if not tensor.isfinite().all():
            raise SuiteError(f"{file} must hold finite numbers, and {name} has others: train the run again")


def _described(tensor: torch.Tensor) -> str:
    return f"{list(tensor.shape)} in {str(tensor.dtype).removeprefix('torch.')}"


def _shapes(sites: list[Site]) -> list[tuple[str, int, int]]:
    return [(site.name, site.in_features, site.out_features) for site in sites]


def _sketch(tensor: torch.Tensor) -> list[float]:
    """Return a few fixed projections of a tensor, which are close for tensors that are close."""
    flat = tensor.detach().double().cpu().flatten()
    place = torch.arange(len(flat), dtype=torch.float64)
    return [float((flat * torch.cos((i + 1) * place)).sum() / flat.norm()) for i in range(_SKETCH)]


def _same(method: Method, rebuilt: torch.Tensor, saved: Frozen) -> bool:
    if method.frozen_from_weights is None:
        return digest(rebuilt) == saved.sha256
    # The last bits of an SVD differ between machines, so that its bytes cannot be compared.
    sketch = _sketch(rebuilt)
    return len(sketch) == len(saved.sketch) and all(
        abs(a - b) < 1e-3 for a, b in zip(sketch, saved.sketch, strict=True)
    )
