"""The adapted map as one function: its output is the equation's, and its gradients are those of finite differences."""

import pytest
import torch
from torch import Tensor

from methods.base import Factors
from methods.product import Map, Part, scaled
from methods.product import adapted as all_adapted

RUNS, ROWS, INPUTS, RANK, OUTPUTS = 2, 3, 5, 2, 4


def adapted(x: Tensor, parts: list[Part], **given: Tensor) -> Tensor:
    (out,) = all_adapted(x, [Map(parts, **given)])
    return out


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
            A, B, C, v, gain, change, _, added = (None if f is None else f[run % len(f)] for f in own)
            if change is None and A is None:
                change = torch.zeros(next(f for f in (gain, added) if f is not None).shape[0], INPUTS).double()
            if change is None:
                inner = A if C is None else (torch.diag(C) if C.ndim == 1 else C) @ A
                change = (B if v is None else torch.diag(v) @ B) @ inner
            kept = rows if mask is None else rows * mask().unflatten(0, (RUNS, -1))[run]
            end = start + len(change)
            mine = y[..., start:end] + kept @ change.T
            if gain is not None:
                mine = (1 + gain) * (mine - bias[start:end]) + bias[start:end]
            if added is not None:
                mine = mine + added
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
    "ia3": lambda: [Part(Factors(gain=draw(RUNS, OUTPUTS), bias=draw(RUNS, OUTPUTS)))],
    "bitfit": lambda: [Part(Factors(bias=draw(RUNS, OUTPUTS)))],
    "a bias beside a product": lambda: [Part(factors(gain=True)._replace(bias=draw(RUNS, OUTPUTS)))],
    "a bias of one site of two": lambda: [Part(Factors(bias=draw(RUNS, 1)), 0), Part(factors(width=2), 2)],
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


def test_scaled_inputs_and_their_gradients() -> None:
    torch.manual_seed(0)
    x, gain = draw(RUNS * ROWS, 7, INPUTS), draw(RUNS, INPUTS)
    wanted = torch.cat([(1 + own) * rows for own, rows in zip(gain, x.chunk(RUNS), strict=True)])
    torch.testing.assert_close(scaled(x, gain), wanted, rtol=0, atol=1e-14)
    assert torch.autograd.gradcheck(scaled, (x, gain))


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


TOGETHER = {
    "trained A": lambda: [[Part(factors())], [Part(factors("vector", v=True))], [Part(factors("matrix"))]],
    "an A of all": lambda: [[Part(each)] for each in sharing(factors("vector"))],
    "a frozen A of all": lambda: [[Part(each)] for each in sharing(factors("vector", v=True, shared=True))],
    "frozen and trained": lambda: [[Part(factors("matrix", shared=True))], [Part(factors())], []],
    "dropout of one": lambda: [[Part(factors())], [Part(factors(), 0, mask(1))], [Part(factors())]],
    "a delta": lambda: [[Part(Factors(delta=draw(RUNS, OUTPUTS, INPUTS)), 0, mask(1))], [Part(factors())], []],
    "gains": lambda: [[Part(factors(gain=True))], [Part(factors())], [Part(factors(gain=True))]],
    "gains alone": lambda: [[Part(Factors(gain=draw(RUNS, OUTPUTS)))] for _ in range(3)],
    "biases alone": lambda: [[Part(Factors(bias=draw(RUNS, OUTPUTS)))], [], [Part(factors())]],
}


def sharing(first: Factors) -> list[Factors]:
    """Return factors of three maps that have one A."""
    return [first, *(factors("vector", v=first.v is not None)._replace(A=first.A) for _ in range(2))]


@pytest.mark.parametrize("case", TOGETHER)
@pytest.mark.parametrize("unused", [None, 0, 2])
def test_maps_of_one_x_are_each_the_equations(case: str, unused: int | None) -> None:
    """``unused`` is a map whose output nothing depends on."""
    torch.manual_seed(0)
    x, parts = draw(RUNS * ROWS, INPUTS), TOGETHER[case]()
    weights = [(draw(OUTPUTS, INPUTS, trained=False), draw(OUTPUTS, trained=False)) for _ in parts]
    maps = [Map(own, weight, bias) for own, (weight, bias) in zip(parts, weights, strict=True)]
    maps[1] = maps[1]._replace(weight=None)

    def outputs(x: Tensor, *_: Tensor) -> tuple[Tensor, ...]:
        now = [maps[0], maps[1]._replace(output=x @ weights[1][0].T + weights[1][1]), maps[2]]
        return tuple(out for number, out in enumerate(all_adapted(x, now)) if number != unused)

    wanted = [expected(x, weight, bias, own) for own, (weight, bias) in zip(parts, weights, strict=True)]
    torch.testing.assert_close(
        outputs(x), tuple(out for number, out in enumerate(wanted) if number != unused), rtol=0, atol=1e-12
    )
    used = {id(f): f for number, own in enumerate(parts) if number != unused for part in own for f in part.factors}
    trained = [f for f in used.values() if f is not None and f.requires_grad]
    assert torch.autograd.gradcheck(outputs, (x, *trained))


def test_an_a_of_all_maps_takes_one_product_of_its_rank() -> None:
    x, weight = draw(RUNS * ROWS, INPUTS), draw(OUTPUTS, INPUTS, trained=False)
    wide: list[int] = []
    for each in (sharing(factors("vector")), [factors("vector") for _ in range(3)]):
        kept: list[Tensor] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, kept=kept: kept.append(t) or t, lambda t: t):
            all_adapted(x, [Map([Part(own)], weight) for own in each])
        wide += [tensor.shape[-1] for tensor in kept if tensor.shape[:2] == (RUNS, ROWS)]
    assert wide == [RANK, 3 * RANK]


def test_an_output_that_a_map_gives_is_not_kept() -> None:
    x, output = draw(RUNS * ROWS, INPUTS), draw(RUNS * ROWS, OUTPUTS)
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        adapted(x, [Part(factors())], output=output, bias=draw(OUTPUTS, trained=False))
    assert kept and not any(tensor.data_ptr() == output.data_ptr() for tensor in kept)
