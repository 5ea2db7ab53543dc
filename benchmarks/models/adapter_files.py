"""Adapter files: what a run trained, as safetensors, and a JSON that says how to rebuild the rest."""

import json
from dataclasses import asdict
from pathlib import Path

import safetensors.torch
import torch

import methods
from benchmarks.errors import SuiteError
from benchmarks.records.files import write_atomic
from methods.base import Method, Site, Tensors, digest

_SKETCH = 4


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

    Raises SuiteError where the sites or the rebuilt tensors are not those that the adapter was trained with.
    """
    try:
        described = json.loads((directory / "adapter.json").read_text())
        stored = safetensors.torch.load_file(directory / "adapter.safetensors")
        head = safetensors.torch.load_file(directory / "head.safetensors")
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise SuiteError(f"{directory} is not a readable adapter ({error}): save one with adapter.save=true") from error
    method = methods.find()[described["method"]](**described["hyperparameters"])
    if described["sites"] != _shapes(sites):
        raise SuiteError(
            f"{directory} was not trained on these {len(sites)} maps, but on "
            f"{', '.join(name for name, *_ in described['sites'])}"
        )
    frozen = method.frozen(sites)
    for key, saved in described["frozen"].items():
        if key not in frozen or not _same(method, frozen[key], saved):
            raise SuiteError(
                f"{directory} was trained with a different frozen '{key}' from the one rebuilt here: "
                "load it on the backbone and targets that it was trained on, with the same version of torch"
            )
    return method, method.unpack(stored), head, frozen


def _shapes(sites: list[Site]) -> list[list]:
    return [[site.name, site.in_features, site.out_features] for site in sites]


def _sketch(tensor: torch.Tensor) -> list[float]:
    """Return a few fixed projections of a tensor, which are close for tensors that are close."""
    flat = tensor.detach().double().cpu().flatten()
    place = torch.arange(len(flat), dtype=torch.float64)
    return [float((flat * torch.cos((i + 1) * place)).sum() / flat.norm()) for i in range(_SKETCH)]


def _same(method: Method, rebuilt: torch.Tensor, saved: dict) -> bool:
    if method.frozen_from_weights is None:
        return digest(rebuilt) == saved["sha256"]
    # The last bits of an SVD differ between machines, so that its bytes cannot be compared.
    return all(abs(a - b) < 1e-3 for a, b in zip(_sketch(rebuilt), saved["sketch"], strict=True))
