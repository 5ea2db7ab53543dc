"""Counts what a run trains and stores, with the ``init`` and ``pack`` that training and saving use."""

import json
import tempfile
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

from benchmarks.records.schema import Parameters
from methods.base import Method, Site, Tensors


def count(method: Method, model: nn.Module, head: list[str], sites: list[Site]) -> Parameters:
    """Return the counts for a backbone and its sites. Draws no number, and takes a model on the meta device too."""
    heads = head_of(model, head)
    if method.trains_backbone:
        initial = {name: p for name, p in model.named_parameters() if name not in heads}
    else:
        with torch.device("meta"):
            initial = method.init(sites, None)
    return Parameters(
        trained=sum(tensor.numel() for tensor in initial.values()),
        stored=method.stored_parameters(initial),
        head=sum(p.numel() for p in heads.values()),
        adapter_bytes=_size(initial) if method.trains_backbone else _bytes(method.pack(initial)),
        head_bytes=_bytes(heads),
    )


def head_of(model: nn.Module, names: list[str]) -> Tensors:
    """Return the parameters of a model's head by their names in the model; ``names`` are those of its modules."""
    return {f"{name}.{k}": p for name in names for k, p in model.get_submodule(name).named_parameters()}


def _size(tensors: Tensors) -> int:
    """Return the bytes of a file with these tensors in float32, computed, since a whole backbone is slow to write."""
    header, end = {}, 0
    for name, tensor in sorted(tensors.items()):
        start, end = end, end + 4 * tensor.numel()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [start, end]}
    described = len(json.dumps(header, separators=(",", ":")).encode())
    return 8 + described + -described % 8 + end


def _bytes(tensors: Tensors) -> int:
    """Return the bytes of a file with tensors of these shapes and types, by writing one."""
    if not tensors:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "adapter.safetensors"
        safetensors.torch.save_file({name: torch.zeros(t.shape, dtype=t.dtype) for name, t in tensors.items()}, file)
        return file.stat().st_size
