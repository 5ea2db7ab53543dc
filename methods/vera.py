"""VeRA: Kopiczko et al., ICLR 2024, arXiv 2310.11454, equation 2.

h = W0 x + Lambda_b B Lambda_d A x, with d (r) and b (d_out) trained for every site. A and B are random, frozen and
shared by all sites: A (r, largest d_in) and B (largest d_out, r), sliced to each site's shape. They are drawn from
``projection_seed``, which is the same for every run, so that they are never stored.
Initialisation: A and B from kaiming uniform (gain sqrt(2)), b = 0, d = ``d_initial``. No deviation.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from methods.base import Factors, Method, Site, Tensors, kaiming_uniform


@dataclass(frozen=True)
class VeRA(Method):
    """Trains r + d_out numbers for each site."""

    formula: ClassVar[str] = "rank * maps + outputs"
    rank: int
    d_initial: float = 0.1
    projection_seed: int = 0
    dropout: float = 0.0

    def frozen(self, sites: list[Site]) -> Tensors:
        """Return A (r, max d_in) and B (max d_out, r)."""
        generator = torch.Generator().manual_seed(self.projection_seed)
        widest = max(site.in_features for site in sites)
        tallest = max(site.out_features for site in sites)
        return {
            "A": kaiming_uniform((self.rank, widest), 2**0.5, generator),
            "B": kaiming_uniform((tallest, self.rank), 2**0.5, generator),
        }

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return d (r) and b (d_out) of every site; neither is random."""
        trained = {}
        for site in sites:
            trained[f"{site.name}.d"] = torch.full((self.rank,), self.d_initial)
            trained[f"{site.name}.b"] = torch.zeros(site.out_features)
        return trained

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return views of A and B, scaled by d and b."""
        return {
            s.name: Factors(
                A=frozen["A"][:, : s.in_features],
                C=trained[f"{s.name}.d"],
                B=frozen["B"][: s.out_features],
                v=trained[f"{s.name}.b"],
            )
            for s in sites
        }
