"""LoRA: Hu et al., ICLR 2022, arXiv 2106.09685, equation 3.

h = W0 x + (alpha / r) B A x, with A (r, d_in) and B (d_out, r) trained for every site. With ``rank_stabilized`` the
scale is alpha / sqrt(r): rsLoRA, Kalajdzievski, arXiv 2312.03732.
Initialisation as in the authors' code: A from kaiming uniform with a = sqrt(5), that is U(+-1/sqrt(d_in)); B = 0.
Dropout applies to the adapter's input. No deviation.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from methods.base import Factors, Method, Site, Tensors, kaiming_uniform


@dataclass(frozen=True)
class LoRA(Method):
    """Trains r (d_in + d_out) numbers for each site."""

    formula: ClassVar[str] = "rank * sides"
    rank: int
    alpha: float
    dropout: float = 0.0
    rank_stabilized: bool | None = None  # None is False, and leaves a run's identity as it was before there was this

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return A (r, d_in) and B (d_out, r) of every site."""
        trained = {}
        for site in sites:
            trained[f"{site.name}.A"] = kaiming_uniform((self.rank, site.in_features), 3**-0.5, generator)
            trained[f"{site.name}.B"] = torch.zeros(site.out_features, self.rank)
        return trained

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return A and (alpha / r) B."""
        scale = self.alpha / (self.rank**0.5 if self.rank_stabilized else self.rank)
        return {s.name: Factors(A=trained[f"{s.name}.A"], B=scale * trained[f"{s.name}.B"]) for s in sites}
