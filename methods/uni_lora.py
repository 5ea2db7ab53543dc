"""Uni-LoRA: Li et al., NeurIPS 2025, arXiv 2506.00799.

All numbers of the A and B of all sites are entries of one trained vector theta: theta_D = P theta, where each row of P
(D, d) has one entry, at a random place, and each column is scaled to length 1, so that |P theta| = |theta|. P is drawn
from ``projection_seed``, which is the same for every run, so that it is never stored.
h = W0 x + B A x, with A (r, d_in) and B (d_out, r).
Initialisation as in the authors' code: theta from U(+-0.02), so the change is small at the start, but not zero.
Deviation: the places are drawn in this suite's order, so a seed names another P than it does in the authors' code.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from methods.base import Factors, Method, MethodError, Site, Tensors


@dataclass(frozen=True)
class UniLoRA(Method):
    """Trains ``length`` numbers, whatever the sites."""

    starts_at_zero: ClassVar[bool] = False
    formula: ClassVar[str] = "length"
    rank: int
    length: int
    projection_seed: int = 0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check the length."""
        super().__post_init__()
        if self.length < 1:
            raise MethodError(f"length must be at least 1, got {self.length}")

    def frozen(self, sites: list[Site]) -> Tensors:
        """Return the place of every number in theta, (D,), and how often theta's entries are used, (length,)."""
        generator = torch.Generator().manual_seed(self.projection_seed)
        places = torch.randint(self.length, (sum(self._sizes(sites)),), generator=generator)
        return {"places": places, "uses": torch.bincount(places, minlength=self.length)}

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return theta (length,)."""
        return {"theta": torch.empty(self.length).uniform_(-0.02, 0.02, generator=generator)}

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return A and B of every site, read from theta."""
        theta = trained["theta"]
        numbers = (theta / frozen["uses"].clamp(min=1).to(theta.dtype).sqrt())[frozen["places"]]
        parts = iter(numbers.split(self._sizes(sites)))
        return {
            s.name: Factors(
                A=next(parts).view(self.rank, s.in_features),
                B=next(parts).view(s.out_features, self.rank),
            )
            for s in sites
        }

    def _sizes(self, sites: list[Site]) -> list[int]:
        return [self.rank * side for site in sites for side in (site.in_features, site.out_features)]
