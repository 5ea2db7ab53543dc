"""1LoRA: Quercia et al., arXiv 2503.08333.

h = W0 x + b 1^T x, with 1 (d_in) a vector of ones, so that 1^T x is the sum of x's features, and b (d_out) trained for
every site: LoRA of rank 1 whose A is 1^T and frozen.
Initialisation: b = 0, so the change is zero at the start.
What comes from a LayerNorm with a gain of 1, as before any training, adds up to zero, and such a site learns nothing.
Known from the paper's abstract and from notes of it, not from its full text: they have no factor beside the sum, and do
not say how b starts. With the ones frozen, 0 is the only start without a change.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from methods.base import Factors, Method, Site, Tensors


@dataclass(frozen=True)
class OneLoRA(Method):
    """Trains d_out numbers for each site."""

    formula: ClassVar[str] = "outputs"
    dropout: float = 0.0

    def frozen(self, sites: list[Site]) -> Tensors:
        """Return the ones (1, max d_in), which each site takes as many of as it has inputs."""
        return {"ones": torch.ones(1, max(site.in_features for site in sites))}

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return b (d_out) of every site, which is zero."""
        return {f"{site.name}.b": torch.zeros(site.out_features) for site in sites}

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return the ones as A, and b as the one column of B."""
        return {s.name: Factors(A=frozen["ones"][:, : s.in_features], B=trained[f"{s.name}.b"][:, None]) for s in sites}
