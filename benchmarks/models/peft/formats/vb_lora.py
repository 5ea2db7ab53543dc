"""peft's VB-LoRA: the bank, and for each module logits (r, d_in / b, h) of A and (d_out / b, r, h) of B.

Instead of logits there may be their top-k indices (..., k) and all but the last of their weights (..., k - 1), as the
suite packs them too. In the suite the sub-vectors of all sites are one axis n: a site's A row by row, then its B column
by column.
"""

from typing import Any

import torch
from torch import Tensor

from benchmarks.models.peft import folder
from benchmarks.models.peft.folder import MODEL, SHARED, Count, take
from methods.base import Site, Tensors
from methods.vb_lora import VBLoRA

PEFT_TYPE = "VBLORA"
MARK = ".vblora_logits_"
HARMLESS = ("save_only_topk_weights", "init_vector_bank_bound", "init_logits_std")
_BANK = f"{SHARED}vblora_vector_bank"
_INDICES, _WEIGHTS = "_topk_indices", "_topk_weights"


class Config(folder.Config):
    """The bank's size, and how many sub-vectors each module has."""

    r: Count
    num_vectors: Count
    vector_length: Count
    topk: Count
    vblora_dropout: float


def settings(method: VBLoRA) -> dict[str, Any]:
    """Return what peft's config says of the method."""
    return {
        "r": method.rank,
        "num_vectors": method.vectors,
        "vector_length": method.vector_length,
        "topk": method.topk,
        "vblora_dropout": method.dropout,
    }


def write(method: VBLoRA, trained: Tensors, frozen: Tensors, sites: list[Site]) -> tuple[dict[str, Any], Tensors]:
    """Return settings and tensors, with the logits packed, as an adapter of the suite has them."""
    packed = method.pack(trained)
    tensors = {_BANK: packed["vector_bank"]}
    # peft uses bytes for fewer than 256 vectors, and signed numbers beyond that.
    indices = packed["topk_indices"].to(torch.uint8 if method.vectors < 2**8 else torch.int32)
    for suffix, packs in ((_INDICES, indices), (_WEIGHTS, _within_one(packed["topk_weights"]))):
        rest = iter(packs.split([n for site in sites for n in _tiles(method, site)]))
        for site in sites:
            A, B = next(rest), next(rest)
            tensors[f"{MODEL}{site.name}.vblora_logits_A{suffix}"] = A.unflatten(0, (method.rank, -1))
            tensors[f"{MODEL}{site.name}.vblora_logits_B{suffix}"] = B.unflatten(0, (method.rank, -1)).swapaxes(0, 1)
    return settings(method) | {"save_only_topk_weights": True}, tensors


def read(config: Config, tensors: Tensors, sites: list[Site]) -> tuple[VBLoRA, Tensors]:
    """Return the method, and the bank (h, b) and logits (n, h)."""
    method = VBLoRA(
        rank=config.r,
        vectors=config.num_vectors,
        vector_length=config.vector_length,
        topk=config.topk,
        dropout=config.vblora_dropout,
    )
    bank, rows = take(tensors, _BANK, method.vectors, method.vector_length), []
    for site in sites:
        name, rank = f"{MODEL}{site.name}.vblora_logits_", method.rank
        wide, tall = (n // rank for n in _tiles(method, site))
        rows.append(_logits(method, bank, tensors, f"{name}A", (rank, wide)).flatten(0, 1))
        rows.append(_logits(method, bank, tensors, f"{name}B", (tall, rank)).swapaxes(0, 1).flatten(0, 1))
    return method, {"vector_bank": bank, "logits": torch.cat(rows)}


def _logits(method: VBLoRA, bank: Tensor, tensors: Tensors, name: str, shape: tuple[int, int]) -> Tensor:
    """Return the logits (*shape, h) of a module's A or B, read as they are or from their top-k indices and weights."""
    if name + _INDICES not in tensors:
        return take(tensors, name, *shape, method.vectors)
    indices = take(tensors, name + _INDICES, *shape, method.topk)
    weights = take(tensors, name + _WEIGHTS, *shape, method.topk - 1).float()
    packed = {"vector_bank": bank, "topk_indices": indices.flatten(0, 1), "topk_weights": weights.flatten(0, 1)}
    return method.unpack(packed)["logits"].unflatten(0, shape)


def _within_one(weights: Tensor) -> Tensor:
    """Lower the largest weight where rounding makes the sum exceed 1: peft takes the logarithm of 1 minus the sum."""
    excess = (weights.sum(-1, keepdim=True) - 1.0).clamp_min(0.0)
    return torch.cat([weights[:, :1] - 2 * excess, weights[:, 1:]], 1) if weights.shape[1] else weights


def _tiles(method: VBLoRA, site: Site) -> tuple[int, int]:
    """Return how many sub-vectors a site's A and B have."""
    return tuple(method.rank * side // method.vector_length for side in (site.in_features, site.out_features))
