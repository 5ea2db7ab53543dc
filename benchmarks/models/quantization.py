"""Backbones whose linear maps are held in 4 or 8 bits by bitsandbytes, as QLoRA does (arXiv 2305.14314)."""

import logging
from types import ModuleType
from typing import Any

import torch
from torch import nn

from benchmarks.errors import SuiteError

_SETTINGS: dict[str, dict[str, Any]] = {
    "nf4": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
    "int8": {"load_in_8bit": True},
}
_DESCRIBED = {"nf4": "nf4, double quantisation", "int8": "int8"}


def check(kind: str | None) -> None:
    """Raise SuiteError for an unknown kind, or where bitsandbytes is not installed. None: no quantisation."""
    if kind is not None and kind not in _SETTINGS:
        raise SuiteError(f"backbone.quantization={kind} is unknown; known: {', '.join(_SETTINGS)}, none")
    if kind is not None:
        library()


def settings(kind: str | None, precision: str, device: torch.device, head: list[str]) -> dict[str, Any]:
    """Return the arguments of ``from_pretrained`` that quantise while it loads; products are in ``precision``.

    ``precision`` is fp32 or bf16. The ``head`` that runs train is not quantised; a language model's never is.
    """
    if kind is None:
        return {}
    from transformers import BitsAndBytesConfig  # slow to import, and most runs do without

    chosen = dict(_SETTINGS[kind], llm_int8_skip_modules=head or None)  # for both kinds, despite the name
    if kind == "nf4":
        chosen["bnb_4bit_compute_dtype"] = torch.bfloat16 if precision == "bf16" else torch.float32
    return {"quantization_config": BitsAndBytesConfig(**chosen), "device_map": {"": device}}


def keep_layout(model: nn.Module) -> None:
    """Keep the layout of the weights when the model answers.

    On a CPU with bf16 units bitsandbytes would rearrange them for a product that has no gradient, so that training
    could not go on after the first epoch's scores.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def describe(kind: str | None) -> str | None:
    """Return how a record describes a kind."""
    return None if kind is None else f"{_DESCRIBED[kind]}, bitsandbytes {library().__version__}"


def be_quiet() -> None:
    """Keep bitsandbytes, when it is imported, from announcing kernels that it would fetch from the hub."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def library() -> ModuleType:
    """Return bitsandbytes, which only the extra ``quantization`` installs."""
    be_quiet()
    try:
        import bitsandbytes  # slow to import, and most runs do without
    except ImportError as error:
        raise SuiteError(
            f"bitsandbytes, which quantises backbones, cannot be imported ({error}): "
            "pip install --constraint constraints.txt '.[quantization]'"
        ) from error
    return bitsandbytes
