"""(IA)3: Liu et al., NeurIPS 2022, arXiv 2205.05638.

Learned vectors rescale the keys and values of attention and the inner activations of the feed-forward part. So for a
site h = l * (W0 x + bias), with l (d_out) trained; and for a feed-forward part's second map h = W0 (l * x) + bias, with
l (d_in) trained. Which maps are that, ``feedforward`` says by their names within a layer, separated by commas. The
paper's sites are the maps of k, of v, and those.
Initialisation: l = 1, so the change is zero at the start.
Deviation: trained is l - 1, from zero, which for AdamW is the same training but for weight decay.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from methods.base import Factors, Method, MethodError, Site, Tensors
from methods.sites import without_layer


@dataclass(frozen=True)
class IA3(Method):
    """Trains d_out numbers for each site, or d_in for one of the feed-forward part."""

    scales: ClassVar[bool] = True
    low_rank: ClassVar[bool] = False
    formula: ClassVar[str] = "scaled"
    feedforward: str

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return l - 1 of every site, which is zero."""
        for site in sites:
            if site.module and self.scales_input(site):
                raise MethodError(
                    f"{site.name} is one of several maps of {site.module}, so that its input alone cannot be scaled: "
                    "leave it out of feedforward"
                )
        return {f"{site.name}.l": torch.zeros(self._length(site)) for site in sites}

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return l - 1 as the gain of a map's input or output; the output's is the bias's too."""
        factors = {}
        for site in sites:
            gain, bias = trained[f"{site.name}.l"], site.bias()
            if self.scales_input(site):
                factors[site.name] = Factors(input_gain=gain)
            else:
                factors[site.name] = Factors(gain=gain, bias=None if bias is None else gain * bias.to(gain))
        return factors

    def scales_input(self, site: Site) -> bool:
        """Say whether a site is a feed-forward part's second map."""
        return without_layer(site.name) in self.feedforward.split(",")

    def sizes(self, sites: list[Site]) -> dict[str, int]:
        """Return also ``scaled``, the sum of the sites' sides that are scaled."""
        return super().sizes(sites) | {"scaled": sum(map(self._length, sites))}

    def _length(self, site: Site) -> int:
        return site.in_features if self.scales_input(site) else site.out_features
