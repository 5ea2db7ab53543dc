"""The bytes of an adapter's file are known before it is written."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
import transformers

from benchmarks.models import counting
from methods.base import Method, Tensors
from methods.full import Full
from methods.sites import find_sites
from methods.vb_lora import VBLoRA


@pytest.mark.parametrize(
    "method",
    [
        VBLoRA(rank=2, vectors=12, vector_length=32, topk=2),
        VBLoRA(rank=2, vectors=300, vector_length=32, topk=3),  # whose indices are no bytes
        Full(),
    ],
)
def test_a_files_bytes_are_counted_without_writing_it(method: Method, bert: Path, tmp_path: Path) -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(bert)
    sites = find_sites(model, ["query", "value"], ["classifier"]) if method.adapts_sites else []
    counts = counting.count(method, model, ["classifier"], sites)
    head = counting.head_of(model, ["classifier"])
    backbone = {name: p for name, p in model.named_parameters() if name not in head}
    adapter = backbone if method.trains_backbone else method.pack(method.init(sites, torch.Generator()))
    assert (counts.adapter_bytes, counts.head_bytes) == (size(adapter, tmp_path), size(head, tmp_path))


def test_so_are_those_of_whatever_a_method_of_ones_own_packs(tmp_path: Path) -> None:
    """Of every type, the names against the types' order, and sizes whose places differ in their number of digits."""
    tensors = {f"{99 - n}": torch.zeros(7 ** (n % 5), dtype=dtype) for n, dtype in enumerate(counting._DTYPES)}
    assert counting._bytes(tensors) == size(tensors, tmp_path)


def size(tensors: Tensors, folder: Path) -> int:
    safetensors.torch.save_file({n: t.detach().clone() for n, t in tensors.items()}, folder / "a.safetensors")
    return (folder / "a.safetensors").stat().st_size
