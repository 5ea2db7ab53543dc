"""The output of an adapted linear map and its gradients, as one function of the map and of what its sites add.

Autograd would write what a site adds, add it to the output, and add one more gradient to the input for every site. Here
each of these is added by the product that computes it. Kept for the backward pass are x, and that only where an A or a
delta is trained, and A x; dropout's masks are made again.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from methods.base import Factors


class Part(NamedTuple):
    """What one site adds to the outputs of its module, from the output ``start`` on.

    Each factor has a leading run axis: of length S, or of length 1 where all runs share it. ``mask`` returns what the
    entries of x are multiplied by before they reach A, in the shape of x; None stands for no dropout.
    """

    factors: Factors
    start: int = 0
    mask: Callable[[], Tensor] | None = None


_GIVEN = 5  # arguments of _Adapted.forward before the factors
_PRODUCT = ("A", "B", "C", "v", "delta")
_EACH = len(_PRODUCT)


def adapted(
    x: Tensor,
    parts: Sequence[Part],
    *,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    output: Tensor | None = None,
) -> Tensor:
    """Return (1 + gain) * (W x + v * (B (C (A x))) + delta x) + bias, with what each part has, in the dtype of x.

    x: (S * n, ..., d_in), the stacked rows of S runs. weight: the frozen W (d_out, d_in). A map that computes its
    output in its own way gives ``output`` (S * n, ..., d_out), with the bias in it, instead of a weight.
    """
    factors = [getattr(part.factors, name) for part in parts for name in _PRODUCT]
    out = _Adapted.apply(x, output, weight, bias, [(part.start, part.mask) for part in parts], *factors)
    gains = [(part.start, part.factors.gain) for part in parts if part.factors.gain is not None]
    return _with_gains(out, bias, gains) if gains else out


def _with_gains(out: Tensor, bias: Tensor | None, gains: Sequence[tuple[int, Tensor]]) -> Tensor:
    """Return ``out`` (S * n, ..., d_out), but for the bias in it, times 1 + the gains (S, d) from each start on."""
    width = out.shape[-1]
    whole = sum(functional.pad(gain, (start, width - start - gain.shape[-1])) for start, gain in gains)
    rows = _by_run(out, len(whole))
    without = rows if bias is None else rows - bias.to(rows.dtype)
    return torch.addcmul(rows, whole[:, None], without).view_as(out)


class _Adapted(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, output, weight, bias, places, *factors):
        ctx.places, ctx.shape = places, x.shape
        ctx.runs = max(len(factor) for factor in factors if factor is not None)
        out = functional.linear(x, weight, bias) if output is None else output.clone()
        rows, outputs = _by_run(x, ctx.runs), _by_run(out, ctx.runs)
        hidden = []
        for (start, mask), part in zip(places, _by_part(factors), strict=True):
            own, kept = outputs.narrow(-1, start, _last(part).shape[1]), _masked(rows, mask)
            hidden.append(None if part.A is None else _times(kept, part.A.mT))
            if part.A is None:
                _add_product(own, kept, part.delta.mT)
            else:
                _add_product(own, _inner(hidden[-1], part.C), _scaled(part.B, part.v).mT)
        needs_x = any(needed.A or needed.delta for needed in _by_part(ctx.needs_input_grad[_GIVEN:]))
        ctx.save_for_backward(x if needs_x else None, weight, *factors, *hidden)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        x, weight, *saved = ctx.saved_tensors
        factors, hidden = saved[: -len(ctx.places)], saved[-len(ctx.places) :]
        needs_x, needs_output, *_ = ctx.needs_input_grad
        outputs = _by_run(gradient, ctx.runs)
        rows = None if x is None else _by_run(x, ctx.runs)
        of_x = _times(outputs, weight[None]) if needs_x and weight is not None else None
        of_factors: list[Tensor | None] = []
        parts = zip(ctx.places, _by_part(factors), _by_part(ctx.needs_input_grad[_GIVEN:]), hidden, strict=True)
        for (start, mask), part, needed, thin in parts:
            of_out = outputs.narrow(-1, start, _last(part).shape[1])
            of_hidden, *of_part = (of_out, None, None, None) if thin is None else _of_thin(of_out, thin, part, needed)
            of_first = of_hidden.mT @ _masked(rows, mask) if needed.A or needed.delta else None
            of_factors += [None, *of_part, of_first] if thin is None else [of_first, *of_part, None]
            if needs_x:
                of_x = _with_change(of_x, of_hidden, _first(part), mask)
        of_x = None if of_x is None else of_x.reshape(ctx.shape)
        return of_x, gradient if needs_output else None, None, None, None, *of_factors


def _of_thin(of_out: Tensor, thin: Tensor, factors: Factors, needed: Factors) -> tuple[Tensor | None, ...]:
    """Return the gradients of A x, B, C and v from that of v * (B (C (A x))); None for a factor that needs none.

    of_out: (S, n, d_out). thin: A x, (S, n, r).
    """
    B, C, v = factors.B, factors.C, factors.v
    of_inner = _times(of_out, _scaled(B, v))
    of_B = of_C = of_v = None
    if needed.B or needed.v:
        summed = of_out.mT @ _inner(thin, C)  # over the rows: (S, d_out, r)
        of_B = _scaled(summed, v) if needed.B else None
        of_v = (summed * B).sum(-1) if needed.v else None
    if needed.C:
        of_C = (of_inner * thin).sum(1) if C.ndim == 2 else of_inner.mT @ thin
    of_hidden = _inner(of_inner, C.mT if C is not None and C.ndim == 3 else C)
    return of_hidden, of_B, of_C, of_v


def _by_part(values: Sequence) -> list[Factors]:
    """Return what stands for the factors of all parts in a row, part by part."""
    each = (values[place : place + _EACH] for place in range(0, len(values), _EACH))
    return [Factors(**dict(zip(_PRODUCT, own, strict=True))) for own in each]


def _first(part: Factors) -> Tensor:
    """Return the factor that meets x."""
    return part.A if part.delta is None else part.delta


def _last(part: Factors) -> Tensor:
    """Return the factor that gives the outputs."""
    return part.B if part.delta is None else part.delta


def _by_run(x: Tensor, runs: int) -> Tensor:
    return x.reshape(runs, -1, x.shape[-1])


def _masked(rows: Tensor, mask: Callable[[], Tensor] | None) -> Tensor:
    return rows if mask is None else rows * mask().view_as(rows)


def _inner(hidden: Tensor, C: Tensor | None) -> Tensor:
    """Return C (A x): ``hidden`` is A x, (S, n, r); C is (S, r), (S, r, r) or None."""
    if C is None:
        return hidden
    return hidden * C[:, None] if C.ndim == 2 else _times(hidden, C.mT)


def _scaled(B: Tensor, v: Tensor | None) -> Tensor:
    return B if v is None else B * v[..., None]


def _times(rows: Tensor, matrix: Tensor) -> Tensor:
    """Return rows (S, n, a) times a matrix (S, a, b) or (1, a, b)."""
    # Without its run axis a shared matrix takes one product for all runs, instead of S broadcast ones.
    return rows @ (matrix[0] if len(matrix) == 1 else matrix)


def _add_product(to: Tensor, rows: Tensor, matrix: Tensor) -> None:
    """Add rows (S, n, a) times a matrix (S, a, b) or (1, a, b) to ``to`` (S, n, b)."""
    if len(matrix) == 1:
        to.flatten(0, 1).addmm_(rows.flatten(0, 1), matrix[0])
    else:
        to.baddbmm_(rows, matrix)


def _with_change(of_x: Tensor | None, of_hidden: Tensor, first: Tensor, mask: Callable[[], Tensor] | None) -> Tensor:
    """Return x's gradient with what comes through the factor that meets x added to it."""
    if of_x is not None and mask is None:
        _add_product(of_x, of_hidden, first)
        return of_x
    change = _masked(_times(of_hidden, first), mask)
    return change if of_x is None else of_x.add_(change)
