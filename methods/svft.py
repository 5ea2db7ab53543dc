"""SVFT: Lingam et al., NeurIPS 2024, arXiv 2405.19597, equation 1.

h = U (Sigma + M) V^T x, with U Sigma V^T the SVD of the site's frozen W0 (d_out, d_in), and M trained at fixed places
and zero at all others. ``pattern`` says which. "banded" has the diagonal and ``off_diagonals``, the paper's d, on
either side of it: with 0 it is the paper's plain SVFT. "random" has as many, n (2 d + 1) - d (d + 1), of n the shorter
side, without repetition, at places that are drawn from ``projection_seed``, which is the same for every run; all sites
of one n have the same. Stored are the entries of M alone.
Initialisation: M = 0, so the change is zero at the start.
Deviations: as in the authors' code (VijayLingam95/SVFT), U is (d_out, n), M (n, n) and V^T (n, d_in), where the paper
has square U and V. That code multiplies M by the sigmoid of a trained gate, which the paper neither has nor counts, and
draws M from N(0, 2 / its size); the paper does not say how M starts. That code draws random places for every site, and
with repetition. The paper's top-k places are left out: they come from the SVD, whose last bits differ between machines,
and with them the places could.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from methods.base import Factors, Method, MethodError, Site, Tensors
from methods.svd import singular

PATTERNS = ("banded", "random")


@dataclass(frozen=True)
class SVFT(Method):
    """Trains n (2 d + 1) - d (d + 1) numbers for each site. Its change of W has full rank."""

    frozen_from_weights: ClassVar[tuple[str, ...]] = ("pattern", "off_diagonals", "projection_seed")
    formula: ClassVar[str] = "(2 * off_diagonals + 1) * shorter_sides - off_diagonals * (off_diagonals + 1) * maps"
    pattern: str = "banded"
    off_diagonals: int = 0
    projection_seed: int = 0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check the pattern."""
        super().__post_init__()
        if self.pattern not in PATTERNS:
            raise MethodError(f"pattern must be one of {', '.join(PATTERNS)}, got {self.pattern}")
        if self.off_diagonals < 0:
            raise MethodError(f"off_diagonals must be at least 0, got {self.off_diagonals}")

    def frozen(self, sites: list[Site]) -> Tensors:
        """Return A = V^T (n, d_in) and B = U (d_out, n) of every site, and the places of M's entries for every n.

        A place is one of the n n in the order of rows. A diagonal M needs none.
        """
        frozen = {}
        for site in sites:
            U, _, Vh = singular(site, _shorter(site))
            frozen |= {f"{site.name}.A": Vh, f"{site.name}.B": U}
        sides = set() if self._is_diagonal else {_shorter(site) for site in sites}
        return frozen | {f"{n}x{n}": self._places(n) for n in sorted(sides)}

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return M's entries of every site, which are zero."""
        for site in sites:
            if self.off_diagonals >= _shorter(site):
                raise MethodError(
                    f"off_diagonals must be at most {_shorter(site) - 1} on {site.name} "
                    f"({site.out_features} x {site.in_features}), got {self.off_diagonals}"
                )
        return {f"{site.name}.M": torch.zeros(self._entries(_shorter(site))) for site in sites}

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return M between the frozen U and V^T: its diagonal alone where it has no more."""
        factors = {}
        for site in sites:
            M, n = trained[f"{site.name}.M"], _shorter(site)
            if not self._is_diagonal:
                M = M.new_zeros(n * n).scatter(0, frozen[f"{n}x{n}"], M).unflatten(0, (n, n))
            factors[site.name] = Factors(A=frozen[f"{site.name}.A"], C=M, B=frozen[f"{site.name}.B"])
        return factors

    def sizes(self, sites: list[Site]) -> dict[str, int]:
        """Return also ``shorter_sides``, the sum of the sites' n."""
        return super().sizes(sites) | {"shorter_sides": sum(map(_shorter, sites))}

    @property
    def _is_diagonal(self) -> bool:
        return self.pattern == "banded" and self.off_diagonals == 0

    def _entries(self, n: int) -> int:
        return n * (2 * self.off_diagonals + 1) - self.off_diagonals * (self.off_diagonals + 1)

    def _places(self, n: int) -> Tensor:
        if self.pattern == "random":
            generator = torch.Generator().manual_seed(self.projection_seed)
            return torch.randperm(n * n, generator=generator)[: self._entries(n)].clone()
        side = torch.arange(n)
        return ((side[:, None] - side).abs() <= self.off_diagonals).flatten().nonzero()[:, 0]


def _shorter(site: Site) -> int:
    return min(site.in_features, site.out_features)
