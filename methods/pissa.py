"""PiSSA: Meng et al., NeurIPS 2024, arXiv 2404.02948, equations 2 to 4, in LoRA's notation.

h = W_res x + B A x with W_res = W0 - B0 A0, where A (r, d_in) and B (d_out, r) begin as A0 and B0, parts of
W0 = U S V^T. ``start`` says which: "principal" (PiSSA) those of the r largest singular values, A0 = sqrt(S) V^T and
B0 = U sqrt(S); "minor" (MiLoRA, arXiv 2406.09044) those of the r smallest; "orthonormal" (OLoRA, arXiv 2406.01775) the
first r rows of R and columns of Q, where W0 = Q R.
Deviations: trained are the changes of A and B, from zero: W0 stays, and h = W0 x + (B A - B0 A0) x has no rounding at
the start. For AdamW that is the same training, but for weight decay. The SVD is exact; its signs, and those of R's
diagonal, are fixed.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from methods.base import Factors, Method, MethodError, Site, Tensors
from methods.svd import check_rank, singular

STARTS = ("principal", "minor", "orthonormal")


@dataclass(frozen=True)
class PiSSA(Method):
    """Trains r (d_in + d_out) numbers for each site."""

    formula: ClassVar[str] = "rank * sides"
    frozen_from_weights: ClassVar[tuple[str, ...]] = ("rank", "start")
    rank: int
    start: str = "principal"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check the start."""
        super().__post_init__()
        if self.start not in STARTS:
            raise MethodError(f"start must be one of {', '.join(STARTS)}, got {self.start}")

    def frozen(self, sites: list[Site]) -> Tensors:
        """Return A0 (r, d_in) and B0 (d_out, r) of every site."""
        frozen = {}
        for site in sites:
            frozen[f"{site.name}.A0"], frozen[f"{site.name}.B0"] = self._start(site)
        return frozen

    def _start(self, site: Site) -> tuple[Tensor, Tensor]:
        if self.start == "orthonormal":
            check_rank(site, self.rank)
            Q, R = torch.linalg.qr(site.weight())
            sign = torch.sign(R.diagonal()[: self.rank])
            return sign[:, None] * R[: self.rank], Q[:, : self.rank] * sign
        U, S, Vh = singular(site, self.rank)
        chosen = slice(self.rank) if self.start == "principal" else slice(len(S) - self.rank, None)
        root = S[chosen].sqrt()
        return root[:, None] * Vh[chosen], U[:, chosen] * root

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return the changes of A and B of every site, which are zero."""
        trained = {}
        for site in sites:
            check_rank(site, self.rank)
            trained[f"{site.name}.A"] = torch.zeros(self.rank, site.in_features)
            trained[f"{site.name}.B"] = torch.zeros(site.out_features, self.rank)
        return trained

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return factors of rank 2 r: with changes a and b, B A - B0 A0 = (B0 + b) a + b A0."""
        factors = {}
        for name in (site.name for site in sites):
            a, b = trained[f"{name}.A"], trained[f"{name}.B"]
            A0, B0 = frozen[f"{name}.A0"], frozen[f"{name}.B0"]
            factors[name] = Factors(A=torch.cat([a, A0]), B=torch.cat([B0 + b, b], dim=1))
        return factors
