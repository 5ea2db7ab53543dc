"""LoRA-FA: Zhang et al., arXiv 2308.03303.

h = W0 x + (alpha / r) B A x, with A (r, d_in) frozen where LoRA starts it and B (d_out, r) trained, for every site.
Backward passes need A x, of r numbers a token, and no x.
Initialisation: A as LoRA's, U(+-1/sqrt(d_in)); B = 0.
Deviation: A is drawn from ``projection_seed``, which is the same for every run, so that no file holds it; the paper
draws it with the run.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from methods.base import Factors, Method, Site, Tensors, kaiming_uniform


@dataclass(frozen=True)
class LoRAFA(Method):
    """Trains r d_out numbers for each site."""

    formula: ClassVar[str] = "rank * outputs"
    rank: int
    alpha: float
    projection_seed: int = 0
    dropout: float = 0.0

    def frozen(self, sites: list[Site]) -> Tensors:
        """Return A (r, d_in) of every site."""
        generator = torch.Generator().manual_seed(self.projection_seed)
        return {f"{s.name}.A": kaiming_uniform((self.rank, s.in_features), 3**-0.5, generator) for s in sites}

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return B (d_out, r) of every site, which is zero."""
        return {f"{s.name}.B": torch.zeros(s.out_features, self.rank) for s in sites}

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return the frozen A and (alpha / r) B."""
        scale = self.alpha / self.rank
        return {s.name: Factors(A=frozen[f"{s.name}.A"], B=scale * trained[f"{s.name}.B"]) for s in sites}
