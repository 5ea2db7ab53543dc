"""RandLoRA: Albert et al., ICLR 2025, arXiv 2502.00987, equation 4.

W' = W0 + scale / sqrt(n) sum over j of B_j L_j A G_j, for a site whose d inputs are at most its D outputs; for
another, d is its outputs and the sum is transposed. n = ceil(d / r) terms have full rank. The diagonals L_j (r) and
G_j (d), the paper's Lambda and Gamma, are trained for every site and term. A (r, d) and the B_j (D, r) are random,
frozen and shared by all sites, sliced to each site's shape. They are drawn from ``projection_seed``, which is the same
for every run, so that they are never stored.
The division by sqrt(n) is the authors' code's (PaulAlbert31/RandLoRA) and appendix C.4's, which have 2 for ``scale``;
in that code and in peft it is alpha / r.
Initialisation as in that code: A and B uniform, divided by their standard deviation; L = 0; G = 1/d.
Deviations: that code draws A and B with the run's seed. It and peft pair the columns of B with L and G in another
order, which is another draw of B. peft 0.21.2 does not divide by sqrt(n).
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from methods.base import Factors, Method, Site, Tensors


@dataclass(frozen=True)
class RandLoRA(Method):
    """Trains n (r + d) numbers for each site: the fewer, the higher the rank."""

    formula: ClassVar[str] = "rank * terms + gammas"
    rank: int
    scale: float = 2.0
    projection_seed: int = 0
    dropout: float = 0.0

    def frozen(self, sites: list[Site]) -> Tensors:
        """Return A (r, max d) and B (max D, max n r)."""
        generator = torch.Generator().manual_seed(self.projection_seed)
        narrowest = max(_narrow(site) for site in sites)
        widest = max(max(site.in_features, site.out_features) for site in sites)
        columns = self.rank * max(self._terms(site) for site in sites)
        return {"A": _drawn(generator, self.rank, narrowest), "B": _drawn(generator, widest, columns)}

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return lambda (n, r) and gamma (n, d) of every site; neither is random."""
        trained = {}
        for site in sites:
            terms, narrow = self._terms(site), _narrow(site)
            trained[f"{site.name}.lambda"] = torch.zeros(terms, self.rank)
            trained[f"{site.name}.gamma"] = torch.full((terms, narrow), 1 / narrow)
        return trained

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return B and, stacked over the terms, L and A G; the two sides change places where inputs outnumber outputs.

        All have the inner side n r.
        """
        factors = {}
        for site in sites:
            weights, gamma = trained[f"{site.name}.lambda"], trained[f"{site.name}.gamma"]
            terms, narrow = gamma.shape
            scaled = (frozen["A"][:, :narrow] * gamma[:, None]).flatten(0, 1)
            shared = frozen["B"][: max(site.in_features, site.out_features), : terms * self.rank]
            C = self.scale / math.sqrt(terms) * weights.flatten()
            if site.in_features <= site.out_features:
                factors[site.name] = Factors(A=scaled, C=C, B=shared)
            else:
                factors[site.name] = Factors(A=shared.mT, C=C, B=scaled.mT)
        return factors

    def sizes(self, sites: list[Site]) -> dict[str, int]:
        """Return also ``terms``, the sum of the sites' n, and ``gammas``, how many numbers their G have."""
        terms = [self._terms(site) for site in sites]
        gammas = sum(n * _narrow(site) for n, site in zip(terms, sites, strict=True))
        return super().sizes(sites) | {"terms": sum(terms), "gammas": gammas}

    def _terms(self, site: Site) -> int:
        return math.ceil(_narrow(site) / self.rank)


def _narrow(site: Site) -> int:
    return min(site.in_features, site.out_features)


def _drawn(generator: torch.Generator, *shape: int) -> Tensor:
    drawn = torch.empty(shape).uniform_(-1.0, 1.0, generator=generator)
    return drawn / drawn.std()
