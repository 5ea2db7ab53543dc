"""GPT-2's c_attn is three sites, q, k and v, and its maps are Conv1D: adapted, merged and counted like any other."""

import pytest
import torch
import transformers

from methods import find
from methods.adapter import Adapter
from methods.base import MethodError, delta, digest
from methods.dropout import Rows
from methods.sites import find_sites

ALL = ["c_attn.q", "c_attn.k", "c_attn.v", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"]
FUSED = {"c_attn": ["q", "k", "v"]}


@pytest.fixture
def gpt2():
    """A random GPT-2 of one layer, whose sides suit the hyperparameters in conf/method: 256 and 1024."""
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        n_embd=256, n_layer=1, n_head=2, vocab_size=100, n_positions=32, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0
    )
    return transformers.GPT2LMHeadModel(config).eval()


@pytest.fixture
def tokens():
    return torch.randint(0, 100, (3, 9), generator=torch.Generator().manual_seed(5))


def adapted(model, method, sites, *runs) -> Adapter:
    return Adapter(model, method, sites, list(runs), method.frozen(sites), Rows())


def test_a_fused_map_is_a_site_for_each_part(gpt2):
    attention = gpt2.transformer.h[0].attn
    q, k, v = find_sites(gpt2, ["c_attn.q", "c_attn.k", "c_attn.v"], [], FUSED)
    assert [site.name for site in (q, k, v)] == [f"transformer.h.0.attn.c_attn.{part}" for part in "qkv"]
    for site, weight in zip((q, k, v), attention.c_attn.weight.split(256, 1), strict=True):
        assert (site.in_features, site.out_features) == (256, 256)
        assert torch.equal(site.weight(), weight.T)
    (up,) = find_sites(gpt2, ["c_fc"], [], FUSED)
    assert (up.in_features, up.out_features) == (256, 1024)
    assert torch.equal(up.weight(), gpt2.transformer.h[0].mlp.c_fc.weight.T)


def test_the_whole_is_no_target_beside_its_parts(gpt2):
    with pytest.raises(MethodError, match=r"target 'c_attn' names no linear map.*nearest: 'attn.c_attn.[qkv]'"):
        find_sites(gpt2, ["c_attn"], [], FUSED)


def test_parts_that_do_not_divide_the_outputs_are_refused(gpt2):
    with pytest.raises(
        MethodError, match=r"the 768 outputs of transformer.h.0.attn.c_attn cannot be divided into 5 equal maps"
    ):
        find_sites(gpt2, ["c_attn.q"], [], {"c_attn": list("qkvxy")})


@pytest.mark.parametrize("name", [name for name, method in find().items() if method.adapts_sites])
@pytest.mark.parametrize("target", ["c_attn.q", "c_attn.k", "c_attn.v"])
def test_one_part_changes_its_own_outputs_alone(method, randomised, gpt2, target):
    sites = find_sites(gpt2, [target], [], FUSED)
    projection = gpt2.transformer.h[0].attn.c_attn
    x = torch.randn(2, 5, 256, generator=torch.Generator().manual_seed(1))
    before = projection(x)
    trained = randomised(method, sites, 1)
    adapter = adapted(gpt2, method, sites, trained)
    adapter._rows = len(x)  # what a pass through the whole model would say
    with adapter.hold():
        change = (projection(x) - before).detach()
    (site,) = sites
    factors = method.factors(trained, method.frozen(sites), sites)[site.name]
    expected = x @ delta(factors, site).T + (0 if factors.bias is None else factors.bias)
    own = change[..., site.start : site.start + 256]
    torch.testing.assert_close(own, expected, rtol=1e-4, atol=1e-5)  # x W + x Delta W less x W loses a digit
    assert own.abs().max() > 1e-3
    others = change.clone()
    others[..., site.start : site.start + 256] = 0
    assert not others.any()


def test_merging(method, randomised, gpt2, tokens):
    sites = find_sites(gpt2, ALL, [], FUSED) if method.adapts_sites else []
    base = gpt2(tokens).logits
    original = {name: digest(tensor) for name, tensor in gpt2.state_dict().items()}
    adapter = adapted(gpt2, method, sites, *(randomised(method, sites, seed, std=0.03) for seed in (1, 2)))
    unmerged = gpt2(tokens.repeat(2, 1)).logits.unflatten(0, (2, -1))
    for run in range(2):
        adapter.merge(run)
        adapter.merge(run)
        merged = gpt2(tokens).logits
        # as in test_properties: some units in the last place of float32, through one layer and a product with 100 words
        torch.testing.assert_close(merged, unmerged[run], rtol=1e-4, atol=1e-4)
        assert torch.allclose(merged, base, rtol=0, atol=1e-2) != method.adapts_sites
    adapter.unmerge()
    assert {name: digest(tensor) for name, tensor in gpt2.state_dict().items()} == original


def test_held_factors_are_computed_once(method, gpt2, tokens, monkeypatch):
    sites = find_sites(gpt2, ALL, [], FUSED) if method.adapts_sites else []
    adapter = adapted(gpt2, method, sites, method.init(sites, torch.Generator().manual_seed(0)))
    calls = []
    compute = type(method).factors
    monkeypatch.setattr(type(method), "factors", lambda *args: calls.append(1) or compute(*args))
    expected = gpt2(tokens).logits
    calls.clear()
    with adapter.hold():
        assert torch.equal(gpt2(tokens).logits, expected)
        assert torch.equal(gpt2(tokens).logits, expected)
    assert len(calls) == (1 if sites else 0)
    gpt2(tokens)
    assert len(calls) == (2 if sites else 0)
