"""Backbones whose linear maps are held in 4 or 8 bits by bitsandbytes, as QLoRA does (arXiv 2305.14314)."""

import logging
from types import ModuleType
from typing import Any

import torch
import transformers
from torch import nn

from benchmarks.errors import SuiteError

_SETTINGS: dict[str, dict[str, Any]] = {
    "nf4": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
    "int8": {"load_in_8bit": True},
}
_DESCRIBED = {"nf4": "nf4, double quantisation", "int8": "int8"}


def check(kind: str | None) -> None:
    """Raise SuiteError for a kind that there is none of, or where bitsandbytes is not installed."""
    if kind is not None and kind not in _SETTINGS:
        raise SuiteError(f"backbone.quantization={kind} is unknown: {', '.join(_SETTINGS)} are there, and none")
    if kind is not None:
        library()


def settings(kind: str | None, precision: str, device: torch.device, head: list[str]) -> dict[str, Any]:
    """Return what transformers must be told to quantise while it loads; products are computed in ``precision``.

    The ``head`` that runs train stays as it is; that of a language model does so anyway.
    """
    if kind is None:
        return {}
    own = dict(_SETTINGS[kind], llm_int8_skip_modules=head or None)  # of both kinds, whatever it is called
    if kind == "nf4":
        own["bnb_4bit_compute_dtype"] = torch.bfloat16 if precision == "bf16" else torch.float32
    return {"quantization_config": transformers.BitsAndBytesConfig(**own), "device_map": {"": device}}


def keep_layout(model: nn.Module) -> None:
    """Keep the weights as they are when the model answers.

    On a CPU with bf16 units bitsandbytes would lay them out anew, for a product that has no gradient: training would
    not go on after the first epoch's scores.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


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
