"""Finds the linear maps of a model that a list of targets names."""

import difflib
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from methods.base import MethodError, Site

Fused = Mapping[str, Sequence[str]]

# What transformers calls the maps that one module applies to the same activations.
_SHARING = (
    ("query", "key", "value"),
    ("q_proj", "k_proj", "v_proj"),
    ("q_lin", "k_lin", "v_lin"),
    ("gate_proj", "up_proj"),
)


def find_sites(
    model: nn.Module, targets: list[str], exclude: list[str], fused: Fused | None = None, norms: bool = False
) -> list[Site]:
    """Return a site for every linear map whose name ends with one of ``targets``, in the model's order.

    ``fused`` names the maps, all of one size, that one module computes side by side: with ``{"c_attn": ["q", "k",
    "v"]}`` they are ``c_attn.q``, ``c_attn.k`` and ``c_attn.v``. Modules whose name contains one in ``exclude``, such
    as the head, are never sites. With ``norms``, LayerNorms with a bias are found too. Raises MethodError for a target
    that names no linear map, with the names that exist.
    """
    sites = list(_maps(model, exclude, fused or {}, norms))
    for target in targets:
        if not any(_ends_with(site.name, target) for site in sites):
            existing = sorted({without_layer(site.name) for site in sites})
            if not existing:
                raise MethodError(f"target '{target}' names no linear map: this backbone has no nn.Linear or Conv1D")
            nearest = difflib.get_close_matches(target, existing, n=1, cutoff=0.0)
            raise MethodError(
                f"target '{target}' names no linear map of this backbone; nearest: '{nearest[0]}'; "
                f"existing: {', '.join(existing)}"
            )
    return [site for site in sites if any(_ends_with(site.name, target) for target in targets)]


def weight_view(module: nn.Module, start: int, outputs: int) -> Tensor:
    """Return the rows of a linear map's W for ``outputs`` outputs from ``start`` on, (outputs, in_features).

    They share the module's memory: writing to them changes the map.
    """
    weight = module.weight.detach()
    return (weight.mT if _is_conv1d(module) else weight)[start : start + outputs]


def _maps(model: nn.Module, exclude: list[str], fused: Fused, norms: bool) -> Iterator[Site]:
    for name, module in model.named_modules():
        if any(f".{part}." in f".{name}." for part in exclude):
            continue
        if norms and isinstance(module, nn.LayerNorm) and module.bias is not None:
            yield _site(name, name, module, 0, len(module.bias), len(module.bias))
        if not isinstance(module, nn.Linear) and not _is_conv1d(module):
            continue
        inputs, outputs = module.weight.shape if _is_conv1d(module) else (module.in_features, module.out_features)
        parts = next((parts for end, parts in fused.items() if _ends_with(name, end)), [""])
        if outputs % len(parts):
            raise MethodError(
                f"the {outputs} outputs of {name} cannot be divided into {len(parts)} equal maps: {', '.join(parts)}"
            )
        width = outputs // len(parts)
        for number, part in enumerate(parts):
            yield _site(f"{name}.{part}".removesuffix("."), name, module, number * width, width, inputs)


def _site(name: str, owner: str, module: nn.Module, start: int, outputs: int, inputs: int) -> Site:
    def weight() -> Tensor:
        if is_quantised(module):
            return _dequantised(module, inputs)[start : start + outputs].float()
        return weight_view(module, start, outputs).float()

    def bias() -> Tensor | None:
        return None if module.bias is None else module.bias.detach()[start : start + outputs].float()

    return Site(name, inputs, outputs, weight, owner if owner != name else "", start, bias)


def share_their_input(modules: Sequence[str]) -> list[list[str]]:
    """Return the names of modules by what they are applied to, as far as their names tell: q, k and v of one layer."""
    together: dict[tuple[str, int], list[str]] = {}
    for name in modules:
        parent, _, own = name.rpartition(".")
        number = next((number for number, names in enumerate(_SHARING) if own in names), -1)
        together.setdefault((parent if number >= 0 else name, number), []).append(name)
    return list(together.values())


def frozen_weight(module: nn.Module) -> Tensor | None:
    """Return W (out_features, in_features) of a frozen map that computes W x + bias and no more; None of any other."""
    if module.weight.requires_grad:
        return None
    if type(module).forward is nn.Linear.forward:
        return module.weight
    plain = _is_conv1d(module) and module.weight.is_floating_point()
    return module.weight.mT if plain else None


def is_quantised(module: nn.Module) -> bool:
    """Say whether a linear map holds its weight as integers that encode other numbers."""
    return not module.weight.is_floating_point()


@torch.no_grad()
def _dequantised(module: nn.Module, inputs: int) -> Tensor:
    """Return the W that a quantised map computes with: its outputs for the unit vectors, minus its bias."""
    units = torch.eye(inputs, device=module.weight.device)
    made = type(module).forward(module, units)  # the module itself may add an adapter
    return (made if module.bias is None else made - module.bias).mT


def _is_conv1d(module: nn.Module) -> bool:
    """Say whether a module is GPT-2's kind of linear map, whose weight is (in_features, out_features)."""
    return type(module).__name__ == "Conv1D"


def _ends_with(name: str, target: str) -> bool:
    return f".{name}".endswith(f".{target}")


def without_layer(name: str) -> str:
    """Return what follows the number of the layer: "attention.query" for ``encoder.layer.0.attention.query``."""
    parts = name.split(".")
    numbers = [i for i, part in enumerate(parts) if part.isdigit()]
    return ".".join(parts[numbers[-1] + 1 :]) if numbers else name
