"""What a method is: a map from few trained numbers to the low-rank factors of every adapted linear map."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from methods.errors import MethodError

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Site:
    """One adapted linear map y = W x; ``weight()`` gives the frozen W, (out_features, in_features), in float32.

    A module that computes several maps at once is several sites: ``module`` is then its name, and ``start`` the first
    of its outputs that is this site's. Otherwise the site has its module's own name.
    """

    name: str
    in_features: int
    out_features: int
    weight: Callable[[], Tensor]
    module: str = ""
    start: int = 0


class Factors(NamedTuple):
    """What a site adds to its output: v * (B (C (A x))).

    A: (r, d_in). B: (d_out, r). C: (r,), (r, r) or None. v: (d_out,) or None.
    """

    A: Tensor
    B: Tensor
    C: Tensor | None = None
    v: Tensor | None = None


class Method:
    """Base of all methods. A subclass is a frozen dataclass whose fields are the method's hyperparameters.

    It gives ``init`` and ``factors``, and overrides the rest only where its paper says so. It is written for one run:
    the run axis of a group is lifted over ``factors`` from outside.
    """

    adapts_sites: ClassVar[bool] = True
    trains_backbone: ClassVar[bool] = False
    trains_head: ClassVar[bool] = True  # where the backbone has one
    starts_at_zero: ClassVar[bool] = True
    # The hyperparameters that ``frozen`` depends on where it is computed from the sites' weights, which takes its time.
    frozen_from_weights: ClassVar[tuple[str, ...] | None] = None
    # How many numbers ``stored_parameters`` gives, as a Python expression of the hyperparameters and ``sizes_of`` the
    # sites; and what else a paper may have counted, by a name that says it.
    formula: ClassVar[str] = "0"
    readings: ClassVar[dict[str, str]] = {}
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check what every method's hyperparameters must satisfy."""
        if getattr(self, "rank", 1) < 1:
            raise MethodError(f"rank {self.rank} is no rank: 1 and more are")
        if not 0.0 <= self.dropout < 1.0:
            raise MethodError(f"dropout {self.dropout} is no probability to drop with: 0 up to, but not, 1 is")

    @property
    def trains(self) -> bool:
        """Say whether a run has anything to train."""
        return self.adapts_sites or self.trains_backbone or self.trains_head

    def frozen(self, sites: list[Site]) -> Tensors:
        """Return what is neither trained nor stored: one for all runs, so it must not depend on a run's seed."""
        return {}

    def init(self, sites: list[Site], generator: torch.Generator | None) -> Tensors:
        """Return one run's trained tensors in float32, drawn from ``generator``.

        A name is ``<site>.<kind>``, or ``<kind>`` where all sites share a tensor; the kind picks its learning rate.
        """
        return {}

    def noise(self, sites: list[Site]) -> dict[str, tuple[int, ...]]:
        """Return names and shapes of uniform numbers within (0, 1) that a training step's ``factors`` need.

        Nothing may be drawn in ``factors``, which is lifted over the runs: it finds them beside the trained tensors, in
        float32, drawn anew for each step, and does without them wherever a run answers, is merged or is stored.
        """
        return {}

    def factors(self, trained: Tensors, frozen: Tensors, sites: list[Site]) -> dict[str, Factors]:
        """Return each site's factors from one run's tensors; called once a step for all sites."""
        return {}

    def pack(self, trained: Tensors) -> Tensors:
        """Return what an adapter file holds."""
        return trained

    def unpack(self, stored: Tensors) -> Tensors:
        """Return trained tensors that give the packed run's factors."""
        return stored

    def stored_parameters(self, trained: Tensors) -> float:
        """Return the size of an adapter as the method's paper counts it, in numbers of 32 bits."""
        return sum(tensor.numel() for tensor in trained.values())


def sizes_of(sites: list[Site]) -> dict[str, int]:
    """Return what a ``formula`` may name of the sites: how many ``maps``, and sums and the least of their sides."""
    return {
        "maps": len(sites),
        "sides": sum(site.in_features + site.out_features for site in sites),
        "outputs": sum(site.out_features for site in sites),
        "hidden": min((site.in_features for site in sites), default=0),
    }


def kind(name: str) -> str:
    """Return a trained tensor's kind: ``encoder.query.A`` is an ``A``."""
    return name.rsplit(".", 1)[-1]


def delta(factors: Factors) -> Tensor:
    """Return the dense change of W, (d_out, d_in), that ``factors`` of one run stand for."""
    inner = factors.A
    if factors.C is not None:
        inner = factors.C[:, None] * inner if factors.C.ndim == 1 else factors.C @ inner
    dense = factors.B @ inner
    return dense if factors.v is None else factors.v[:, None] * dense


def apply(x: Tensor, factors: Factors) -> Tensor:
    """Return v * (B (C (A x))) for the stacked rows of S runs.

    x: (S * n, ..., d_in). Each factor has a leading run axis of S, or of 1 where one tensor serves all runs.
    Returns (S * n, ..., d_out) in x's dtype.
    """
    runs = max(factor.shape[0] for factor in factors if factor is not None)
    hidden = _product(x.reshape(runs, -1, x.shape[-1]), factors.A)
    if factors.C is not None:
        hidden = hidden * factors.C[:, None] if factors.C.ndim == 2 else _product(hidden, factors.C)
    out = _product(hidden, factors.B)
    if factors.v is not None:
        out = out * factors.v[:, None]
    return out.reshape(*x.shape[:-1], out.shape[-1])


def _product(rows: Tensor, matrix: Tensor) -> Tensor:
    # Without the run axis a shared matrix is one product for all runs, not S broadcast ones.
    return rows @ (matrix[0] if matrix.shape[0] == 1 else matrix).mT


def kaiming_uniform(shape: tuple[int, int], gain: float, generator: torch.Generator | None) -> Tensor:
    """Draw a matrix from U(-k, k) with k = gain * sqrt(3 / fan_in), fan_in being its second side."""
    bound = gain * (3.0 / shape[1]) ** 0.5
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)


def digest(tensor: Tensor) -> str:
    """Return the sha256 of a tensor's bytes."""
    return hashlib.sha256(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()
