"""Several runs in one pass: each is what it would be alone."""

import copy

import pytest
import torch

from methods.adapter import Adapter
from methods.dropout import Rows
from methods.lora import LoRA
from methods.sites import find_sites
from methods.vera import VeRA

RUNS, ROWS = 3, 4
TARGETS = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]


def adapted(model, method, sites, runs, first: int = 0) -> Adapter:
    """Return an adapter of runs in training, whose seeds count from ``first``."""
    rows = Rows()
    seeds = torch.arange(first, first + len(runs))[:, None]
    rows.enter(seeds, 0, torch.arange(ROWS).repeat(len(runs), 1), step=3)
    model.train()
    return Adapter(model, method, sites, runs, method.frozen(sites), rows)


def logits_and_gradients(model, adapter, tokens, labels):
    """Return (S, n, outputs) and each trained tensor's gradient of the sum of the runs' mean losses."""
    runs = len(labels)
    logits = model(input_ids=tokens.flatten(0, 1)).logits.unflatten(0, (runs, -1))
    if adapter.trained:
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum").div(ROWS).backward()
    return logits.detach(), {name: parameter.grad for name, parameter in adapter.trained.items()}


# One product for S runs may sum in another order than S products: rounding, some units in the last place of numbers
# near 1 (1e-7 and 2e-16).
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_a_run_in_a_group_is_the_run_alone(method, dtype, tolerance, backbone, randomised):
    model = backbone.to(dtype).requires_grad_(False)
    sites = find_sites(model, TARGETS, ["classifier"]) if method.adapts_sites else []
    tensors = [randomised(method, sites, seed, dtype, std=0.05) for seed in range(RUNS)]
    generator = torch.Generator().manual_seed(7)
    tokens = torch.randint(0, 100, (RUNS, ROWS, 8), generator=generator)
    labels = torch.randint(0, 2, (RUNS, ROWS), generator=generator)
    alone = [copy.deepcopy(model) for _ in range(RUNS)]

    together, gradients = logits_and_gradients(model, adapted(model, method, sites, tensors), tokens, labels)
    for s in range(RUNS):
        own_sites = find_sites(alone[s], TARGETS, ["classifier"]) if sites else []
        adapter = adapted(alone[s], method, own_sites, tensors[s : s + 1], first=s)
        logits, own = logits_and_gradients(alone[s], adapter, tokens[s : s + 1], labels[s : s + 1])
        torch.testing.assert_close(together[s], logits[0], rtol=tolerance, atol=tolerance)
        for name, gradient in own.items():
            assert gradient.any()
            torch.testing.assert_close(gradients[name][s], gradient[0], rtol=tolerance, atol=tolerance)


def test_the_runs_of_a_group_differ(method, backbone, randomised):
    sites = find_sites(backbone, TARGETS, ["classifier"]) if method.adapts_sites else []
    adapter = adapted(backbone, method, sites, [randomised(method, sites, seed) for seed in range(RUNS)])
    tokens = torch.arange(8).expand(RUNS, 1, 8)
    logits, _ = logits_and_gradients(backbone, adapter, tokens, torch.zeros(RUNS, 1, dtype=torch.int64))
    assert torch.allclose(logits[0], logits[1], atol=1e-4) != method.adapts_sites
    assert torch.allclose(logits[1], logits[2], atol=1e-4) != method.adapts_sites


def test_a_factor_that_is_not_trained_has_no_run_axis(method, backbone, randomised):
    sites = find_sites(backbone, TARGETS, ["classifier"]) if method.adapts_sites else []
    adapter = adapted(backbone, method, sites, [randomised(method, sites, seed) for seed in range(RUNS)])
    backbone(input_ids=torch.arange(8).expand(RUNS, 8))
    assert adapter._factors.keys() == {site.name for site in sites}
    for factors in adapter._factors.values():
        made = [factor for factor in factors if factor is not None]
        assert any(factor.requires_grad for factor in made)
        for factor in made:
            assert factor.shape[0] == (RUNS if factor.requires_grad else 1)


def test_veras_projections_are_never_copied(maps):
    """At rank 1024 on a 7B model a copy for each site would be 10 GB: a site's A and B are views of the frozen pair."""
    method = VeRA(rank=4)
    sites = find_sites(maps, ["up", "mix", "down"], [])
    adapter = adapted(maps, method, sites, [method.init(sites, None) for _ in range(RUNS)])
    maps(torch.randn(RUNS, 8))
    for site in sites:
        A, B, *_ = adapter._factors[site.name]
        assert A.shape == (1, 4, site.in_features)
        assert B.shape == (1, site.out_features, 4)
        assert A.untyped_storage().data_ptr() == adapter.frozen["A"].untyped_storage().data_ptr()
        assert B.untyped_storage().data_ptr() == adapter.frozen["B"].untyped_storage().data_ptr()


def test_a_second_adapter_adds_to_the_first(maps, randomised):
    method = LoRA(rank=2, alpha=2)
    maps.requires_grad_(False)
    sites = find_sites(maps, ["up"], [])
    x, (one, two) = torch.randn(ROWS, 8), (randomised(method, sites, seed) for seed in (0, 1))
    expected = maps.up(x) + sum(x @ run["up.A"].T @ run["up.B"].T for run in (one, two))
    for run in (one, two):
        adapted(maps, method, sites, [run])
    maps(x)
    torch.testing.assert_close(maps.up(x), expected, rtol=1e-5, atol=1e-6)  # rounding of sums of 8 terms near 1
