"""RaSA: He et al., ICLR 2025, arXiv 2503.12576.

h = W0 x + [B_i B_S] diag(D_i) [A_i; A_S] x. Of the r ranks that LoRA would give to each of L layers, a layer keeps
r - k, in A_i (r - k, d_in) and B_i (d_out, r - k), and the k that each gives up lie in A_S (L k, d_in) and
B_S (d_out, L k), which all L use. D_i (r - k + L k) weighs them for layer i. All are trained, with few more numbers
than LoRA's. Maps of one name in their layers, such as all ``self_attn.q_proj``, share one A_S and B_S.
Initialisation as in the authors' code (zwhe99/RaSA): A_i and A_S as LoRA's A, U(+-1/sqrt(d_in)); B_i = B_S = 0; D_i is
alpha / (2 (r - k)) on the layer's own ranks and alpha / (2 L k) on the shared ones, in the place of LoRA's alpha / r.
Deviation: k is less than r, where that code may have k = r and no rank of the layer's own.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from methods.base import Factors, Method, MethodError, Site, Tensors, kaiming_uniform
from methods.sites import without_layer


@dataclass(frozen=True)
class RaSA(Method):
    """Trains r (d_in + d_out) + r - k + L k numbers for each site, ``shared_rank`` being k."""

    formula: ClassVar[str] = "rank * (sides + maps) + shared_rank * (layers - maps)"
    rank: int
    shared_rank: int
    alpha: float
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check the shared rank."""
        super().__post_init__()
        if not 1 <= self.shared_rank < self.rank:
            raise MethodError(
                f"shared_rank must be at least 1 and less than the rank, {self.rank}, got {self.shared_rank}"
            )

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return A_i, B_i and D_i of every site, and A_S and B_S of every pool, by the name of its first site."""
        own, trained = self.rank - self.shared_rank, {}
        for pool in _pools(sites):
            shared = len(pool) * self.shared_rank
            for site in pool:
                trained[f"{site.name}.A"] = kaiming_uniform((own, site.in_features), 3**-0.5, generator)
                trained[f"{site.name}.B"] = torch.zeros(site.out_features, own)
                weights = [torch.full((ranks,), self.alpha / (2 * ranks)) for ranks in (own, shared)]
                trained[f"{site.name}.D"] = torch.cat(weights)
            first = pool[0]
            trained[f"{first.name}.A_shared"] = kaiming_uniform((shared, first.in_features), 3**-0.5, generator)
            trained[f"{first.name}.B_shared"] = torch.zeros(first.out_features, shared)
        return trained

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return each site's own ranks beside those of its pool, with D_i between."""
        factors = {}
        for pool in _pools(sites):
            A_S, B_S = (trained[f"{pool[0].name}.{side}_shared"] for side in "AB")
            for name in (site.name for site in pool):
                A, B = torch.cat([trained[f"{name}.A"], A_S]), torch.cat([trained[f"{name}.B"], B_S], dim=1)
                factors[name] = Factors(A=A, C=trained[f"{name}.D"], B=B)
        return factors

    def sizes(self, sites: list[Site]) -> dict[str, int]:
        """Return also ``layers``, the sum over the sites of the L that share with each."""
        return super().sizes(sites) | {"layers": sum(len(pool) ** 2 for pool in _pools(sites))}


def _pools(sites: list[Site]) -> list[list[Site]]:
    """Return the sites that share ranks: of one name in their layers. Raises MethodError if their shapes differ."""
    pools: dict[str, list[Site]] = {}
    for site in sites:
        pool = pools.setdefault(without_layer(site.name), [])
        pool.append(site)
        if (site.in_features, site.out_features) != (pool[0].in_features, pool[0].out_features):
            raise MethodError(f"maps that share ranks must have one shape, and {site.name} and {pool[0].name} differ")
    return list(pools.values())
