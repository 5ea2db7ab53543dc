"""FourierFT: Gao et al., ICML 2024, arXiv 2405.03003, equations 2 to 4 and algorithm 1.

h = W0 x + alpha Re(S) x, with S the inverse discrete Fourier transform of a spectrum (d_out, d_in) that holds the
trained numbers c (n) of the site at n places, and zeros elsewhere. The places, the paper's E, are random, frozen and
the same for all sites of a shape. They are drawn from ``projection_seed``, which is the same for every run, so that
they are never stored; as in peft, a place is one of the d_out d_in in the order of rows, without a frequency bias.
Initialisation: c from N(0, 1), so the change is not zero at the start, and with alpha it is not small.
The transform divides by d_out d_in, as algorithm 1 does and alpha supposes; equation 3 does not. No deviation.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from methods.base import Factors, Method, MethodError, Site, Tensors


@dataclass(frozen=True)
class FourierFT(Method):
    """Trains ``frequencies`` numbers, the paper's n, for each site. Its change of W is dense."""

    starts_at_zero: ClassVar[bool] = False
    low_rank: ClassVar[bool] = False
    dense: ClassVar[bool] = True
    formula: ClassVar[str] = "frequencies * maps"
    frequencies: int
    alpha: float
    projection_seed: int = 2024
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check the number of frequencies."""
        super().__post_init__()
        if self.frequencies < 1:
            raise MethodError(f"frequencies must be at least 1, got {self.frequencies}")

    def frozen(self, sites: list[Site]) -> Tensors:
        """Return the places (n,) of each shape, as numbers below d_out d_in."""
        shapes = {_shape(site): site for site in sites}  # to draw takes half a second at the size of a Llama's maps
        return {shape: self._places(site) for shape, site in shapes.items()}

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return c (n) of every site."""
        for site in sites:
            if self.frequencies > site.in_features * site.out_features:
                raise MethodError(
                    f"frequencies must be at most {site.in_features * site.out_features}, the size of {site.name}, "
                    f"got {self.frequencies}"
                )
        return {f"{s.name}.c": torch.empty(self.frequencies).normal_(generator=generator) for s in sites}

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return the change of every W, with one transform for all sites of a shape."""
        by_shape: dict[str, list[Site]] = {}
        for site in sites:
            by_shape.setdefault(_shape(site), []).append(site)
        factors = {}
        for shape, alike in by_shape.items():
            c = torch.stack([trained[f"{site.name}.c"] for site in alike])
            d_out, d_in = alike[0].out_features, alike[0].in_features
            places = frozen[shape].expand(len(alike), -1)
            spectra = c.new_zeros(len(alike), d_out * d_in).scatter(1, places, c).unflatten(1, (d_out, d_in))
            changes = self.alpha * torch.fft.ifft2(spectra).real
            factors |= {site.name: Factors(delta=change) for site, change in zip(alike, changes, strict=True)}
        return factors

    def _places(self, site: Site) -> Tensor:
        generator = torch.Generator().manual_seed(self.projection_seed)
        return torch.randperm(site.out_features * site.in_features, generator=generator)[: self.frequencies].clone()


def _shape(site: Site) -> str:
    return f"{site.out_features}x{site.in_features}"
