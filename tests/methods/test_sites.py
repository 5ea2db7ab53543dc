"""Which linear maps a list of targets names."""

import pytest
import torch
import transformers
from torch import nn

from methods.base import MethodError
from methods.sites import find_sites


@pytest.fixture
def model(bert):
    return bert(32, 64, 2)


def names(sites) -> list[str]:
    return [site.name for site in sites]


def test_a_target_is_the_end_of_a_name(model):
    layer = "bert.encoder.layer"
    assert names(find_sites(model, ["query"], [])) == [f"{layer}.{i}.attention.self.query" for i in range(2)]
    assert names(find_sites(model, ["attention.output.dense"], [])) == [
        f"{layer}.{i}.attention.output.dense" for i in range(2)
    ]
    assert names(find_sites(model, ["output.dense"], [])) == [
        f"{layer}.{i}.{part}" for i in range(2) for part in ("attention.output.dense", "output.dense")
    ]
    assert names(find_sites(model, ["layer.1.output.dense"], [])) == [f"{layer}.1.output.dense"]


def test_sites_come_once_and_in_the_models_order(model):
    found = names(find_sites(model, ["value", "output.dense", "query", "attention.output.dense"], []))
    order = [name for name, _ in model.named_modules()]
    assert len(found) == len(set(found)) == 8
    assert found == sorted(found, key=order.index)


def test_a_part_of_a_word_is_no_target(model):
    with pytest.raises(MethodError, match="target 'ery' names no linear map"):
        find_sites(model, ["ery"], [])


def test_a_module_that_is_no_linear_map_is_no_target(model):
    with pytest.raises(MethodError, match="target 'word_embeddings' names no linear map"):
        find_sites(model, ["query", "word_embeddings"], [])


def test_the_head_is_never_a_site():
    config = transformers.RobertaConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, vocab_size=50
    )
    model = transformers.RobertaForSequenceClassification(config)
    assert "classifier.dense" in names(find_sites(model, ["dense"], []))
    assert names(find_sites(model, ["dense"], ["classifier"])) == [
        f"roberta.encoder.layer.0.{part}.dense" for part in ("attention.output", "intermediate", "output")
    ]
    with pytest.raises(MethodError, match="target 'out_proj' names no linear map") as error:
        find_sites(model, ["out_proj"], ["classifier"])
    assert "classifier" not in str(error.value)


def test_an_unknown_target_is_answered_with_the_nearest_and_all(model):
    with pytest.raises(MethodError) as error:
        find_sites(model, ["query", "valeu"], ["classifier"])
    assert str(error.value) == (
        "target 'valeu' names no linear map of this backbone; nearest: 'attention.self.value'; existing: "
        "attention.output.dense, attention.self.key, attention.self.query, attention.self.value, bert.pooler.dense, "
        "intermediate.dense, output.dense"
    )


def test_a_site_has_its_maps_shape_and_weight(model):
    (site,) = find_sites(model.bfloat16(), ["layer.0.intermediate.dense"], [])
    weight = model.bert.encoder.layer[0].intermediate.dense.weight
    assert (site.in_features, site.out_features) == (32, 64)
    assert site.weight().dtype == torch.float32
    assert not site.weight().requires_grad
    assert torch.equal(site.weight(), weight.float())


def test_a_sites_bias_is_its_part_of_the_modules(model):
    (site,) = find_sites(model, ["layer.0.intermediate.dense"], [])
    assert torch.equal(site.bias(), model.bert.encoder.layer[0].intermediate.dense.bias)
    halves = find_sites(model, ["dense.b"], [], {"layer.0.intermediate.dense": ["a", "b"]})
    assert torch.equal(halves[0].bias(), model.bert.encoder.layer[0].intermediate.dense.bias[32:])
    (site,) = find_sites(nn.ModuleDict({"map": nn.Linear(2, 3, bias=False)}), ["map"], [])
    assert site.bias() is None


def test_layer_norms_are_sites_where_they_may_be(model):
    with pytest.raises(MethodError, match="target 'LayerNorm' names no linear map"):
        find_sites(model, ["query", "LayerNorm"], [])
    found = find_sites(model, ["query", "LayerNorm"], [], norms=True)
    assert len(found) == 2 + 1 + 2 * 2  # of embeddings, and two in a layer
    norms = [site for site in found if site.name.endswith("LayerNorm")]
    assert {(site.in_features, site.out_features) for site in norms} == {(32, 32)}
    for site in norms:
        assert torch.equal(site.bias(), model.get_submodule(site.name).bias)


def test_a_model_without_linear_maps_is_told_so():
    with pytest.raises(MethodError, match=r"this backbone has no nn.Linear or Conv1D"):
        find_sites(nn.Sequential(nn.Conv1d(1, 1, 1)), ["query"], [])
