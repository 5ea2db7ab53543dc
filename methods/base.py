"""What a method is: a map from a few trained numbers to what every adapted linear map adds, most often factors."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from methods import formulas
from methods.errors import MethodError

Tensors = dict[str, Tensor]


def _no_bias() -> None:
    return None


@dataclass(frozen=True)
class Site:
    """One adapted linear map y = W x; ``weight()`` returns the frozen W, (out_features, in_features), in float32.

    ``bias()`` returns the frozen bias (out_features,) beside it, in float32, or None where the map has none.
    A module that computes several maps at once has several sites: ``module`` is then the module's name, and ``start``
    the first of its outputs that belongs to this site. Otherwise the site has the name of its module.
    """

    name: str
    in_features: int
    out_features: int
    weight: Callable[[], Tensor]
    module: str = ""
    start: int = 0
    bias: Callable[[], Tensor | None] = _no_bias


class Factors(NamedTuple):
    """What a site makes of W x: (1 + gain) * (W z + v * (B (C (A z)))) + bias, or (1 + gain) * (W z + delta z) + bias.

    z is (1 + input_gain) * x; the map's own bias stands beside it all. A: (r, d_in). B: (d_out, r). C: (r,), (r, r) or
    None. v, gain, bias: (d_out,) or None. input_gain: (d_in,) or None; None where a module has several sites. A gain
    is kept as what it differs from 1 by, which low precision would round away. delta: (d_out, d_in), a change of W
    that is no product of low rank; A, B, C and v are None beside it, and it is None beside them. Where all five are
    None, W stays but for the gains.
    """

    A: Tensor | None = None
    B: Tensor | None = None
    C: Tensor | None = None
    v: Tensor | None = None
    gain: Tensor | None = None
    delta: Tensor | None = None
    input_gain: Tensor | None = None
    bias: Tensor | None = None


class Method:
    """Base of all methods. A subclass is a frozen dataclass whose fields are the method's hyperparameters.

    A subclass defines ``init`` and ``factors``, and overrides the rest only where its paper says so. It is written for
    one run: ``adapter.Adapter`` maps ``factors`` over the run axis of a group.
    """

    adapts_sites: ClassVar[bool] = True
    adapts_norms: ClassVar[bool] = False  # whether a site may be a LayerNorm, of whose factors only the bias counts
    trains_backbone: ClassVar[bool] = False
    trains_head: ClassVar[bool] = True  # if the backbone has one
    starts_at_zero: ClassVar[bool] = True  # whether the change of every W is zero before the first step
    scales: ClassVar[bool] = False  # whether its factors have a gain of either kind, which no low rank can hold
    low_rank: ClassVar[bool] = True  # whether its factors are A and B
    dense: ClassVar[bool] = False  # whether they are a delta
    reads_weights: ClassVar[bool] = False  # whether ``factors`` reads the sites' weights
    # Set where ``frozen`` is computed from the sites' weights, which takes long: the hyperparameters it depends on.
    frozen_from_weights: ClassVar[tuple[str, ...] | None] = None
    # What ``stored_parameters`` returns, as a Python expression of the hyperparameters and of ``sizes`` of the sites;
    # and other counts that a paper may have printed, each under a name that describes it.
    formula: ClassVar[str] = "0"
    readings: ClassVar[dict[str, str]] = {}
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check what the hyperparameters of every method must satisfy."""
        if getattr(self, "rank", 1) < 1:
            raise MethodError(f"rank must be at least 1, got {self.rank}")
        if not 0.0 <= self.dropout < 1.0:
            raise MethodError(f"dropout must be at least 0 and less than 1, got {self.dropout}")

    @property
    def trains(self) -> bool:
        """Say whether a run has anything to train."""
        return self.adapts_sites or self.trains_backbone or self.trains_head

    def frozen(self, sites: list[Site]) -> Tensors:
        """Return what is neither trained nor stored. All runs share it, so it must not depend on a run's seed."""
        return {}

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return one run's trained tensors, in float32, drawn from ``generator``.

        A tensor's name is ``<site>.<kind>``, or ``<kind>`` where all sites share it; the kind selects its learning
        rate.
        """
        return {}

    def noise(self, sites: list[Site]) -> dict[str, tuple[int, ...]]:
        """Return names and shapes of the uniform numbers in (0, 1) that ``factors`` needs in a training step.

        ``factors`` must draw nothing, since it is mapped over the runs. It finds these numbers among the trained
        tensors, in float32 and drawn anew for each step; it must do without them where a run answers, is merged or is
        stored.
        """
        return {}

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return each site's factors, by the site's name, from one run's tensors; called once a step for all sites."""
        return {}

    def pack(self, trained: Tensors) -> Tensors:
        """Return the tensors that an adapter file holds."""
        return trained

    def unpack(self, stored: Tensors) -> Tensors:
        """Return trained tensors that give the packed run's factors."""
        return stored

    def stored_parameters(self, trained: Tensors) -> float:
        """Return the size of an adapter, in numbers of 32 bits, as the method's paper counts it."""
        return sum(tensor.numel() for tensor in trained.values())

    def sizes(self, sites: list[Site]) -> dict[str, int]:
        """Return the sizes of the sites that ``formula`` and ``readings`` may use, by name."""
        return sizes_of(sites)


def sizes_of(sites: list[Site]) -> dict[str, int]:
    """Return what any ``formula`` may use: the number of sites, sums of their sides, and their least input side."""
    return {
        "maps": len(sites),
        "sides": sum(site.in_features + site.out_features for site in sites),
        "outputs": sum(site.out_features for site in sites),
        "hidden": min((site.in_features for site in sites), default=0),
    }


def evaluated(formula: str, method: Method, sites: list[Site]) -> float:
    """Return what a ``formula`` gives for a method's hyperparameters and these sites."""
    return formulas.value(formula, asdict(method) | method.sizes(sites))


def kind(name: str) -> str:
    """Return the kind of a trained tensor: "A" for ``encoder.query.A``."""
    return name.rsplit(".", 1)[-1]


def delta(factors: Factors, site: Site) -> Tensor:
    """Return the change of the site's W, (d_out, d_in), that one run's ``factors`` amount to."""
    change = _product(factors, site) if factors.delta is None else factors.delta
    if factors.gain is not None:
        change = change + factors.gain[:, None] * (site.weight().to(change) + change)
    if factors.input_gain is not None:
        change = change + (site.weight().to(change) + change) * factors.input_gain
    return change


def _product(factors: Factors, site: Site) -> Tensor:
    if factors.A is None:
        return torch.zeros_like(site.weight())
    inner = factors.A
    if factors.C is not None:
        inner = factors.C[:, None] * inner if factors.C.ndim == 1 else factors.C @ inner
    product = factors.B @ inner
    return product if factors.v is None else factors.v[:, None] * product


def kaiming_uniform(shape: tuple[int, int], gain: float, generator: torch.Generator | None) -> Tensor:
    """Draw a matrix from U(-k, k) with k = gain * sqrt(3 / fan_in), where fan_in is its second side."""
    bound = gain * (3.0 / shape[1]) ** 0.5
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)


def digest(tensor: Tensor) -> str:
    """Return the sha256 of a tensor's bytes."""
    return hashlib.sha256(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()
