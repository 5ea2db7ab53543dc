"""Backbones in 4 and 8 bits: every method over them, the weights that an SVD sees, what cannot be merged."""

import sys
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from support import tiny

import methods
from benchmarks.models import backbones, quantization
from benchmarks.tasks.build import build
from methods.adapter import Adapter
from methods.base import MethodError
from methods.dropout import Rows
from methods.sites import find_sites

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# What reads a map's weights meets them quantised; for what does not, the usual kinds stand.
ADAPTING = [name for name, method in methods.find().items() if name in tiny.KINDS or method.frozen_from_weights]


@pytest.fixture(autouse=True)
def own_cache(own_datasets_cache: None) -> None:
    pass


def loaded(llama: Path, kind: str | None = None) -> torch.nn.Module:
    settings = quantization.settings(kind, "fp32", torch.device("cpu"), [])
    config = tiny.compose(["task=alpaca", "backbone=decoder", "backbone.path=x", "method=lora"])
    task = build(OmegaConf.to_container(config.task, resolve=True))
    return backbones.load(llama, task, None, [], None, quantized=settings)


@pytest.mark.parametrize("method", ADAPTING)
def test_a_method_learns_over_four_bits(
    method: str, llama: Path, sums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = [f"method.lr={tiny.RATES[method]}", "backbone.quantization=nf4", "seeds=[0,1]", "train.schedule=constant"]
    assert tiny.command_line(monkeypatch, tiny.instructing_job(method, llama, sums, tmp_path, *more)) == 0
    found = tiny.read(tmp_path)
    assert len(found) == 2
    for record in found.values():
        assert record.status == "finished", record.error
        assert record.config["backbone"]["quantization"] == "nf4"
        assert record.backbone.quantization.startswith("nf4, double quantisation, bitsandbytes")
        from_weights = methods.find()[method].frozen_from_weights is not None
        assert record.backbone.frozen_from == ("the weights dequantised from nf4" if from_weights else None)
        first, second = (epoch.train_loss for epoch in record.epochs)
        assert second < first - 0.05


def test_eight_bits_learn_too(llama: Path, sums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = ["method.lr=1e-2", "backbone.quantization=int8", "train.schedule=constant"]
    assert tiny.command_line(monkeypatch, tiny.instructing_job("lora", llama, sums, tmp_path, *more)) == 0
    record = tiny.read(tmp_path)[0]
    assert record.status == "finished", record.error
    assert record.epochs[1].train_loss < record.epochs[0].train_loss - 0.05


def test_a_sites_weight_is_the_one_that_the_map_computes_with(llama: Path) -> None:
    """Against bitsandbytes' own dequantisation, of 4 bits to the bit."""
    functional = quantization.library().functional
    model = loaded(llama, "nf4")
    sites = find_sites(model, ALL, [])
    assert len(sites) == 14
    whole = {site.name: site for site in find_sites(loaded(llama), ALL, [])}
    for site in sites:
        packed = model.get_submodule(site.name).weight
        assert packed.dtype == torch.uint8
        wanted = functional.dequantize_4bit(packed.data, packed.quant_state)
        assert wanted.dtype == torch.float32
        assert torch.equal(site.weight(), wanted)
        assert packed.shape == (wanted.numel() // 2, 1)  # as before: asking for the weight has not laid it out anew
        original = whole[site.name]
        assert (site.in_features, site.out_features) == (original.in_features, original.out_features)
        off = (site.weight() - original.weight()).norm() / original.weight().norm()
        assert 0.01 < off < 0.2  # four bits are not the weight, and not another one


def test_a_sites_weight_in_eight_bits(llama: Path) -> None:
    model, whole = loaded(llama, "int8"), loaded(llama)
    for quantised, original in zip(find_sites(model, ALL, []), find_sites(whole, ALL, []), strict=True):
        off = (quantised.weight() - original.weight()).norm() / original.weight().norm()
        assert 1e-4 < off < 0.02


def test_nothing_is_merged_into_four_bits(llama: Path) -> None:
    model = loaded(llama, "nf4")
    method = methods.find()["lora"](rank=2, alpha=2)
    sites = find_sites(model, ALL, [])
    before = [parameter.clone() for parameter in model.parameters()]
    adapter = Adapter(model, method, sites, [method.init(sites, torch.Generator())], {}, Rows())
    with pytest.raises(MethodError, match="q_proj is quantised, so that nothing can be merged"):
        adapter.merge()
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))


BAD = {
    "an unknown kind": ("lora", {"backbone.quantization": "fp4"}, ["quantization must be 'nf4' or 'int8'", "got fp4"]),
    "a backbone that is trained": ("full", {"backbone.quantization": "nf4"}, ["method=full"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case: str, llama: Path, sums: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    method, overrides, wanted = BAD[case]
    more = [f"{key}={value}" for key, value in overrides.items()]
    line = tiny.refused(monkeypatch, capsys, tiny.instructing_job(method, llama, sums, tmp_path, *more))
    assert all(part in line for part in wanted), line


def test_without_bitsandbytes_the_line_says_how_to_get_it(llama, sums, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    more = "backbone.quantization=nf4"
    line = tiny.refused(monkeypatch, capsys, tiny.instructing_job("lora", llama, sums, tmp_path, more))
    assert "pip install" in line and ".[quantization]" in line


@pytest.mark.parametrize("kind", ["nf4", "int8"])
@pytest.mark.parametrize("method", ["lora", "lora_xs"])
def test_a_fused_map_learns_over_integers(
    method: str, kind: str, gpt2: Path, restaurants: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = [f"backbone.quantization={kind}", "backbone.fused={c_attn:[q,k,v]}", "targets=[c_attn.q,c_attn.v]"]
    job = tiny.writing_job(method, gpt2, restaurants, tmp_path, f"method.lr={tiny.RATES[method]}", *more)
    assert tiny.command_line(monkeypatch, job) == 0
    record = tiny.read(tmp_path)[0]
    assert record.status == "finished", record.error
    assert record.parameters.trained > 0


@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_an_encoders_head_is_not_quantised(
    kind: str, roberta: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RoBERTa's head has two linear maps, which every run trains."""
    job = tiny.job("lora", roberta, glue, tmp_path, f"backbone.quantization={kind}", "backbone.head=[classifier]")
    assert tiny.command_line(monkeypatch, job) == 0
    record = tiny.read(tmp_path)[0]
    assert record.status == "finished", record.error
    assert record.parameters.head == 32 * 32 + 32 + 2 * 32 + 2


def test_drawn_weights_can_be_quantised(
    gpt2: Path, restaurants: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a shape costs in four bits can so be measured without its weights."""
    job = tiny.writing_job("lora", gpt2, restaurants, tmp_path, "backbone.random=true", "backbone.quantization=nf4")
    drawn = [setting for setting in job if setting != "backbone.shape=null"]  # of gpt2-tiny then
    assert tiny.command_line(monkeypatch, drawn) == 0
    record = tiny.read(tmp_path)[0]
    assert record.status == "finished", record.error
    assert record.backbone.quantization.startswith("nf4")


def test_none_is_no_quantisation(llama: Path, sums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = tiny.instructing_job("none", llama, sums, tmp_path, "backbone.quantization=none")
    assert tiny.command_line(monkeypatch, job) == 0
    assert "quantization" not in tiny.read(tmp_path)[0].config["backbone"]
