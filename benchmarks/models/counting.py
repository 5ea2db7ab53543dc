"""Counts what a run trains and stores, with the ``init`` and ``pack`` that training and saving use."""

import json

import torch
from torch import nn

from benchmarks.records.schema import Parameters
from methods.base import Method, Site, Tensors

# As a safetensors file's header calls them, in the order in which the file has its tensors.
_DTYPES = {
    torch.uint64: "U64",
    torch.int64: "I64",
    torch.float64: "F64",
    torch.float32: "F32",
    torch.uint32: "U32",
    torch.int32: "I32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.uint16: "U16",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_ORDER = list(_DTYPES)


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
        adapter_bytes=_bytes(initial if method.trains_backbone else method.pack(initial)),
        head_bytes=_bytes(heads),
    )


def head_of(model: nn.Module, names: list[str]) -> Tensors:
    """Return the parameters of a model's head by their names in the model; ``names`` are those of its modules."""
    return {f"{name}.{k}": p for name in names for k, p in model.get_submodule(name).named_parameters()}


def _bytes(tensors: Tensors) -> int:
    """Return the bytes that a safetensors file with such tensors has; a whole backbone's would be slow to write."""
    header, end = {}, 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (_ORDER.index(item[1].dtype), item[0])):
        start, end = end, end + tensor.dtype.itemsize * tensor.numel()
        header[name] = {"dtype": _DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    described = len(json.dumps(header, separators=(",", ":")).encode())
    return 8 + described + -described % 8 + end if header else 0
