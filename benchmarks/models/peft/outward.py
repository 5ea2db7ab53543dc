"""Writes a run's adapter for peft: as a plain LoRA, or in peft's own format of the method."""

from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

import methods
from benchmarks.errors import SuiteError
from benchmarks.models import saved
from benchmarks.models.peft import folder, formats
from benchmarks.models.peft.folder import MODEL
from benchmarks.models.saved import Opened, Saved
from methods.base import Factors, Method, Site, Tensors

_BY_HAND = "open the run with benchmarks.models.saved.load, and save its model with save_pretrained"


def to_peft(run: Saved, cache: Path, out: Path) -> list[str]:
    """Write any method's factors as a plain LoRA whose scale is 1, and return what its reader must know.

    C and v are multiplied into B. The parts of one module become one LoRA whose rank is the sum of theirs. Everything
    is in float32, so the product differs from the run's by rounding. Raises SuiteError for a run without factors, or
    whose factors are more than a product of low rank.
    """
    _check(run)
    if beyond := _beyond_a_product(methods.find()[run.method]):
        instead = "--to peft-native writes peft's own format of it" if run.method in _native() else _BY_HAND
        raise SuiteError(f"method {run.method} {beyond}, which a plain LoRA cannot: {instead}")
    opened = saved.load(run, cache)
    factors = opened.method.factors(opened.trained, opened.frozen, opened.sites)
    modules: dict[str, list[Site]] = {}
    for site in opened.sites:
        modules.setdefault(site.module or site.name, []).append(site)
    ranks, tensors = {}, {}
    for name, sites in modules.items():
        A, B = _joined(sites, factors, _outputs(opened.model.get_submodule(name)))
        ranks[name] = len(A)
        tensors[f"{MODEL}{name}.lora_A.weight"] = A
        tensors[f"{MODEL}{name}.lora_B.weight"] = B
    usual = max(ranks.values(), key=list(ranks.values()).count)
    others = {name: rank for name, rank in ranks.items() if rank != usual}
    settings = {
        "peft_type": "LORA",
        "r": usual,
        "lora_alpha": usual,
        "rank_pattern": others,
        "alpha_pattern": others,
        "lora_dropout": opened.method.dropout,
        "bias": "none",
    }
    folder.write(out, settings | _common(run, opened, list(modules)), tensors | _head(opened))
    return _cautions(opened, list(modules))


def to_peft_native(run: Saved, cache: Path, out: Path) -> list[str]:
    """Write peft's own format of the run's method, and return what its reader must know.

    Raises SuiteError where peft has none, or cannot hold the run.
    """
    _check(run)
    native = _native()
    instead = _BY_HAND if _beyond_a_product(methods.find()[run.method]) else "--to peft writes it as a plain LoRA"
    if run.method not in native:
        raise SuiteError(
            f"peft has no format of its own for method {run.method}, only for {', '.join(native)}: {instead}"
        )
    opened = saved.load(run, cache)
    if parts := [site.name for site in opened.sites if site.module]:
        raise SuiteError(
            f"peft's {run.method} adapts a module as a whole, and this run adapts parts of one, such as {parts[0]}: "
            f"{instead}"
        )
    form = native[run.method]
    settings, tensors = form.write(opened.method, opened.trained, opened.frozen, opened.sites)
    modules = [site.name for site in opened.sites]
    settings |= _common(run, opened, modules) | {"peft_type": form.PEFT_TYPE}
    folder.write(out, settings, tensors | _head(opened))
    return _cautions(opened, modules)


def _cautions(opened: Opened, modules: list[str]) -> list[str]:
    """Say of each adapted module whose weight another one uses too what merging would change there."""
    users: dict[int, list[str]] = {}
    for name, module in opened.model.named_modules():
        users.setdefault(id(getattr(module, "weight", module)), []).append(name)
    cautions = []
    for name in modules:
        if others := [user for user in users[id(opened.model.get_submodule(name).weight)] if user != name]:
            cautions.append(
                f"{name} shares its weight with {', '.join(others)}, which merging this adapter would change too: "
                "use it unmerged"
            )
    return cautions


def _check(run: Saved) -> None:
    method = methods.find()[run.method]
    if method.trains_backbone:
        raise SuiteError(f"method {run.method} trains the whole backbone and has no low-rank factors: {_BY_HAND}")
    if not method.adapts_sites:
        raise SuiteError(
            f"method {run.method} adapts no linear map, so there is nothing to export: take a run that does"
        )
    if run.backbone["random"]:
        raise SuiteError(
            f"{run.directory} adapts random weights, which are not in any file that peft could load: "
            "take a run on a backbone that has files"
        )


def _native() -> dict[str, ModuleType]:
    """Return the formats of the methods that peft does not keep as a plain LoRA, by the method's name."""
    return {name: form for name, form in formats.find().items() if hasattr(form, "write")}


def _beyond_a_product(method: type[Method]) -> str | None:
    """Return what a method does that no product of low rank can do."""
    if method.scales:
        return "scales what a map computes"
    if method.dense:
        return "changes a map by a dense matrix"
    return None if method.low_rank else "changes biases alone"


def _joined(sites: list[Site], factors: dict[str, Factors], outputs: int) -> tuple[Tensor, Tensor]:
    """Return A (R, d_in) and B (outputs, R) of a module, R the sum of its sites' ranks."""
    A = torch.cat([factors[site.name].A for site in sites])
    B, start = A.new_zeros(outputs, len(A)), 0
    for site in sites:
        folded = _folded(factors[site.name])
        B[site.start : site.start + site.out_features, start : start + folded.shape[1]] = folded
        start += folded.shape[1]
    return A, B


def _folded(factors: Factors) -> Tensor:
    """Return v * (B C), (d_out, r)."""
    B = factors.B
    if factors.C is not None:
        B = B * factors.C if factors.C.ndim == 1 else B @ factors.C
    return B if factors.v is None else factors.v[:, None] * B


def _outputs(module: nn.Module) -> int:
    return module.weight.shape[1] if isinstance(module, Conv1D) else module.out_features


def _common(run: Saved, opened: Opened, modules: list[str]) -> dict[str, Any]:
    """Return the settings of adapter_config.json that every method has."""
    head = run.backbone["head"]
    path = run.backbone["path"]
    on_disk = path.startswith("package:") or Path(path).exists()
    return {
        "base_model_name_or_path": str(opened.directory.absolute()) if on_disk else path,
        "task_type": "SEQ_CLS" if head else "CAUSAL_LM",
        "inference_mode": True,
        "target_modules": modules,
        "modules_to_save": head or None,
        "fan_in_fan_out": any(isinstance(opened.model.get_submodule(name), Conv1D) for name in modules),
    }


def _head(opened: Opened) -> Tensors:
    return {f"{MODEL}{name}": tensor for name, tensor in opened.head.items()}
