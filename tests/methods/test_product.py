"""The adapted map as one function: its output is the equation's, and its gradients are those of finite differences."""

import pytest
import torch
from torch import Tensor

from methods.base import Factors
from methods.product import Part, adapted

RUNS, ROWS, INPUTS, RANK, OUTPUTS = 2, 3, 5, 2, 4


def draw(*shape: int, trained: bool = True) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64).requires_grad_(trained)


def factors(C: str = "", v: bool = False, shared: bool = False, width: int = OUTPUTS, gain: bool = False) -> Factors:
    """Return factors of two runs; ``shared`` ones are one frozen A and B for both, as VeRA's and LoRA-XS's are."""
    runs = 1 if shared else RUNS
    return Factors(
        A=draw(runs, RANK, INPUTS, trained=not shared),
        B=draw(runs, width, RANK, trained=not shared),
        C={"": None, "vector": draw(RUNS, RANK), "matrix": draw(RUNS, RANK, RANK)}[C],
        v=draw(RUNS, width) if v else None,
        gain=draw(RUNS, width) if gain else None,
    )


def dense(width: int = OUTPUTS, shared: bool = False, gain: bool = False) -> Factors:
    """Return a change that is no product, of two runs or of both."""
    change = draw(1 if shared else RUNS, width, INPUTS, trained=not shared)
    return Factors(delta=change, gain=draw(RUNS, width) if gain else None)


def expected(x: Tensor, weight: Tensor, bias: Tensor, parts: list[Part]) -> Tensor:
    """Compute each run and site by itself, as the equation says."""
    out = []
    for run, rows in enumerate(x.unflatten(0, (RUNS, -1))):
        y = rows @ weight.T + bias
        for own, start, mask in parts:
            A, B, C, v, gain, change = (None if f is None else f[run % len(f)] for f in own)
            if change is None:
                inner = A if C is None else (torch.diag(C) if C.ndim == 1 else C) @ A
                change = (B if v is None else torch.diag(v) @ B) @ inner
            kept = rows if mask is None else rows * mask().unflatten(0, (RUNS, -1))[run]
            end = start + len(change)
            mine = y[..., start:end] + kept @ change.T
            if gain is not None:
                mine = (1 + gain) * (mine - bias[start:end]) + bias[start:end]
            y = torch.cat([y[..., :start], mine, y[..., end:]], -1)
        out.append(y)
    return torch.cat(out)


CASES = {
    "lora": lambda: [Part(factors())],
    "vera": lambda: [Part(factors("vector", v=True, shared=True))],
    "tied_lora": lambda: [Part(factors("vector", v=True))],
    "lora_xs": lambda: [Part(factors("matrix", shared=True))],
    "a matrix of its own": lambda: [Part(factors("matrix", v=True))],
    "two sites of one module": lambda: [Part(factors(width=1), 0), Part(factors("vector", width=2), 2)],
    "dora": lambda: [Part(factors(gain=True))],
    "a gain of one site of two": lambda: [Part(factors(width=1), 0), Part(factors(width=2, gain=True), 2)],
    "fourierft": lambda: [Part(dense())],
    "a change for both runs, with a gain": lambda: [Part(dense(shared=True, gain=True))],
    "a change of one site of two": lambda: [Part(factors("vector", width=1), 0), Part(dense(2), 2, mask(3))],
    "dropout": lambda: [Part(factors(), 0, mask(1)), Part(factors(v=True, width=2), 2, mask(2))],
}


def mask(seed: int):
    return lambda: 2.0 * torch.rand(RUNS * ROWS, INPUTS, generator=torch.Generator().manual_seed(seed)).round().double()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("own_output", [False, True])
def test_output_and_gradients(case: str, own_output: bool) -> None:
    torch.manual_seed(0)
    parts, x = CASES[case](), draw(RUNS * ROWS, INPUTS)
    weight, bias = draw(OUTPUTS, INPUTS, trained=False), draw(OUTPUTS, trained=False)

    def output(x: Tensor, *_: Tensor) -> Tensor:
        if own_output:  # a map that computes its output itself, as a quantised one does
            return adapted(x, parts, output=x @ weight.T + bias, bias=bias)
        return adapted(x, parts, weight=weight, bias=bias)

    torch.testing.assert_close(output(x), expected(x, weight, bias, parts), rtol=0, atol=1e-12)
    trained = [f for part in parts for f in part.factors if f is not None and f.requires_grad]
    assert torch.autograd.gradcheck(output, (x, *trained))


def test_rows_of_tokens_are_rows() -> None:
    torch.manual_seed(0)
    parts, x = [Part(factors("vector"))], draw(RUNS * ROWS, 7, INPUTS)
    weight, bias = draw(OUTPUTS, INPUTS, trained=False), draw(OUTPUTS, trained=False)
    own = adapted(x, parts, weight=weight, bias=bias)
    torch.testing.assert_close(own, expected(x, weight, bias, parts), rtol=0, atol=1e-12)


def test_x_is_kept_only_for_an_a_that_is_trained() -> None:
    """VeRA's and LoRA-XS's frozen A needs no x for its gradient, so the pass forgets it."""
    weight, x = draw(OUTPUTS, INPUTS, trained=False), draw(RUNS * ROWS, INPUTS)
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        adapted(x, [Part(factors("matrix", shared=True))], weight=weight)
        assert not any(tensor.data_ptr() == x.data_ptr() for tensor in kept)
        adapted(x, [Part(dense(shared=True))], weight=weight)
        assert not any(tensor.data_ptr() == x.data_ptr() for tensor in kept)
        adapted(x, [Part(factors())], weight=weight)
    assert any(tensor.data_ptr() == x.data_ptr() for tensor in kept)
