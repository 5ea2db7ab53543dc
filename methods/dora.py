"""DoRA: Liu et al., ICML 2024, arXiv 2402.09353, equations 5 and 11.

h = m * (W0 + (alpha / r) B A) x / n, with n the norm of each row of W0 + (alpha / r) B A: of what makes one output (the
paper writes W (d_out, d_in), and calls it a column). A (r, d_in), B (d_out, r) and the magnitudes m (d_out) are
trained. As in the paper's section 4.3, no gradient goes through n.
Initialisation: A as LoRA's, U(+-1/sqrt(d_in)); B = 0; m the norms of W0's rows.
Deviation: trained is the change of m, from zero, which for AdamW is the same training but for weight decay.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from methods.base import Factors, Method, Site, Tensors, kaiming_uniform


@dataclass(frozen=True)
class DoRA(Method):
    """Trains r (d_in + d_out) + d_out numbers for each site."""

    formula: ClassVar[str] = "rank * sides + outputs"
    scales: ClassVar[bool] = True
    reads_weights: ClassVar[bool] = True
    rank: int
    alpha: float
    dropout: float = 0.0

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return A (r, d_in), B (d_out, r) and the change of m (d_out) of every site."""
        trained = {}
        for site in sites:
            trained[f"{site.name}.A"] = kaiming_uniform((self.rank, site.in_features), 3**-0.5, generator)
            trained[f"{site.name}.B"] = torch.zeros(site.out_features, self.rank)
            trained[f"{site.name}.m"] = torch.zeros(site.out_features)
        return trained

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return A, (alpha / r) B and the gain m / n - 1."""
        factors = {}
        for site in sites:
            A, B = trained[f"{site.name}.A"], self.alpha / self.rank * trained[f"{site.name}.B"]
            start, now = norms(site.weight().to(A), A.detach(), B.detach())
            factors[site.name] = Factors(A=A, B=B, gain=(start + trained[f"{site.name}.m"]) / now - 1)
        return factors


def norms(W: Tensor, A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:
    """Return the norms (d_out,) of the rows of W and of W + B A, without making a second matrix as large as W."""
    squares = W.square().sum(1)
    change = (B * (2 * W @ A.mT + B @ (A @ A.mT))).sum(1)
    return squares.sqrt(), (squares + change).sqrt()
