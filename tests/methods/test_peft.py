"""Methods that peft has too against peft 0.21.2, given the same tensors: equal outputs, equal gradients.

The two multiply in different orders, so they differ by rounding: in float64 1e-12 on numbers near 1. In float32 1e-5 of
a number, or 1e-6 beside numbers near 1: some ten units in the last place, what sums of up to 64 terms leave.
"""

import copy

import peft
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from methods.adapter import Adapter
from methods.dora import DoRA
from methods.dropout import Rows
from methods.fourierft import FourierFT
from methods.ia3 import IA3
from methods.lora import LoRA
from methods.pissa import PiSSA
from methods.randlora import RandLoRA
from methods.sites import find_sites
from methods.tinylora import TinyLoRA
from methods.uni_lora import UniLoRA
from methods.vb_lora import VBLoRA
from methods.vera import VeRA

TOLERANCE = {torch.float64: {"rtol": 1e-12, "atol": 1e-12}, torch.float32: {"rtol": 1e-5, "atol": 1e-6}}


def lora_tensors(method, model, sites):
    """Return (peft's parameter, our tensor's name, what makes ours into peft's layout) for every trained tensor."""
    for site in sites:
        layer = model.get_submodule(site.name)
        yield layer.lora_A["default"].weight, f"{site.name}.A", lambda t: t
        yield layer.lora_B["default"].weight, f"{site.name}.B", lambda t: t


def vera_tensors(method, model, sites):
    for site in sites:
        layer = model.get_submodule(site.name)
        yield layer.vera_lambda_d["default"], f"{site.name}.d", lambda t: t
        yield layer.vera_lambda_b["default"], f"{site.name}.b", lambda t: t


def vb_lora_tensors(method, model, sites):
    """Ours are one tensor (n, h): a site's A row by row, then its B column by column."""
    yield model.get_submodule(sites[0].name).vblora_vector_bank["default"], "vector_bank", lambda t: t
    start, r, b = 0, method.rank, method.vector_length
    for site in sites:
        layer = model.get_submodule(site.name)
        middle = start + r * site.in_features // b
        end = middle + r * site.out_features // b
        A, B = slice(start, middle), slice(middle, end)
        yield layer.vblora_logits_A["default"], "logits", lambda t, A=A: t[A].reshape(r, -1, t.shape[1])
        yield layer.vblora_logits_B["default"], "logits", lambda t, B=B: t[B].reshape(r, -1, t.shape[1]).swapaxes(0, 1)
        start = end


def uni_lora_tensors(method, model, sites):
    yield model.get_submodule(sites[0].name).unilora_theta_d["default"], "theta", lambda t: t


def tinylora_tensors(method, model, sites):
    """Peft has a vector for each group of sites, numbered."""
    vectors = model.get_submodule(sites[0].name).tinylora_v["default"]
    for number in range(len(vectors)):
        yield vectors[str(number)], "v", lambda t, number=number: t[number]


def randlora_tensors(method, model, sites):
    for site in sites:
        layer = model.get_submodule(site.name)
        yield layer.randlora_lambda["default"], f"{site.name}.lambda", lambda t: t.T
        yield layer.randlora_gamma["default"], f"{site.name}.gamma", lambda t: t


def fourierft_tensors(method, model, sites):
    for site in sites:
        yield model.get_submodule(site.name).fourierft_spectrum["default"], f"{site.name}.c", lambda t: t


def share_vera(model, sites, frozen):
    for side, tensor in frozen.items():
        shared = getattr(model, f"vera_{side}")
        assert shared["default"].shape == tensor.shape
        shared["default"] = tensor


def share_uni_lora(model, sites, frozen):
    """Give peft our projection: the place in theta of each of its numbers, and what each is multiplied by."""
    scale, start = frozen["uses"].double().rsqrt()[frozen["places"]], 0
    for site in sites:
        layer = model.model.get_submodule(site.name)
        for side in ("A", "B"):
            indices, scales = (getattr(layer, f"unilora_{what}_{side}") for what in ("indices", "scales"))
            shape = indices["default"].shape
            mine = slice(start, start := start + shape.numel())
            indices["default"] = frozen["places"][mine].view(shape)
            scales["default"] = scale[mine].view(shape).to(scales["default"].dtype)


def share_tinylora(model, sites, frozen):
    """Give peft our P, and our SVD, which has S beside U; peft's, with sqrt(S) on either side, has the same product."""
    for site, P in zip(sites, frozen["P"], strict=True):
        layer = model.model.get_submodule(site.name)
        A, B = frozen[f"{site.name}.A"], frozen[f"{site.name}.B"]
        product = layer.tinylora_B["default"] @ layer.tinylora_A["default"]
        torch.testing.assert_close(product, B @ A, rtol=1e-5, atol=1e-6)
        assert layer.tinylora_P["default"].shape == P.shape
        layer.tinylora_A["default"], layer.tinylora_B["default"], layer.tinylora_P["default"] = A, B, P


def share_randlora(model, sites, frozen):
    """Give peft our A and, to each module, our B in the order in which it pairs B's columns; and divide by sqrt(n)."""
    r = len(frozen["A"])
    for site in sites:
        layer = model.model.get_submodule(site.name)
        D, n = max(site.in_features, site.out_features), layer.num_bases
        own = copy.deepcopy(layer.randlora_B)
        own["default"] = frozen["B"][:D, : n * r].unflatten(1, (n, r)).mT.reshape(D, n, r)
        layer.randlora_B = own
        layer.randlora_A["default"] = frozen["A"][:, None]
        layer.scaling["default"] /= n**0.5


def same_places(model, sites, frozen):
    """Peft draws the places of our seed."""
    for site in sites:
        rows, columns = model.model.get_submodule(site.name).indices["default"]
        assert torch.equal(rows * site.in_features + columns, frozen[f"{site.out_features}x{site.in_features}"])


SHARED = {"vera": share_vera, "uni_lora": share_uni_lora, "tinylora": share_tinylora, "randlora": share_randlora}
SHARED["fourierft"] = same_places
CASES = {
    "uni_lora": (
        UniLoRA(rank=3, length=1000),
        uni_lora_tensors,
        lambda t: peft.UniLoraConfig(r=3, theta_d_length=1000, target_modules=t),
    ),
    "fourierft": (
        FourierFT(frequencies=40, alpha=60, projection_seed=777),
        fourierft_tensors,
        lambda t: peft.FourierFTConfig(n_frequency=40, scaling=60, random_loc_seed=777, target_modules=t),
    ),
    "randlora": (
        RandLoRA(rank=3, scale=2.0),
        randlora_tensors,
        lambda t: peft.RandLoraConfig(r=3, randlora_alpha=6, target_modules=t),
    ),
    "tinylora": (
        TinyLoRA(rank=8, length=60),
        tinylora_tensors,
        lambda t: peft.TinyLoraConfig(r=8, u=60, target_modules=t),
    ),
    "lora, rank_stabilized": (
        LoRA(rank=3, alpha=16, rank_stabilized=True),
        lora_tensors,
        lambda t: peft.LoraConfig(r=3, lora_alpha=16, use_rslora=True, target_modules=t),
    ),
    "lora": (LoRA(rank=3, alpha=16), lora_tensors, lambda t: peft.LoraConfig(r=3, lora_alpha=16, target_modules=t)),
    "vera": (VeRA(rank=6), vera_tensors, lambda t: peft.VeraConfig(r=6, target_modules=t)),
    "vb_lora": (
        VBLoRA(rank=2, vectors=9, vector_length=8, topk=2),
        vb_lora_tensors,
        lambda t: peft.VBLoRAConfig(r=2, num_vectors=9, vector_length=8, topk=2, target_modules=t),
    ),
}
# FourierFT in float32 alone: peft transforms its spectrum in float32, whatever the model is in.
PAIRS = [(case, dtype) for case in CASES for dtype in TOLERANCE if (case, dtype) != ("fourierft", torch.float64)]


def test_peft_is_the_version_compared_with():
    assert peft.__version__ == "0.21.2"


@pytest.fixture(params=["linear maps", "bert"])
def build(request, maps, bert):
    """Return a function that builds a model, its targets, a batch and what turns its output into a loss."""

    def linear_maps():
        x = torch.randn(4, 5, 8)
        cotangent = torch.randn(4, 5, 8)
        return maps, ["up", "mix", "down"], lambda model: model(x.to(dtype_of(model))), lambda y: (y * cotangent).mean()

    def classifier():
        tokens = torch.randint(0, 100, (6, 10))
        mask = (torch.arange(10) < torch.tensor([10, 7, 10, 4, 9, 10])[:, None]).long()
        labels = torch.tensor([0, 1, 1, 0, 1, 0])
        targets = ["query", "value", "intermediate.dense", "output.dense"]
        return (
            bert(32, 64, 2),
            targets,
            lambda model: model(input_ids=tokens, attention_mask=mask).logits,
            lambda logits: cross_entropy(logits, labels),
        )

    return {"linear maps": linear_maps, "bert": classifier}[request.param]


def dtype_of(model: nn.Module) -> torch.dtype:
    return next(model.parameters()).dtype


def both(wrapped, model, method, sites, trained, frozen, forward, loss):
    """Go forward and backward through peft's model and ours; return both outputs, the backbone's, and our adapter."""
    expected = forward(wrapped)
    loss(expected).backward()
    before = forward(model)
    adapter = Adapter(model, method, sites, [trained], frozen, Rows())
    output = forward(model)
    loss(output).backward()
    return expected, output, before, adapter


# peft 0.21.2 asks transformers for a property under its old name; nothing here can change that.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize(("case", "dtype"), PAIRS, ids=str)
def test_outputs_and_gradients_equal_pefts(case, dtype, build, randomised):
    method, tensors_of, config = CASES[case]
    torch.manual_seed(0)
    model, targets, forward, loss = build()
    model = model.to(dtype)
    sites = find_sites(model, targets, ["classifier"])
    trained = randomised(method, sites, 1, dtype, std=0.3)
    frozen = {name: t.to(dtype) if t.is_floating_point() else t for name, t in method.frozen(sites).items()}

    wrapped = peft.get_peft_model(copy.deepcopy(model), config(targets))
    other = wrapped.base_model.model
    assert {n for n, m in other.named_modules() if isinstance(m, wrapped.base_model.tuner_layer_cls)} == {
        site.name for site in sites
    }
    if frozen:
        SHARED[case](wrapped.base_model, sites, frozen)
    pairs = list(tensors_of(method, other, sites))
    assert sum(p.numel() for p, _, _ in pairs) == sum(t.numel() for t in trained.values())
    for parameter, name, layout in pairs:
        assert parameter.shape == layout(trained[name]).shape
        parameter.data = layout(trained[name]).clone()

    expected, output, before, adapter = both(wrapped, model, method, sites, trained, frozen, forward, loss)

    assert (output - before).abs().max() > 1e-3
    torch.testing.assert_close(output, expected, **TOLERANCE[dtype])
    for parameter, name, layout in pairs:
        assert parameter.grad.any()
        torch.testing.assert_close(layout(adapter.trained[name].grad[0]), parameter.grad, **TOLERANCE[dtype])


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize(("start", "theirs"), [("principal", "pissa"), ("orthonormal", "olora")])
def test_pissas_outputs_and_gradients_equal_pefts(start, theirs, build, randomised):
    """Peft takes B0 A0 from the weights and trains A and B themselves, and computes the SVD in float32."""
    method = PiSSA(rank=3, start=start)
    torch.manual_seed(0)
    model, targets, forward, loss = build()
    sites = find_sites(model, targets, ["classifier"])
    trained, frozen = randomised(method, sites, 1, std=0.3), method.frozen(sites)
    config = peft.LoraConfig(r=3, lora_alpha=3, init_lora_weights=theirs, target_modules=targets)
    wrapped = peft.get_peft_model(copy.deepcopy(model), config)
    signs = {}
    for site in sites:
        layer = wrapped.base_model.model.get_submodule(site.name)
        A, B = layer.lora_A["default"].weight, layer.lora_B["default"].weight
        signs[site.name] = sign = torch.sign((A.detach() * frozen[f"{site.name}.A0"]).sum(1))
        close = {"rtol": 1e-4, "atol": 1e-5}
        torch.testing.assert_close(sign[:, None] * A.detach(), frozen[f"{site.name}.A0"], **close)
        torch.testing.assert_close(B.detach() * sign, frozen[f"{site.name}.B0"], **close)
        A.data += sign[:, None] * trained[f"{site.name}.A"]
        B.data += trained[f"{site.name}.B"] * sign

    expected, output, before, adapter = both(wrapped, model, method, sites, trained, frozen, forward, loss)
    assert (output - before).abs().max() > 1e-2
    torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-5)
    for site in sites:
        layer, sign = wrapped.base_model.model.get_submodule(site.name), signs[site.name]
        expected = {"A": sign[:, None] * layer.lora_A["default"].weight.grad}
        expected["B"] = layer.lora_B["default"].weight.grad * sign
        for side, gradient in expected.items():
            torch.testing.assert_close(adapter.trained[f"{site.name}.{side}"].grad[0], gradient, rtol=1e-3, atol=1e-5)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_doras_outputs_and_gradients_equal_pefts(build, randomised):
    """Peft trains the magnitudes themselves, which begin as the norms of the weights' rows."""
    method = DoRA(rank=3, alpha=16)
    torch.manual_seed(0)
    model, targets, forward, loss = build()
    sites = find_sites(model, targets, ["classifier"])
    trained = randomised(method, sites, 1, std=0.3)
    config = peft.LoraConfig(r=3, lora_alpha=16, use_dora=True, target_modules=targets)
    wrapped = peft.get_peft_model(copy.deepcopy(model), config)
    theirs = {}
    for site in sites:
        layer = wrapped.base_model.model.get_submodule(site.name)
        theirs |= {f"{site.name}.A": layer.lora_A["default"].weight, f"{site.name}.B": layer.lora_B["default"].weight}
        theirs[f"{site.name}.m"] = m = layer.lora_magnitude_vector["default"].weight
        torch.testing.assert_close(m.data, site.weight().norm(dim=1), rtol=1e-6, atol=1e-6)
        m.data += trained[f"{site.name}.m"]
        for side in ("A", "B"):
            theirs[f"{site.name}.{side}"].data = trained[f"{site.name}.{side}"].clone()

    expected, output, before, adapter = both(wrapped, model, method, sites, trained, {}, forward, loss)
    assert (output - before).abs().max() > 1e-3
    torch.testing.assert_close(output, expected, **TOLERANCE[torch.float32])
    for name, parameter in theirs.items():
        assert parameter.grad.any()
        torch.testing.assert_close(adapter.trained[name].grad[0], parameter.grad, **TOLERANCE[torch.float32])


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_ia3s_outputs_and_gradients_equal_pefts(dtype, build, randomised):
    """Peft trains l itself, where l - 1 is trained here."""
    method = IA3(feedforward="down,output.dense")
    torch.manual_seed(0)
    model, targets, forward, loss = build()
    model = model.to(dtype)
    sites = find_sites(model, targets, ["classifier"])
    trained = randomised(method, sites, 1, dtype, std=0.3)
    scaled = r"(.*\.\d+\.)?(down|output\.dense)"
    config = peft.IA3Config(target_modules=targets, feedforward_modules=scaled)
    wrapped = peft.get_peft_model(copy.deepcopy(model), config)
    theirs = {f"{s.name}.l": wrapped.base_model.model.get_submodule(s.name).ia3_l["default"] for s in sites}
    assert {p.shape[0] == 1 for p in theirs.values()} == {True, False}  # some scale inputs, some outputs
    for name, parameter in theirs.items():
        parameter.data = (1 + trained[name]).view_as(parameter)

    expected, output, before, adapter = both(wrapped, model, method, sites, trained, {}, forward, loss)
    assert (output - before).abs().max() > 1e-3
    torch.testing.assert_close(output, expected, **TOLERANCE[dtype])
    for name, parameter in theirs.items():
        assert parameter.grad.any()
        torch.testing.assert_close(adapter.trained[name].grad[0], parameter.grad.flatten(), **TOLERANCE[dtype])
