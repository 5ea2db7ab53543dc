"""The outputs of adapted linear maps and their gradients, as one function of the maps and of what their sites add.

Autograd would write what a site adds, add it to the output, and add one more gradient to the input for every site and
map. Here each of these is added by the product that computes it. Maps that take the same x, such as q, k and v, are
one function, which reads x once for all A that see it whole. Kept for the backward pass are x, and that only where an A
or a delta is trained, and A x; dropout's masks are made again.
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


class Map(NamedTuple):
    """A linear map and what its sites add: the frozen weight W (d_out, d_in) and bias (d_out,).

    A map that computes its output in its own way gives ``output`` (S * n, ..., d_out), with the bias in it, instead of
    a weight.
    """

    parts: Sequence[Part]
    weight: Tensor | None = None
    bias: Tensor | None = None
    output: Tensor | None = None


_PRODUCT = ("A", "B", "C", "v", "delta")
_EACH = len(_PRODUCT)


def adapted(x: Tensor, maps: Sequence[Map]) -> list[Tensor]:
    """Return each map's (1 + gain) * (W x + v * (B (C (A x))) + delta x) + biases, in the dtype of x.

    A map has of these what its parts have. Where they have an input gain, x is that of ``scaled``.

    x: (S * n, ..., d_in), the stacked rows of S runs.
    """
    products = [each._replace(parts=[part for part in each.parts if _has_product(part.factors)]) for each in maps]
    tensors = [getattr(each, name) for name in ("output", "weight", "bias") for each in products]
    tensors += [getattr(part.factors, name) for each in products for part in each.parts for name in _PRODUCT]
    outputs = _Adapted.apply(x, _plan(products), *tensors)
    return [_with_biases(_with_gains(out, each), each) for out, each in zip(outputs, maps, strict=True)]


def scaled(x: Tensor, gain: Tensor) -> Tensor:
    """Return x (S * n, ..., d_in) times 1 + the input gains (S, d_in) of S runs."""
    rows = _by_run(x, len(gain))
    return torch.addcmul(rows, gain[:, None], rows).view_as(x)


def _has_product(factors: Factors) -> bool:
    return factors.A is not None or factors.delta is not None


def _with_gains(out: Tensor, given: Map) -> Tensor:
    """Return ``out`` (S * n, ..., d_out), but for the bias in it, times 1 + the gains (S, d) of the map's parts."""
    gains = _of_parts(given.parts, "gain", out.shape[-1])
    if gains is None:
        return out
    rows = _by_run(out, len(gains))
    without = rows if given.bias is None else rows - given.bias.to(rows.dtype)
    return torch.addcmul(rows, gains[:, None], without).view_as(out)


def _with_biases(out: Tensor, given: Map) -> Tensor:
    """Return ``out`` (S * n, ..., d_out) plus the biases (S, d) of the map's parts."""
    biases = _of_parts(given.parts, "bias", out.shape[-1])
    return out if biases is None else (_by_run(out, len(biases)) + biases[:, None]).view_as(out)


def _of_parts(parts: Sequence[Part], field: str, width: int) -> Tensor | None:
    """Return the gains or the biases of a map's parts as one (S or 1, width), with zeros where a part has none."""
    own = [(part.start, getattr(part.factors, field)) for part in parts]
    there = [functional.pad(each, (start, width - start - each.shape[-1])) for start, each in own if each is not None]
    return sum(there) if there else None


class _Reading(NamedTuple):
    """A product of x, whole or masked, with one A or several side by side: those of the parts in ``owners``."""

    mask: Callable[[], Tensor] | None
    owners: list[int]


class _Place(NamedTuple):
    """Where a part stands: its map, its first output there, its reading, and which of the reading's A is its own.

    A part with a delta in the place of A and B has no reading.
    """

    number: int
    start: int
    reading: int | None
    owner: int
    mask: Callable[[], Tensor] | None


class _Plan(NamedTuple):
    readings: list[_Reading]
    places: list[_Place]


def _plan(maps: Sequence[Map]) -> _Plan:
    """Return which products with x are made. An A that several parts share takes part in one of them, once."""
    readings: list[_Reading] = []
    places: list[_Place] = []
    seen: dict[int, tuple[int, int]] = {}  # by an A that sees x whole: its reading, and its place there
    whole: dict[int, int] = {}  # by the length of A's run axis: the reading of x as it is
    for number, each in enumerate(maps):
        for part in each.parts:
            A = part.factors.A
            if A is None:
                at = (None, 0)
            elif part.mask is not None:
                at = (len(readings), 0)
                readings.append(_Reading(part.mask, [len(places)]))
            elif id(A) in seen:
                at = seen[id(A)]
            else:
                if len(A) not in whole:
                    whole[len(A)] = len(readings)
                    readings.append(_Reading(None, []))
                owners = readings[whole[len(A)]].owners
                at = seen[id(A)] = (whole[len(A)], len(owners))
                owners.append(len(places))
            places.append(_Place(number, part.start, *at, part.mask))
    return _Plan(readings, places)


class _Adapted(torch.autograd.Function):
    """``tensors`` are the maps' outputs, their weights, their biases, and the factors of all parts."""

    @staticmethod
    def forward(ctx, x, plan, *tensors):
        ctx.set_materialize_grads(False)
        ctx.plan, ctx.shape = plan, x.shape
        given, weights, biases, factors = _in_kinds(plan, tensors)
        ctx.runs = max((len(factor) for part in factors for factor in part if factor is not None), default=1)
        rows = _by_run(x, ctx.runs)
        stacks = _stacks(plan, factors)
        thin = [_by_column(A.mT) for A in stacks]
        hidden = [_times(_masked(rows, mask), A) for (mask, _), A in zip(plan.readings, thin, strict=True)]
        made = [
            functional.linear(x, weight, bias) if out is None else out.clone()
            for out, weight, bias in zip(given, weights, biases, strict=True)
        ]
        outputs = [_by_run(out, ctx.runs) for out in made]
        for place, thin, part in zip(plan.places, _parted(plan, hidden, factors), factors, strict=True):
            to = outputs[place.number].narrow(-1, place.start, _last(part).shape[1])
            if thin is None:
                _add_product(to, _masked(rows, place.mask), part.delta.mT)
            else:
                _add_product(to, _inner(thin, part.C), _scaled(part.B, part.v).mT)
        *_, needs = _in_kinds(plan, ctx.needs_input_grad[2:])
        meets_x = any(needed.A or needed.delta for needed in needs)
        ctx.save_for_backward(x if meets_x else None, *hidden, *weights, *_in_a_row(factors))
        return tuple(made)

    @staticmethod
    @once_differentiable
    def backward(ctx, *gradients):
        plan, needs_x = ctx.plan, ctx.needs_input_grad[0]
        needs_given, *_, needs = _in_kinds(plan, ctx.needs_input_grad[2:])
        x, *saved = ctx.saved_tensors
        readings, maps = len(plan.readings), len(gradients)
        hidden, weights, factors = saved[:readings], saved[readings:][:maps], _by_part(saved[readings + maps :])
        rows = None if x is None else _by_run(x, ctx.runs)
        outputs = [None if gradient is None else _by_run(gradient, ctx.runs) for gradient in gradients]
        of_x = _of_maps(outputs, weights) if needs_x else None
        of_thin, of_factors = [], []
        for place, thin, part, needed in zip(plan.places, _parted(plan, hidden, factors), factors, needs, strict=True):
            of_out = outputs[place.number]
            if of_out is not None:
                of_out = of_out.narrow(-1, place.start, _last(part).shape[1])
            if of_out is not None and thin is None:
                of_delta = of_out.mT @ _masked(rows, place.mask) if needed.delta else None
                of_x = _with_change(of_x, of_out, part.delta, place.mask) if needs_x else None
                of_thin.append(None)
                of_factors.append(Factors(delta=of_delta))
            else:
                of_hidden, of_B, of_C, of_v = _of_thin(of_out, thin, part, needed)
                of_thin.append(of_hidden)
                of_factors.append(Factors(B=of_B, C=of_C, v=of_v))
        for number, (reading, A) in enumerate(zip(plan.readings, _stacks(plan, factors), strict=True)):
            widths = [factors[owner].A.shape[1] for owner in reading.owners]
            of_hidden = _joined(plan, number, of_thin, widths)
            if of_hidden is None:
                continue
            if any(needs[owner].A for owner in reading.owners):
                of_A = of_hidden.mT @ _masked(rows, reading.mask)
                for owner, of in zip(reading.owners, of_A.split(widths, dim=1), strict=True):
                    of_factors[owner] = of_factors[owner]._replace(A=of if needs[owner].A else None)
            if needs_x:
                of_x = _with_change(of_x, of_hidden, A, reading.mask)
        of_given = [of if needed else None for of, needed in zip(gradients, needs_given, strict=True)]
        of_x = None if of_x is None else of_x.reshape(ctx.shape)
        return of_x, None, *of_given, *(2 * maps * [None]), *_in_a_row(of_factors)


def _in_kinds(plan: _Plan, tensors: Sequence) -> tuple[Sequence, Sequence, Sequence, list[Factors]]:
    """Return what stands for the maps' outputs, weights and biases, and for each part's factors."""
    count = (len(tensors) - _EACH * len(plan.places)) // 3
    outputs, weights, biases = (tensors[place : place + count] for place in (0, count, 2 * count))
    return outputs, weights, biases, _by_part(tensors[3 * count :])


def _by_part(values: Sequence) -> list[Factors]:
    """Return what stands for the factors of all parts in a row, part by part."""
    each = (values[place : place + _EACH] for place in range(0, len(values), _EACH))
    return [Factors(**dict(zip(_PRODUCT, own, strict=True))) for own in each]


def _in_a_row(factors: Sequence[Factors]) -> list[Tensor | None]:
    return [getattr(part, name) for part in factors for name in _PRODUCT]


def _last(part: Factors) -> Tensor:
    """Return the factor that gives the outputs."""
    return part.B if part.delta is None else part.delta


def _stacks(plan: _Plan, factors: Sequence[Factors]) -> list[Tensor]:
    """Return each reading's A, side by side: (S or 1, the sum of their ranks, d_in)."""
    by_reading = [[factors[owner].A for owner in owners] for _, owners in plan.readings]
    return [each[0] if len(each) == 1 else torch.cat(each, dim=1) for each in by_reading]


def _parted(plan: _Plan, hidden: Sequence[Tensor], factors: Sequence[Factors]) -> list[Tensor | None]:
    """Return each part's A x, (S, n, r), of the readings' products; None for a part without an A."""
    widths = [[factors[owner].A.shape[1] for owner in owners] for _, owners in plan.readings]
    parts = [each.split(sizes, dim=-1) for each, sizes in zip(hidden, widths, strict=True)]
    return [None if place.reading is None else parts[place.reading][place.owner] for place in plan.places]


def _of_maps(outputs: Sequence[Tensor | None], weights: Sequence[Tensor | None]) -> Tensor | None:
    """Return x's gradient by way of the maps' own weights, (S, n, d_in)."""
    of_x = None
    for of_out, weight in zip(outputs, weights, strict=True):
        if of_out is None or weight is None:
            continue
        if of_x is None:
            of_x = _times(of_out, weight[None])
        else:
            _add_product(of_x, of_out, weight[None])
    return of_x


def _joined(plan: _Plan, number: int, of_thin: Sequence[Tensor | None], widths: Sequence[int]) -> Tensor | None:
    """Return the gradient of a reading's product, from those of the parts that it is for; None where none has one."""
    sums: list[Tensor | None] = [None] * len(widths)
    for place, of in zip(plan.places, of_thin, strict=True):
        if place.reading == number and of is not None:
            before = sums[place.owner]
            sums[place.owner] = of if before is None else before + of
    there = [each for each in sums if each is not None]
    if not there:
        return None
    if len(sums) == 1:
        return there[0]
    shape = there[0].shape[:-1]
    return torch.cat(
        [there[0].new_zeros(*shape, width) if each is None else each for each, width in zip(sums, widths, strict=True)],
        dim=-1,
    )


def _of_thin(of_out: Tensor | None, thin: Tensor, factors: Factors, needed: Factors) -> tuple[Tensor | None, ...]:
    """Return the gradients of A x, B, C and v from that of v * (B (C (A x))); None for a factor that needs none.

    of_out: (S, n, d_out), or None where nothing depends on it. thin: A x, (S, n, r).
    """
    if of_out is None:
        return None, None, None, None
    B, C, v = factors.B, factors.C, factors.v
    of_inner = _times(of_out, _by_column(_scaled(B, v)))
    of_B = of_C = of_v = None
    if needed.B or needed.v:
        # Summed over the rows: (S, d_out, r). Taken as its transpose, which on a CPU is up to four times as fast.
        summed = (_inner(thin, C).mT @ of_out).mT
        of_B = _scaled(summed, v) if needed.B else None
        of_v = (summed * B).sum(-1) if needed.v else None
    if needed.C:
        of_C = (of_inner * thin).sum(1) if C.ndim == 2 else of_inner.mT @ thin
    of_hidden = _inner(of_inner, C.mT if C is not None and C.ndim == 3 else C)
    return of_hidden, of_B, of_C, of_v


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


def _by_column(matrix: Tensor) -> Tensor:
    """Return a thin matrix (S, a, b) laid out column by column, which rows on a CPU are multiplied with faster."""
    return matrix if matrix.device.type != "cpu" or matrix.stride(-2) == 1 else matrix.mT.contiguous().mT


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
