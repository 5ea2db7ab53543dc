"""Tied-LoRA: Renduchintala et al., NAACL 2024, arXiv 2311.09578, the form with all of A, B, u and v trained.

h = W0 x + Lambda_v B Lambda_u A x, with u (r) and v (d_out) trained for every site, and A (r, d) and B (d, r) trained
and tied over all sites; d is the hidden size, taken as the smallest d_in of the sites. A map with a side other than d
uses the factor repeated along that side and cut to it: this reading gives the counts that the VB-LoRA paper's table 1
prints.
Initialisation: A from kaiming uniform as in LoRA, B = 0, u = v = 1, so that the change is zero at the start.
Deviation: the paper ties the sites of one kind (its fused qkv) across layers; here all kinds share A and B, as those
counts imply.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from methods.base import Factors, Method, Site, Tensors, kaiming_uniform


@dataclass(frozen=True)
class TiedLoRA(Method):
    """Trains 2 r d numbers for all sites together, and r + d_out for each site."""

    formula: ClassVar[str] = "2 * rank * hidden + rank * maps + outputs"
    rank: int
    dropout: float = 0.0

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return the tied A (r, d) and B (d, r), and u (r) and v (d_out) of every site."""
        hidden = min(site.in_features for site in sites)
        trained = {"A": kaiming_uniform((self.rank, hidden), 3**-0.5, generator), "B": torch.zeros(hidden, self.rank)}
        for site in sites:
            trained[f"{site.name}.u"] = torch.ones(self.rank)
            trained[f"{site.name}.v"] = torch.ones(site.out_features)
        return trained

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return A and B repeated along each site's sides, scaled by u and v."""
        A = {side: _along(trained["A"].mT, side).mT for side in {s.in_features for s in sites}}
        B = {side: _along(trained["B"], side) for side in {s.out_features for s in sites}}
        return {
            s.name: Factors(A=A[s.in_features], C=trained[f"{s.name}.u"], B=B[s.out_features], v=trained[f"{s.name}.v"])
            for s in sites
        }


def _along(factor: Tensor, side: int) -> Tensor:
    """Repeat the rows of a factor (d, r) and cut them to (side, r)."""
    return factor.repeat(-(-side // factor.shape[0]), 1)[:side]
