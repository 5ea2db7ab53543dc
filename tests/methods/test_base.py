"""What every method begins from: names of tensors, sizes of sites, and what a class that says nothing is taken for."""

import itertools

import pytest
import torch

from methods.base import Factors, Method, Site, delta, kind, sizes_of
from methods.fourierft import FourierFT


def test_a_tensors_kind_is_what_follows_the_last_dot_or_all_of_it() -> None:
    assert [kind(name) for name in ("layer.0.query.A", "query.B", "vector_bank")] == ["A", "B", "vector_bank"]


def test_sizes_are_sums_over_the_sites_and_the_least_input() -> None:
    wide, tall = (Site(f"{inputs}", inputs, outputs, lambda: None) for inputs, outputs in ((30, 20), (7, 50)))
    assert sizes_of([wide, tall]) == {"maps": 2, "sides": 107, "outputs": 70, "hidden": 7}
    assert sizes_of([]) == {"maps": 0, "sides": 0, "outputs": 0, "hidden": 0}


def test_a_method_that_says_nothing_adapts_sites_and_trains_the_head_alone_beside_them() -> None:
    plain = Method()
    assert (plain.adapts_sites, plain.trains_head, plain.trains_backbone) == (True, True, False)
    assert (plain.starts_at_zero, plain.low_rank, plain.dropout) == (True, True, 0.0)
    assert not (plain.scales or plain.dense or plain.reads_weights)
    assert plain.frozen([]) == plain.init([], None) == plain.noise([]) == plain.factors({}, {}, []) == {}


def test_a_change_is_the_products_with_and_without_each_factor() -> None:
    A, B = torch.tensor([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]]), torch.tensor([[1.0, 0.0], [2.0, 1.0]])
    W = torch.tensor([[5.0, 5.0, 5.0], [1.0, 0.0, 1.0]])
    site = Site("w", 3, 2, lambda: W)
    vector, matrix = torch.tensor([2.0, -1.0]), torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    assert torch.equal(delta(Factors(A, B), site), B @ A)
    assert torch.equal(delta(Factors(A, B, vector), site), B @ torch.diag(vector) @ A)
    assert torch.equal(delta(Factors(A, B, matrix), site), B @ matrix @ A)
    assert torch.equal(delta(Factors(A, B, v=vector), site), torch.diag(vector) @ B @ A)
    assert torch.equal(W + delta(Factors(A, B, gain=vector), site), torch.diag(1 + vector) @ (W + B @ A))
    assert torch.equal(delta(Factors(delta=W), site), W)
    assert not delta(Factors(bias=vector), site).any()
    inputs = torch.tensor([1.0, 2.0, -1.0])
    both = Factors(A, B, gain=vector, input_gain=inputs)
    assert torch.equal(W + delta(both, site), torch.diag(1 + vector) @ (W + B @ A) @ torch.diag(1 + inputs))
    assert torch.equal(W + delta(Factors(input_gain=inputs), site), W @ torch.diag(1 + inputs))
    assert torch.equal(W + delta(Factors(delta=B @ A, gain=vector), site), torch.diag(1 + vector) @ (W + B @ A))


@pytest.mark.parametrize("said", [*itertools.product((True, False), repeat=3)])
def test_a_method_trains_where_any_part_does(said: tuple[bool, bool, bool]) -> None:
    names = ("adapts_sites", "trains_backbone", "trains_head")
    made = type("Made", (Method,), dict(zip(names, said, strict=True)))()
    assert made.trains == any(said)


def test_one_frequency_is_enough() -> None:
    assert FourierFT(frequencies=1, alpha=1.0).frequencies == 1
