"""VB-LoRA: Li, Han and Ji, NeurIPS 2024, arXiv 2405.15179, equations 2 to 4.

Every column of B and every row of A of every site is a concatenation of sub-vectors of length b. A sub-vector is a
top-k softmax admixture of the vector bank B = {alpha_1 .. alpha_h}, which all sites share: it has logits sigma (h), and
is u = sum over the k largest logits of softmax(sigma restricted to them) times their bank vectors.
Trained: the bank (h, b) and the logits (n, h) of all n = sum over sites of r (d_in + d_out) / b sub-vectors, each with
its own learning rate. Initialisation: bank U(-0.02, 0.02), logits N(0, 0.01), where 0.01 is the standard deviation, as
in the authors' code: the change is small at the start, but not zero.
Stored: the bank, and k indices and k - 1 weights for each sub-vector; the last weight is 1 minus the others. The paper
counts numbers of 32 bits: an index is a byte where h <= 256, and a whole number beyond.
The other ways to select, from the paper's ablation, are for training alone: a run answers, and is stored, with the
top-k of the same logits. Deviation: the noise of noisy top-k (Shazeer et al., arXiv 1701.06538) is standard normal;
theirs has a learnt scale, and the VB-LoRA paper states none.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from methods.base import Factors, Method, MethodError, Site, Tensors

_TEMPERATURE = 1 / 3  # in both Gumbel softmaxes, as in the paper


def top_k(logits: Tensor, bank: Tensor, k: int) -> Tensor:
    """Return sub-vectors (n, b): logits (n, h) select and weight k vectors of the bank (h, b). k = h takes all."""
    top, indices = logits.topk(k)
    return (top.softmax(-1)[..., None] * bank[indices]).sum(-2)


def noisy_top_k(logits: Tensor, bank: Tensor, k: int, uniform: Tensor) -> Tensor:
    """Return the top-k sub-vectors of logits plus standard normal noise; ``uniform``: (n, h) in (0, 1)."""
    return top_k(logits + torch.special.ndtri(uniform), bank, k)


def gumbel_softmax(logits: Tensor, bank: Tensor, k: int, uniform: Tensor) -> Tensor:
    """Return sub-vectors of the whole bank, weighted by softmax((sigma + g) / tau) with Gumbel noise g."""
    return _gumbel_weights(logits, uniform) @ bank


def straight_through(logits: Tensor, bank: Tensor, k: int, uniform: Tensor) -> Tensor:
    """Return the bank vector that Gumbel softmax weights most; the logits get the gradient of its weights."""
    soft = _gumbel_weights(logits, uniform)
    hard = torch.zeros_like(soft).scatter(-1, soft.argmax(-1, keepdim=True), 1.0)
    return (hard + (soft - soft.detach())) @ bank


def _gumbel_weights(logits: Tensor, uniform: Tensor) -> Tensor:
    return ((logits - (-uniform.log()).log()) / _TEMPERATURE).softmax(-1)


SELECTIONS = {"noisy_topk": noisy_top_k, "gumbel_softmax": gumbel_softmax, "straight_through": straight_through}

_BANK, _SUB_VECTORS = "vectors * vector_length", "rank * sides / vector_length"


@dataclass(frozen=True)
class VBLoRA(Method):
    """Trains h b + n h numbers and stores h b + n (2 k - 1), with indices counted as said above."""

    starts_at_zero: ClassVar[bool] = False
    formula: ClassVar[str] = f"{_BANK} + {_SUB_VECTORS} * (topk * (1 / 4 if vectors <= 256 else 1) + topk - 1)"
    readings: ClassVar[dict[str, str]] = {
        "k indices as bytes, and no weight": f"{_BANK} + {_SUB_VECTORS} * topk / 4",
        "k indices as bytes, k - 1 weights": f"{_BANK} + {_SUB_VECTORS} * (topk / 4 + topk - 1)",
        "k indices as numbers, k - 1 weights": f"{_BANK} + {_SUB_VECTORS} * (2 * topk - 1)",
        "k indices of 64 bits, k weights": f"{_BANK} + {_SUB_VECTORS} * 3 * topk",
    }
    rank: int
    vectors: int
    vector_length: int
    topk: int
    dropout: float = 0.0
    selection: str | None = None  # in training steps; None: top-k, which is the paper's method

    def __post_init__(self) -> None:
        """Check the sub-vectors' length, that the bank holds k vectors, and the selection."""
        super().__post_init__()
        if self.vector_length < 1:
            raise MethodError(f"vector_length must be at least 1, got {self.vector_length}")
        if not 1 <= self.topk <= self.vectors:
            raise MethodError(f"topk must be from 1 to {self.vectors}, the vectors in the bank, got {self.topk}")
        if self.selection not in (None, *SELECTIONS):
            raise MethodError(f"selection must be {', '.join(SELECTIONS)}, or null for top-k, got {self.selection}")

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return vector_bank (h, b) and logits (n, h); a site's n are A's row by row, then B's column by column."""
        common = math.gcd(*(side for s in sites for side in (s.in_features, s.out_features)))
        if common % self.vector_length:
            lengths = ", ".join(str(n) for n in range(1, common + 1) if common % n == 0)
            raise MethodError(
                f"vector_length must divide every side of the sites, got {self.vector_length}; these do: {lengths}"
            )
        return {
            "vector_bank": torch.empty(self.vectors, self.vector_length).uniform_(-0.02, 0.02, generator=generator),
            "logits": torch.empty(sum(self._counts(sites)), self.vectors).normal_(0.0, 0.01, generator=generator),
        }

    def noise(self, sites: list[Site]) -> dict[str, tuple[int, ...]]:
        """Return one number for each logit, if the selection uses noise."""
        return {} if self.selection is None else {"noise": (sum(self._counts(sites)), self.vectors)}

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return A and B, put together from the admixtures; the sub-vectors of all sites are selected at once."""
        logits, bank = trained["logits"], trained["vector_bank"]
        if "noise" in trained:
            admixture = SELECTIONS[self.selection](logits, bank, self.topk, trained["noise"])
        else:
            admixture = top_k(logits, bank, self.topk)
        sides = iter(admixture.split(self._counts(sites)))
        return {
            s.name: Factors(
                A=next(sides).reshape(self.rank, s.in_features), B=next(sides).reshape(self.rank, s.out_features).mT
            )
            for s in sites
        }

    def pack(self, trained: Tensors) -> Tensors:
        """Return the bank, the top-k indices (uint8, or uint16 if h > 256) and all of their weights but the last."""
        top, indices = trained["logits"].topk(self.topk)
        return {
            "vector_bank": trained["vector_bank"],
            "topk_indices": indices.to(torch.uint8 if self.vectors <= 256 else torch.uint16),
            "topk_weights": top.softmax(-1)[:, :-1].contiguous(),
        }

    def unpack(self, stored: Tensors) -> Tensors:
        """Return logits that give the same factors: log of the weights at the top-k, and -inf elsewhere."""
        indices = stored["topk_indices"].long()
        if indices.max() >= self.vectors:
            raise MethodError(f"topk_indices must be less than vectors, {self.vectors}, got {indices.max()}")
        weights = stored["topk_weights"]
        last = (1.0 - weights.sum(-1, keepdim=True)).clamp_min(0.0)
        logits = torch.full((len(weights), self.vectors), -torch.inf, device=weights.device)
        logits.scatter_(1, indices, torch.cat([weights, last], 1).log())
        return {"vector_bank": stored["vector_bank"], "logits": logits}

    def stored_parameters(self, trained: Tensors) -> float:
        """Return h b + n (k i + k - 1), where an index counts i = 1/4 for h <= 256, and 1 beyond."""
        index = 0.25 if self.vectors <= 256 else 1.0
        return trained["vector_bank"].numel() + len(trained["logits"]) * (self.topk * index + self.topk - 1)

    def _counts(self, sites: list[Site]) -> list[int]:
        sides = (side for s in sites for side in (s.in_features, s.out_features))
        return [self.rank * side // self.vector_length for side in sides]
