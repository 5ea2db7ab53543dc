"""What holds for every method that methods.find() gives, with the hyperparameters of its file in conf/method/."""

import ast
import copy
import inspect
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from support import method_cases
from support.method_cases import TARGETS, batch

import methods
from methods.adapter import Adapter
from methods.base import Method, MethodError, Site, delta, digest, evaluated, kind
from methods.bitfit import BitFit
from methods.dropout import Rows
from methods.fourierft import FourierFT
from methods.sites import find_sites

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sites(method, backbone):
    return find_sites(backbone, TARGETS, ["classifier"]) if method.adapts_sites else []


@pytest.fixture
def inputs():
    return batch()


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def adapted(model, method, sites, *runs) -> Adapter:
    return Adapter(model, method, sites, list(runs), method.frozen(sites), Rows())


def digests(tensors) -> dict[str, str]:
    return {name: digest(tensor) for name, tensor in tensors}


def test_find_gives_every_method_defined_in_the_folder():
    defined = [
        path.stem
        for path in sorted((ROOT / "methods").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and "Method" in [ast.unparse(base) for base in node.bases]
    ]
    assert list(methods.find()) == defined
    assert len(defined) >= 7


def test_the_tests_of_methods_need_nothing_of_the_benchmarks():
    """So that a method can be tested alone, as methods/ can be used alone."""
    files = [*Path(__file__).parent.rglob("*.py"), Path(method_cases.__file__)]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {f"{n.module}.{alias.name}" for n in nodes if isinstance(n, ast.ImportFrom) for alias in n.names}
    assert not {name.partition(".")[0] for name in imported} & {"benchmarks", "scripts", "hydra", "omegaconf"}
    shared = {".".join(name.split(".")[:2]) for name in imported if name.startswith("support")}
    assert shared == {"support.method_cases"}


def test_every_config_is_a_methods():
    assert sorted(path.stem for path in (ROOT / "conf" / "method").glob("*.yaml")) == list(methods.find())


def test_the_file_is_short_and_names_its_paper(method):
    source = Path(inspect.getsourcefile(type(method)))
    assert len(source.read_text().splitlines()) <= 150
    if method.adapts_sites:
        assert "arXiv" in inspect.getmodule(type(method)).__doc__


def test_the_config_gives_every_hyperparameter_and_rate(name, settings, method, sites):
    assert settings["name"] == name.partition(",")[0]
    assert settings.keys() - {"name", "lr", "lr_head"} == {field.name for field in fields(method)}
    rates = settings["lr"]
    if isinstance(rates, dict):
        assert rates.keys() == {kind(tensor) for tensor in method.init(sites, generator(0))}
    assert isinstance(settings["lr_head"], float)


def test_trained_tensors_are_float32_and_named_by_site_and_kind(method, sites):
    trained = method.init(sites, generator(0))
    assert bool(trained) == method.adapts_sites
    for name, tensor in trained.items():
        assert tensor.dtype == torch.float32
        assert name.rpartition(".")[0] in {"", *(site.name for site in sites)}


def test_init_depends_on_the_generator_alone(method, sites):
    first, second, other = generator(1), generator(1), generator(2)
    torch.manual_seed(10)
    before = torch.get_rng_state()
    trained = digests(method.init(sites, first).items())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(11)
    assert digests(method.init(sites, second).items()) == trained
    draws = not torch.equal(first.get_state(), generator(1).get_state())
    assert (digests(method.init(sites, other).items()) != trained) == draws


def test_frozen_tensors_depend_on_no_seed(method, sites):
    torch.manual_seed(10)
    before = torch.get_rng_state()
    frozen = digests(method.frozen(sites).items())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(11)
    method.init(sites, generator(3))
    assert digests(method.frozen(sites).items()) == frozen


def test_frozen_tensors_read_the_weights_only_where_the_method_says_so(method, sites):
    frozen = digests(method.frozen(sites).items())
    others = [Site(s.name, s.in_features, s.out_features, lambda s=s: s.weight().flip(0) + 0.01) for s in sites]
    assert (digests(method.frozen(others).items()) != frozen) == (method.frozen_from_weights is not None)


def test_the_change_at_the_start(method, sites, backbone, inputs):
    base = backbone(**inputs).logits
    adapted(backbone, method, sites, method.init(sites, generator(0)))
    change = backbone(**inputs).logits - base
    if method.starts_at_zero:
        assert not change.any()
    else:
        # "tiny" in the papers: here under a hundredth of the output, and more than rounding. Only FourierFT's
        # coefficients are drawn with a deviation of 1.
        assert 1e-6 < change.norm() / base.norm() < (1 if isinstance(method, FourierFT) else 1e-2)


def test_merging(method, sites, backbone, inputs, randomised):
    base = backbone(**inputs).logits
    original = digests(backbone.state_dict().items())
    adapter = adapted(backbone, method, sites, *(randomised(method, sites, seed) for seed in (1, 2)))
    twice = {name: tensor.repeat(2, 1) for name, tensor in inputs.items()}
    unmerged = backbone(**twice).logits.unflatten(0, (2, -1))
    factors = [method.factors(adapter.run(run), method.frozen(sites), sites) for run in range(2)]
    for run in range(2):
        adapter.merge(run)
        merged = backbone(**inputs).logits
        # W + Delta W rounds once more than W x + Delta W x: some units in the last place of float32, through one layer
        torch.testing.assert_close(merged, unmerged[run], rtol=1e-5, atol=1e-5)
        assert torch.allclose(merged, base, rtol=0, atol=1e-4) != method.adapts_sites
        once = digests(backbone.state_dict().items())
        assert {name for name in once if once[name] != original[name]} == _changed(method, sites, factors[run])
        adapter.merge(run)
        assert digests(backbone.state_dict().items()) == once
        adapter.unmerge()
        assert digests(backbone.state_dict().items()) == original
        assert torch.equal(backbone(**twice).logits.unflatten(0, (2, -1)), unmerged)
    adapter.merge(0)
    adapter.merge(1)
    assert digests(backbone.state_dict().items()) == once


def _changed(method, sites, factors) -> set[str]:
    """Return the names of what a merge changes: every site's weight, unless biases alone change, and such biases."""
    weights = method.low_rank or method.dense or method.scales
    names = {f"{site.name}.weight" for site in sites if weights}
    return names | {f"{site.name}.bias" for site in sites if factors[site.name].bias is not None}


def test_an_adapter_can_be_built_without_gradients(method, sites, backbone, inputs, randomised):
    """As one does who loads an adapter to predict with it."""
    trained = randomised(method, sites, 1)
    with torch.no_grad():
        model = copy.deepcopy(backbone)
        adapted(model, method, sites, trained)
        without = model(**inputs).logits
    adapted(backbone, method, sites, trained)
    assert torch.equal(without, backbone(**inputs).logits)


def test_an_adapter_leaves_the_tensors_it_is_given(method, sites, backbone):
    trained = method.init(sites, generator(0))
    before = digests(trained.items())
    adapter = adapted(backbone, method, sites, trained)
    for parameter in adapter.trained.values():
        parameter.data.add_(1.0)
    assert digests(trained.items()) == before
    assert not any(tensor.requires_grad for tensor in trained.values())


def test_a_packed_run_gives_the_same_factors(method, sites, randomised):
    trained = randomised(method, sites, 1)
    frozen = method.frozen(sites)
    packed = method.pack(trained)
    unpacked = method.unpack({name: tensor.clone() for name, tensor in packed.items()})
    # What is stored as it is comes back to the bit; what is stored otherwise, to some roundings of float32.
    tolerance = {"rtol": 0, "atol": 0} if type(method).pack is Method.pack else {"rtol": 1e-5, "atol": 1e-6}
    factors, again = method.factors(trained, frozen, sites), method.factors(unpacked, frozen, sites)
    assert factors.keys() == again.keys() == {site.name for site in sites}
    for site in sites:
        torch.testing.assert_close(delta(again[site.name], site), delta(factors[site.name], site), **tolerance)


def test_what_is_stored_is_no_more_than_what_is_trained(method, sites):
    trained = method.init(sites, generator(0))
    numbers = sum(tensor.numel() for tensor in trained.values())
    packed = method.pack(trained)
    assert sum(tensor.numel() for tensor in packed.values()) <= numbers
    # A paper may count an index as more than it takes on disk, never as less.
    words = sum(tensor.numel() * tensor.element_size() for tensor in packed.values()) / 4
    assert words <= method.stored_parameters(trained) <= numbers
    if type(method).pack is Method.pack:
        assert method.stored_parameters(trained) == numbers


def test_factors_have_the_sites_shapes(method, sites, randomised):
    factors = method.factors(randomised(method, sites, 1), method.frozen(sites), sites)
    for site in sites:
        A, B, C, v, gain, dense, input_gain, bias = factors[site.name]
        if method.low_rank:
            r = len(A)
            assert A.shape == (r, site.in_features)
            assert B.shape == (site.out_features, r)
            assert C is None or C.shape in ((r,), (r, r))
            assert v is None or v.shape == (site.out_features,)
            assert dense is None
        else:
            assert (dense is not None) == method.dense
            assert dense is None or dense.shape == (site.out_features, site.in_features)
            assert A is B is C is v is None
        assert (gain is not None or input_gain is not None) == method.scales
        assert gain is None or gain.shape == (site.out_features,)
        assert input_gain is None or input_gain.shape == (site.in_features,)
        assert bias is None or bias.shape == (site.out_features,)


def test_a_forward_pass_computes_the_factors_once(method, sites, backbone, inputs, monkeypatch):
    calls = []
    compute = type(method).factors
    adapted(backbone, method, sites, *(method.init(sites, generator(seed)) for seed in range(2)))
    monkeypatch.setattr(type(method), "factors", lambda *args: calls.append(1) or compute(*args))
    backbone(**{name: tensor.repeat(2, 1) for name, tensor in inputs.items()})
    assert len(calls) == (1 if sites else 0)


def test_the_formula_gives_what_the_method_stores(method, sites):
    if not method.adapts_sites:
        pytest.skip("stores nothing, or the backbone")
    assert evaluated(method.formula, method, sites) == method.stored_parameters(method.init(sites, generator(0)))
    for reading in method.readings.values():
        assert evaluated(reading, method, sites) > 0


def test_biases_of_norms_train_and_merge(backbone, inputs, randomised):
    method = BitFit()
    sites = find_sites(backbone, [*TARGETS, "LayerNorm"], ["classifier"], norms=method.adapts_norms)
    adapter = adapted(backbone, method, sites, randomised(method, sites, 1))
    before = backbone(**inputs).logits
    before.sum().backward()
    for name, parameter in adapter.trained.items():
        assert parameter.grad.abs().max() > 1e-6 or name.endswith("key.b")  # softmax does not see what all keys get
    weights = {name: parameter for name, parameter in backbone.named_parameters() if name.endswith("weight")}
    original = digests(weights.items())
    adapter.merge()
    torch.testing.assert_close(backbone(**inputs).logits, before, rtol=1e-5, atol=1e-5)
    assert digests(weights.items()) == original


def test_a_bias_is_not_merged_where_there_is_none(backbone, inputs):
    backbone.bert.encoder.layer[0].attention.self.query.bias = None
    sites = find_sites(backbone, ["query"], [])
    adapter = adapted(backbone, BitFit(), sites, BitFit().init(sites, None))
    before = digests(backbone.state_dict().items())
    with pytest.raises(MethodError, match=r"query has no bias that one could be merged into: leave it unmerged"):
        adapter.merge()
    assert digests(backbone.state_dict().items()) == before
