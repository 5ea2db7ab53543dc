"""peft's VeRA: each module has d and b, as here; A and B of all modules are saved, or drawn again from a seed."""

from typing import Any

import torch

from benchmarks.errors import SuiteError
from benchmarks.models.peft import folder
from benchmarks.models.peft.folder import MODEL, SHARED, Count, take
from methods.base import Site, Tensors
from methods.vera import VeRA

PEFT_TYPE = "VERA"
MARK = ".vera_lambda_"
HARMLESS = ("init_weights",)
_KINDS = {"d": "vera_lambda_d", "b": "vera_lambda_b"}


class Config(folder.Config):
    """The rank, and what A and B are drawn from; ``save_projection`` says whether the file holds them too."""

    r: Count
    d_initial: float
    projection_prng_key: int
    save_projection: bool
    vera_dropout: float


def settings(method: VeRA) -> dict[str, Any]:
    """Return what peft's config says of the method."""
    return {
        "r": method.rank,
        "d_initial": method.d_initial,
        "projection_prng_key": method.projection_seed,
        "vera_dropout": method.dropout,
    }


def write(method: VeRA, trained: Tensors, frozen: Tensors, sites: list[Site]) -> tuple[dict[str, Any], Tensors]:
    """Return settings and tensors, including A and B."""
    tensors = {f"{SHARED}vera_{side}": frozen[side] for side in ("A", "B")}
    for site in sites:
        for ours, theirs in _KINDS.items():
            tensors[f"{MODEL}{site.name}.{theirs}"] = trained[f"{site.name}.{ours}"]
    return settings(method) | {"save_projection": True}, tensors


def read(config: Config, tensors: Tensors, sites: list[Site]) -> tuple[VeRA, Tensors]:
    """Return the method, and d and b of every site. Raises SuiteError for an A or B that its seed does not give here.

    The suite does not save A and B; it draws them again.
    """
    method = VeRA(
        rank=config.r,
        d_initial=config.d_initial,
        projection_seed=config.projection_prng_key,
        dropout=config.vera_dropout,
    )
    if config.save_projection:
        for side, drawn in method.frozen(sites).items():
            saved = take(tensors, f"{SHARED}vera_{side}", *drawn.shape).float()
            # peft computes the bound of the draw in another order, which moves the last bit.
            if not torch.allclose(saved, drawn, rtol=1e-6, atol=0.0):
                raise SuiteError(
                    f"vera_{side} is not what projection_prng_key={method.projection_seed} draws for these modules in "
                    "float32; the suite draws it again instead of saving it, so it cannot read this adapter"
                )
    trained = {}
    for site in sites:
        for (ours, theirs), size in zip(_KINDS.items(), (method.rank, site.out_features), strict=True):
            trained[f"{site.name}.{ours}"] = take(tensors, f"{MODEL}{site.name}.{theirs}", size)
    return method, trained
