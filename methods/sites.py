"""Finding the linear maps of a model that a list of targets names."""

import difflib
from functools import partial

from torch import Tensor, nn

from methods.base import MethodError, Site


def _weight(module: nn.Linear) -> Tensor:
    return module.weight.detach().float()


def find_sites(model: nn.Module, targets: list[str], exclude: list[str]) -> list[Site]:
    """Return the sites of every linear map whose name ends with one of ``targets``, in the model's order.

    Modules below a name that ``exclude`` holds (the head) are never sites. Raises MethodError for a target that names
    no linear map, with the names that exist.
    """
    linear = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and not any(f".{part}." in f".{name}." for part in exclude)
    }
    for target in targets:
        if not any(_ends_with(name, target) for name in linear):
            existing = sorted({_without_layer(name) for name in linear})
            if not existing:
                raise MethodError(f"target '{target}' names no linear map: this backbone has none (nn.Linear)")
            nearest = difflib.get_close_matches(target, existing, n=1, cutoff=0.0)
            raise MethodError(
                f"target '{target}' names no linear map of this backbone; nearest: '{nearest[0]}'; "
                f"there are: {', '.join(existing)}"
            )
    return [
        Site(name, module.in_features, module.out_features, partial(_weight, module))
        for name, module in linear.items()
        if any(_ends_with(name, target) for target in targets)
    ]


def _ends_with(name: str, target: str) -> bool:
    return f".{name}".endswith(f".{target}")


def _without_layer(name: str) -> str:
    """Return what follows the layer's number: ``encoder.layer.0.attention.self.query`` -> ``attention.self.query``."""
    parts = name.split(".")
    numbers = [i for i, part in enumerate(parts) if part.isdigit()]
    return ".".join(parts[numbers[-1] + 1 :]) if numbers else name
