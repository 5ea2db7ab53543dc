"""BitFit: Ben Zaken, Goldberg and Ravfogel, ACL 2022, arXiv 2106.10199.

h = W0 x + b for every site, with b (d_out) trained and W0 frozen. The paper trains every bias of the model: its sites
are all linear maps and, as ``targets`` may name for this method, LayerNorms: with ``LayerNorm`` beside all six maps of
a layer they are 102,144 numbers of RoBERTa-base, and 82,944 without. Its smaller variant trains the biases of q and of
the feed-forward part's first map.
Initialisation: b is the backbone's, so the change is zero at the start.
Deviations: trained is the change of b, from zero, which for AdamW is the same training but for weight decay. A map that
has no bias, as a Llama's, is given one, which cannot be merged.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from methods.base import Factors, Method, Site, Tensors


@dataclass(frozen=True)
class BitFit(Method):
    """Trains d_out numbers for each site."""

    adapts_norms: ClassVar[bool] = True
    low_rank: ClassVar[bool] = False
    formula: ClassVar[str] = "outputs"

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return the change of b of every site, which is zero."""
        return {f"{site.name}.b": torch.zeros(site.out_features) for site in sites}

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return the changes as biases."""
        return {site.name: Factors(bias=trained[f"{site.name}.b"]) for site in sites}
