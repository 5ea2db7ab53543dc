"""LoRA-XS: Balazy et al., arXiv 2405.17604, equation 2.

h = W0 x + (alpha / r) U R (S V^T) x, with U S V^T the truncated SVD of the site's frozen weight and R (r, r) trained.
Initialisation: R from N(0, 1e-5), where 1e-5 is the standard deviation, as in the authors' code: the change is tiny at
the start, but not zero.
Deviations: the paper has S beside U, here it is beside V (A = S V^T, B = U: the gradients of R differ by S, the span
does not); the SVD is exact, where the authors' code uses a randomised one; the sign of each singular pair is fixed, so
that R means the same where the SVD is computed again.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from methods.base import Factors, Method, Site, Tensors
from methods.svd import check_rank, singular


@dataclass(frozen=True)
class LoRAXS(Method):
    """Trains r * r numbers for each site."""

    starts_at_zero: ClassVar[bool] = False
    formula: ClassVar[str] = "rank ** 2 * maps"
    frozen_from_weights: ClassVar[tuple[str, ...]] = ("rank",)
    rank: int
    alpha: float
    dropout: float = 0.0

    def frozen(self, sites: list[Site]) -> Tensors:
        """Return A = S V^T (r, d_in) and B = U (d_out, r) of every site."""
        frozen = {}
        for site in sites:
            U, S, Vh = singular(site, self.rank)
            frozen[f"{site.name}.A"] = (S[:, None] * Vh)[: self.rank]
            frozen[f"{site.name}.B"] = U[:, : self.rank]
        return frozen

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return R (r, r) of every site."""
        for site in sites:
            check_rank(site, self.rank)
        return {f"{s.name}.R": torch.empty(self.rank, self.rank).normal_(0.0, 1e-5, generator=generator) for s in sites}

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return the frozen A and B around (alpha / r) R."""
        scale = self.alpha / self.rank
        return {
            s.name: Factors(A=frozen[f"{s.name}.A"], C=scale * trained[f"{s.name}.R"], B=frozen[f"{s.name}.B"])
            for s in sites
        }
