"""TinyLoRA: Morris et al., arXiv 2602.04118.

W' = W0 + U S (sum over i of v_i P_i) V^T, with U S V^T the truncated SVD of the site's frozen W0 (d_out, d_in), P_i
(r, r) random and frozen, for every site others, and v (u) trained. ``ntie`` sites, one after the other in the model,
share a v: the paper's n_tie. P is drawn from ``projection_seed``, which is the same for every run, so that it is never
stored.
Initialisation as in peft, which says that the paper gives no distribution: P from N(0, 1/r), 1/r the variance, and
v = 0, so the change is zero at the start.
Deviations: P is drawn in this suite's order, so a seed names another P than it does in peft; the sign of each singular
pair is fixed, so that v means the same where the SVD is computed again. peft has sqrt(S) beside U and sqrt(S) beside
V^T, where the equation has S beside U.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from methods.base import Factors, Method, MethodError, Site, Tensors
from methods.svd import check_rank, singular


@dataclass(frozen=True)
class TinyLoRA(Method):
    """Trains ``length`` numbers, the paper's u, for each ``ntie`` sites."""

    formula: ClassVar[str] = "length * maps / ntie"
    frozen_from_weights: ClassVar[tuple[str, ...]] = ("rank", "length", "projection_seed")
    rank: int
    length: int
    ntie: int = 1
    projection_seed: int = 0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check the length and the number of sites that share a v."""
        super().__post_init__()
        for name in ("length", "ntie"):
            if getattr(self, name) < 1:
                raise MethodError(f"{name} must be at least 1, got {getattr(self, name)}")

    def frozen(self, sites: list[Site]) -> Tensors:
        """Return A = V^T (r, d_in) and B = U S (d_out, r) of every site, and P (sites, u, r, r)."""
        frozen = {}
        for site in sites:
            U, S, Vh = singular(site, self.rank)
            frozen[f"{site.name}.A"] = Vh[: self.rank]
            frozen[f"{site.name}.B"] = (U * S)[:, : self.rank]
        generator = torch.Generator().manual_seed(self.projection_seed)
        P = torch.empty(len(sites), self.length, self.rank, self.rank)
        return frozen | {"P": P.normal_(0.0, self.rank**-0.5, generator=generator)}

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return v (sites / ntie, u), which is zero."""
        if len(sites) % self.ntie:
            raise MethodError(f"ntie must divide the number of adapted maps, {len(sites)}, got {self.ntie}")
        for site in sites:
            check_rank(site, self.rank)
        return {"v": torch.zeros(len(sites) // self.ntie, self.length)}

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return the frozen A and B around the sum of v_i P_i."""
        v = trained["v"]
        P = frozen["P"].to(v).unflatten(0, (len(v), self.ntie))
        R = torch.einsum("gu,gtuij->gtij", v, P).flatten(0, 1)
        return {
            site.name: Factors(A=frozen[f"{site.name}.A"], C=C, B=frozen[f"{site.name}.B"])
            for site, C in zip(sites, R, strict=True)
        }
