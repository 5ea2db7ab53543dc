"""The output of an adapted linear map and its gradients, as one function of the map and of what its sites add.

Autograd would write what a site adds, add it to the output, and add one more gradient to the input for every site. Here
each of these is added by the product that computes it. Kept for the backward pass are x, and that only where an A is
trained, and A x; dropout's masks are made again.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from methods.base import Factors


class Part(NamedTuple):
    """What one site adds to the outputs of its module, from the output ``start`` on.

    Each factor has a leading run axis: of length S, or of length 1 where all runs share it. ``mask`` returns what the
    entries of x are multiplied by before they reach A, in the shape of x; None stands for no dropout.
    """

    factors: Factors
    start: int = 0
    mask: Callable[[], Tensor] | None = None


def adapted(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, output: Tensor | None, parts: Sequence[Part]
) -> Tensor:
    """Return W x + bias with v * (B (C (A x))) of each part added, for the stacked rows of S runs, in the dtype of x.

    x: (S * n, ..., d_in). weight: the frozen W (d_out, d_in). A map that computes its output in its own way gives
    ``output`` (S * n, ..., d_out) instead of a weight and a bias.
    """
    tensors = [tensor for part in parts for tensor in part.factors]
    return _Adapted.apply(x, weight, bias, output, parts, *tensors)


class _Adapted(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, output, parts, *tensors):
        ctx.places = [(part.start, part.mask) for part in parts]
        ctx.runs = max(len(tensor) for tensor in tensors if tensor is not None)
        out = torch.nn.functional.linear(x, weight, bias) if output is None else output.clone()
        rows, outputs = _by_run(x, ctx.runs), _by_run(out, ctx.runs)
        hidden = []
        for (start, mask), (A, B, C, v) in zip(ctx.places, _fours(tensors), strict=True):
            hidden.append(_times(_masked(rows, mask), A.mT))
            _add_product(outputs.narrow(-1, start, B.shape[1]), _inner(hidden[-1], C), _scaled(B, v).mT)
        # x is needed for the gradient of an A alone.
        kept = x if any(ctx.needs_input_grad[5 + 4 * place] for place in range(len(parts))) else None
        ctx.save_for_backward(kept, weight, *tensors, *hidden)
        ctx.shape = x.shape
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        x, weight, *saved = ctx.saved_tensors
        count = len(ctx.places)
        tensors, hidden = saved[: 4 * count], saved[4 * count :]
        needs_x, needs_output = ctx.needs_input_grad[0], ctx.needs_input_grad[3]
        outputs = _by_run(gradient, ctx.runs)
        rows = None if x is None else _by_run(x, ctx.runs)
        of_x = _times(outputs, weight[None]) if needs_x and weight is not None else None
        of_tensors: list[Tensor | None] = []
        for place, ((start, mask), (A, B, C, v), thin) in enumerate(
            zip(ctx.places, _fours(tensors), hidden, strict=True)
        ):
            needs_A, needs_B, needs_C, needs_v = ctx.needs_input_grad[5 + 4 * place :][:4]
            of_out = outputs.narrow(-1, start, B.shape[1])
            of_inner = _times(of_out, _scaled(B, v))
            of_B = of_v = of_C = of_A = None
            if needs_B or needs_v:
                summed = of_out.mT @ _inner(thin, C)  # (S, d_out, r), over the rows
                of_v = (summed * B).sum(-1) if needs_v else None
                of_B = (summed if v is None else summed * v[..., None]) if needs_B else None
            if needs_C:
                of_C = (of_inner * thin).sum(1) if C.ndim == 2 else of_inner.mT @ thin
            of_hidden = _inner(of_inner, C if C is None or C.ndim == 2 else C.mT)
            if needs_A:
                of_A = of_hidden.mT @ _masked(rows, mask)
            if needs_x:
                of_x = _with_change(of_x, of_hidden, A, mask)
            of_tensors += [of_A, of_B, of_C, of_v]
        of_x = None if of_x is None else of_x.reshape(ctx.shape)
        return of_x, None, None, gradient if needs_output else None, None, *of_tensors


def _fours(tensors: Sequence[Tensor | None]) -> list[Sequence[Tensor | None]]:
    return [tensors[place : place + 4] for place in range(0, len(tensors), 4)]


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


def _with_change(of_x: Tensor | None, of_hidden: Tensor, A: Tensor, mask: Callable[[], Tensor] | None) -> Tensor:
    """Return x's gradient with what comes through A added to it."""
    if of_x is None or mask is not None:
        change = _times(of_hidden, A)
        change = change if mask is None else change * mask().view_as(change)
        return change if of_x is None else of_x.add_(change)
    _add_product(of_x, of_hidden, A)
    return of_x
