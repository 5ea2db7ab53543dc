"""Backbones whose linear maps are held in 4 or 8 bits by bitsandbytes, as QLoRA does (arXiv 2305.14314)."""

import logging
from types import ModuleType
from typing import Any

import torch
import transformers

from benchmarks.errors import SuiteError

_SETTINGS: dict[str, dict[str, Any]] = {
    "nf4": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
    "int8": {"load_in_8bit": True},
}
_DESCRIBED = {"nf4": "nf4, double quantisation", "int8": "int8"}


def check(kind: str | None) -> None:
    """Raise SuiteError for a kind that there is none of, or where bitsandbytes is not installed."""
    if kind is not None and kind not in _SETTINGS:
        raise SuiteError(
            f"backbone.quantization={kind} is unknown: {', '.join(_SETTINGS)} are there, and null for none"
        )
    if kind is not None:
        library()


def settings(kind: str, precision: str) -> transformers.BitsAndBytesConfig:
    """Return how transformers quantises while it loads; products are computed in ``precision``."""
    own = dict(_SETTINGS[kind])
    if kind == "nf4":
        own["bnb_4bit_compute_dtype"] = torch.bfloat16 if precision == "bf16" else torch.float32
    return transformers.BitsAndBytesConfig(**own)


def describe(kind: str | None) -> str | None:
    """Return what a record says of a kind."""
    return None if kind is None else f"{_DESCRIBED[kind]}, bitsandbytes {library().__version__}"


def library() -> ModuleType:
    """Return bitsandbytes, which is an extra."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells of kernels that it would fetch from the hub
    try:
        import bitsandbytes  # here, for it is slow to import and most runs do without
    except ImportError as error:
        raise SuiteError(
            f"bitsandbytes, which quantises backbones, cannot be imported ({error}): "
            "pip install --constraint constraints.txt '.[quantization]'"
        ) from error
    return bitsandbytes
