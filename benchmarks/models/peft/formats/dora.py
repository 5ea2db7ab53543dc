"""peft's DoRA: LoRA's A (r, d_in) and B (d_out, r) of each module, and its magnitudes m (d_out) as they are.

The suite holds what m differs from the norms of W's rows by.
"""

from typing import Annotated, Any

import pydantic
from torch import Tensor

from benchmarks.models.peft import folder
from benchmarks.models.peft.folder import MODEL, Count, take
from benchmarks.models.peft.formats import lora
from methods.base import Site, Tensors
from methods.dora import DoRA

PEFT_TYPE = "LORA"
FLAG = "use_dora"
MARK = ".lora_"
HARMLESS = lora.HARMLESS


class Config(folder.Config):
    """Rank and alpha, which all modules share."""

    r: Count
    lora_alpha: Annotated[float, pydantic.Field(gt=0)]
    lora_dropout: float
    use_dora: bool
    init_lora_weights: bool | str | None = True


def settings(method: DoRA) -> dict[str, Any]:
    """Return what peft's config says of the method."""
    return {"r": method.rank, "lora_alpha": method.alpha, "lora_dropout": method.dropout, FLAG: True}


def write(method: DoRA, trained: Tensors, frozen: Tensors, sites: list[Site]) -> tuple[dict[str, Any], Tensors]:
    """Return settings and tensors."""
    tensors = {}
    for site in sites:
        module = f"{MODEL}{site.name}"
        tensors[f"{module}.lora_A.weight"] = trained[f"{site.name}.A"]
        tensors[f"{module}.lora_B.weight"] = trained[f"{site.name}.B"]
        tensors[f"{module}.lora_magnitude_vector"] = _norms(site) + trained[f"{site.name}.m"]
    return settings(method), tensors


def read(config: Config, tensors: Tensors, sites: list[Site]) -> tuple[DoRA, Tensors]:
    """Return the method, and A, B and the change of m of every site."""
    lora.check_start(config.init_lora_weights)
    trained = {}
    for site in sites:
        module = f"{MODEL}{site.name}"
        trained[f"{site.name}.A"] = take(tensors, f"{module}.lora_A.weight", config.r, site.in_features)
        trained[f"{site.name}.B"] = take(tensors, f"{module}.lora_B.weight", site.out_features, config.r)
        magnitudes = take(tensors, f"{module}.lora_magnitude_vector", site.out_features)
        trained[f"{site.name}.m"] = magnitudes.float() - _norms(site)
    return DoRA(rank=config.r, alpha=config.lora_alpha, dropout=config.lora_dropout), trained


def _norms(site: Site) -> Tensor:
    return site.weight().norm(dim=1)
