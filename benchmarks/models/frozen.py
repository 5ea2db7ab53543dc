"""What a method freezes, kept on disk where it takes long to compute."""

import json
from pathlib import Path

import safetensors.torch
import torch

from benchmarks.models.adapter_files import to_bytes
from benchmarks.records import store
from benchmarks.records.files import kept
from methods.base import Method, Site, Tensors


def frozen(
    method: Method,
    name: str,
    sites: list[Site],
    cache: Path,
    fingerprint: str,
    quantization: str | None,
    precision: str,
) -> Tensors:
    """Return the tensors that a method freezes; those that depend on the sites' weights are computed once.

    They are kept below ``cache``, in a file that is bound to all that they depend on: the method, by its ``name``
    and hyperparameters; the backbone's ``fingerprint``; how it is quantised, as ``quantization.describe`` says, and
    the ``precision`` that a quantised map computes in; the sites; the version of torch.
    """
    if method.frozen_from_weights is None:
        return method.frozen(sites) if sites else {}
    made_for = {
        "method": name,
        "hyperparameters": [getattr(method, field) for field in method.frozen_from_weights],
        "backbone": fingerprint,
        "quantization": quantization,
        "precision": precision if quantization else None,
        "sites": [site.name for site in sites],
        "torch": torch.__version__,
    }
    path = cache / "frozen" / f"{store.identity_of(made_for)}.tensors"
    return safetensors.torch.load(kept(path, json.dumps(made_for), lambda: to_bytes(method.frozen(sites))))
