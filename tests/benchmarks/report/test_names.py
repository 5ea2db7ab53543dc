"""What methods are called and how they are coloured: as their papers print them, and the same everywhere."""

import pytest

from benchmarks import conf
from benchmarks.analysis import baselines
from benchmarks.report import names

TITLES = {"lora": "LoRA", "lora_xs": "LoRA-XS", "tied_lora": "Tied-LoRA", "vb_lora": "VB-LoRA", "vera": "VeRA"}
TITLES |= {"dora": "DoRA", "lora_fa": "LoRA-FA", "pissa": "PiSSA", "randlora": "RandLoRA", "tinylora": "TinyLoRA"}
TITLES |= {"fourierft": "FourierFT", "one_lora": "1LoRA", "rasa": "RaSA", "svft": "SVFT"}
TITLES |= {"bitfit": "BitFit", "ia3": "(IA)3", "uni_lora": "Uni-LoRA"}


@pytest.mark.parametrize("method", conf.options("method"))
def test_a_method_is_called_what_its_paper_calls_it(method: str) -> None:
    assert names.title(method) == TITLES.get(method, method)
    assert (method in TITLES) == (not baselines.role(method))


def test_a_method_that_was_taken_away_keeps_its_name() -> None:
    assert names.title("alpha") == "alpha"


def test_cells_that_begin_with_a_method_have_the_papers_name() -> None:
    cells = ["vb_lora qv", "lora", "lora r=4", "alpha qv", "head", "<b>lora</b>", "-"]
    assert [names.shown(cell) for cell in cells] == [
        "VB-LoRA qv",
        "LoRA",
        "LoRA r=4",
        "alpha qv",
        "head",
        "<b>lora</b>",
        "-",
    ]


def test_a_methods_colour_does_not_depend_on_the_others_and_no_two_share_one() -> None:
    alone = {method: names.styles([method])[method] for method in conf.options("method")}
    together = names.styles([*alone, "alpha", "beta"])
    assert {method: together[method] for method in alone} == alone
    adapting = [together[method].colour for method in [*TITLES, "alpha", "beta"]]
    assert sorted(adapting) == sorted(names.COLOURS)
    assert adapting[:5] == list(names.COLOURS[:5])  # of the five that the committed figures have
    greys = {together[method].colour for method in alone if method not in TITLES}
    assert greys == set(names.BASELINES.values())
