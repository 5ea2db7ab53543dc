"""What cannot be built is refused in one line that says what must hold."""

import pytest
from torch import nn

from methods.base import MethodError
from methods.lora_xs import LoRAXS
from methods.sites import find_sites
from methods.vb_lora import VBLoRA


def sites_of(*sides: tuple[int, int]):
    return find_sites(nn.ModuleDict({f"map{i}": nn.Linear(*pair) for i, pair in enumerate(sides)}), names(sides), [])


def names(sides) -> list[str]:
    return [f"map{i}" for i in range(len(sides))]


def message(call) -> str:
    with pytest.raises(MethodError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


def listed(text: str) -> set[int]:
    return {int(word) for word in text.rpartition("these do:")[2].replace(",", " ").split()}


def test_a_vector_length_that_does_not_divide():
    sites = sites_of((384, 384), (384, 1536), (1536, 384))
    text = message(lambda: VBLoRA(rank=4, vectors=90, vector_length=256, topk=2).init(sites, None))
    assert "vector_length must divide every side of the sites, got 256; " in text
    assert listed(text) == {length for length in range(1, 385) if 384 % length == 0}


@pytest.mark.parametrize("sides", [((24, 36),), ((8, 8),), ((32, 48), (48, 80))])
def test_every_length_that_is_listed_would_do_and_one_is(sides):
    sites = sites_of(*sides)
    lengths = listed(message(lambda: VBLoRA(rank=4, vectors=90, vector_length=256, topk=2).init(sites, None)))
    assert lengths
    for length in lengths:
        VBLoRA(rank=4, vectors=90, vector_length=length, topk=2).init(sites, None)


@pytest.mark.parametrize("topk", [0, -1, 91])
def test_a_topk_that_does_not_fit_the_bank(topk):
    text = message(lambda: VBLoRA(rank=4, vectors=90, vector_length=16, topk=topk))
    assert f"topk must be from 1 to 90, the vectors in the bank, got {topk}" in text


@pytest.mark.parametrize("topk", [1, 90])
def test_a_topk_that_just_fits_the_bank(topk):
    VBLoRA(rank=4, vectors=90, vector_length=16, topk=topk)


@pytest.mark.parametrize("selection", ["gumbel", "", 3, ["noisy_topk"]])
def test_an_unknown_selection(selection):
    text = message(lambda: VBLoRA(rank=4, vectors=90, vector_length=16, topk=2, selection=selection))
    assert text.startswith("selection must be ") and text.endswith(f", or null for top-k, got {selection}")
    assert all(name in text for name in ("noisy_topk", "gumbel_softmax", "straight_through"))


@pytest.mark.parametrize("sides", [(8, 24), (24, 8)])
def test_a_rank_larger_than_the_svd(sides):
    sites = sites_of((32, 32), sides)
    for build in (LoRAXS(rank=9, alpha=16).frozen, lambda sites: LoRAXS(rank=9, alpha=16).init(sites, None)):
        text = message(lambda build=build: build(sites))
        assert "rank must be at most 8 for the SVD of map1" in text
        assert text.endswith("got 9")
    LoRAXS(rank=8, alpha=16).frozen(sites)


def test_an_unknown_target():
    assert "nearest: 'map0'" in message(lambda: find_sites(nn.ModuleDict({"map0": nn.Linear(2, 2)}), ["mep0"], []))


@pytest.mark.parametrize(
    ("settings", "message_"),
    [
        ({"rank": 0}, "rank must be at least 1, got 0"),
        ({"dropout": 1.0}, "dropout must be at least 0 and less than 1, got 1.0"),
        ({"dropout": -0.1}, "dropout must be at least 0 and less than 1, got -0.1"),
        ({"vector_length": 0}, "vector_length must be at least 1, got 0"),
    ],
)
def test_a_hyperparameter_out_of_range(settings, message_):
    valid = {"rank": 4, "vectors": 90, "vector_length": 16, "topk": 2}
    assert message(lambda: VBLoRA(**valid | settings)) == message_
