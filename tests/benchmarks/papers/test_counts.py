"""Parameter counts at the papers' real shapes, on the meta device, from the same ``init`` that training uses.

A printed figure follows where the count, rounded to the digits that are printed, is that figure. The papers round
and do not cut off: 108,672 is printed 0.109M, 65,920 0.066M, 238,720 0.239M, 294,912 0.295M, 156,672 0.157M and
24,576 24.6K, and cutting off would give each one lower.
"""

import dataclasses
from dataclasses import fields
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

import pytest
import torch

from benchmarks import conf
from benchmarks.models.backbones import on_meta
from benchmarks.papers import published
from benchmarks.tasks.classification import Classification
from benchmarks.tasks.generation import Generation
from methods import find
from methods.base import Method, Site
from methods.lora import LoRA
from methods.lora_xs import LoRAXS
from methods.sites import find_sites
from methods.tied_lora import TiedLoRA
from methods.vb_lora import VBLoRA
from methods.vera import VeRA

XS_TARGETS = "query,value,attention.output.dense,output.dense"
VB_LORA = VBLoRA(rank=4, vectors=90, vector_length=256, topk=2)

# (backbone, method's name, targets, rank as the table gives it): the method, what it stores
COUNTS: dict[tuple, tuple[Method, int]] = {
    ("roberta-base", "lora", "qv", None): (LoRA(rank=8, alpha=16), 294_912),
    ("roberta-large", "lora", "qv", None): (LoRA(rank=8, alpha=16), 786_432),
    ("roberta-base", "vera", "qv", None): (VeRA(rank=1024), 43_008),
    ("roberta-base", "vera", "all", None): (VeRA(rank=1024), 156_672),
    ("roberta-large", "vera", "qv", None): (VeRA(rank=256), 61_440),
    ("roberta-large", "vera", "all", None): (VeRA(rank=256), 258_048),
    ("roberta-base", "tied_lora", "qv", None): (TiedLoRA(rank=16), 43_392),
    ("roberta-base", "tied_lora", "all", None): (TiedLoRA(rank=16), 108_672),
    ("roberta-large", "tied_lora", "qv", None): (TiedLoRA(rank=8), 65_920),
    ("roberta-large", "tied_lora", "all", None): (TiedLoRA(rank=8), 238_720),
    ("roberta-base", "vb_lora", "qv", None): (VB_LORA, 23_904),
    ("roberta-base", "vb_lora", "all", None): (VB_LORA, 26_928),
    ("roberta-large", "vb_lora", "qv", None): (VB_LORA, 25_344),
    ("roberta-large", "vb_lora", "all", None): (VB_LORA, 33_408),
} | {
    ("roberta-large", "lora_xs", XS_TARGETS, rank): (LoRAXS(rank=rank, alpha=16), 24 * 4 * rank**2)
    for rank in (4, 8, 12, 16, 20, 25)
}

# The same for GPT-2 on E2E: every map of q, k and v is a site of its own.
COUNTS |= {
    ("gpt2-medium", "lora", "qv", None): (LoRA(rank=4, alpha=32), 393_216),
    ("gpt2-medium", "vera", "qv", None): (VeRA(rank=1024), 98_304),
    ("gpt2-medium", "vb_lora", "all", None): (VBLoRA(rank=4, vectors=256, vector_length=256, topk=2), 75_904),
    ("gpt2-large", "lora", "qv", None): (LoRA(rank=4, alpha=32), 737_280),
    ("gpt2-large", "vera", "qv", None): (VeRA(rank=1024), 165_888),
    ("gpt2-large", "vb_lora", "all", None): (VBLoRA(rank=4, vectors=350, vector_length=256, topk=2), 128_480),
}

# And for the decoders of Alpaca and MetaMathQA, on every map but the head.
BANK_2048 = VBLoRA(rank=4, vectors=2048, vector_length=256, topk=2)
COUNTS |= {
    ("llama2-7b", "lora", "all", None): (LoRA(rank=64, alpha=16), 159_907_840),
    ("llama2-7b", "vera", "all", None): (VeRA(rank=1024), 1_589_248),
    ("llama2-7b", "vb_lora", "all", None): (BANK_2048, 641_408),
    ("llama2-13b", "lora", "all", None): (LoRA(rank=64, alpha=16), 250_347_520),
    ("llama2-13b", "vera", "all", None): (VeRA(rank=1024), 2_416_640),
    ("llama2-13b", "vb_lora", "all", None): (dataclasses.replace(BANK_2048, rank=6), 799_328),
    ("mistral-7b", "lora", "all", None): (LoRA(rank=64, alpha=64), 167_772_160),
    ("mistral-7b", "lora_xs", "all", None): (LoRAXS(rank=64, alpha=16), 917_504),
    ("mistral-7b", "vb_lora", "all", None): (BANK_2048, 647_168),
    ("gemma-7b", "lora", "all", None): (LoRA(rank=64, alpha=64), 200_015_872),
    ("gemma-7b", "lora_xs", "all", None): (LoRAXS(rank=64, alpha=16), 802_816),
    ("gemma-7b", "vb_lora", "all", None): (BANK_2048, 670_784),
}
# Which task a row's recipe is composed for, and the adapter's dropout there.
TASKS = {"gpt2": "e2e", "llama2": "alpaca", "mistral": "math", "gemma": "math"}
DROPOUT = {("e2e", "lora"): 0.1, ("alpaca", "lora"): 0.05, ("alpaca", "vb_lora"): 0.05}

# The figures that do not follow, with what their counts round to.
DO_NOT_FOLLOW = {
    ("gpt2-medium", "lora", "qv", None): ("0.35M", "0.39M"),
    ("gpt2-large", "lora", "qv", None): ("0.77M", "0.74M"),
    ("llama2-7b", "vb_lora", "all", None): ("0.8M", "0.6M"),
    ("llama2-13b", "vb_lora", "all", None): ("1.1M", "0.8M"),
    ("roberta-base", "vb_lora", "qv", None): ("0.023M", "0.024M"),
    ("roberta-large", "vb_lora", "qv", None): ("0.024M", "0.025M"),
}

ROWS = {
    (row.backbone, row.method, row.target_names, row.rank): row.parameters_as_printed
    for row in published.runnable(published.load())
    if row.source in ("vb_lora", "lora_xs") and row.parameters_as_printed and find()[row.method].adapts_sites
}


@cache
def sites_of(backbone: str, targets: str, norms: bool = False) -> list[Site]:
    config = conf.composed(["task=glue/rte", "method=lora", f"backbone={backbone}"]).backbone
    model = on_meta(config.shape, Classification if config.head else Generation)
    return find_sites(
        model, list(config.targets.get(targets) or targets.split(",")), list(config.head), config.fused, norms
    )


def recipe(task: str, backbone: str, name: str) -> Method:
    """Return a method with the hyperparameters of its recipe for a backbone."""
    config = conf.composed([f"task={task}", f"method={name}", f"backbone={backbone}"]).method
    cls = find()[name]
    return cls(**{field.name: config[field.name] for field in fields(cls) if field.name in config})


def stored(method: Method, sites: list[Site]) -> float:
    with torch.device("meta"):
        trained = method.init(sites, None)
    assert all(tensor.is_meta for tensor in trained.values())
    return method.stored_parameters(trained)


def rounded(count: float, printed: str) -> str:
    """Return the count with the unit and the digits of a printed figure."""
    unit = {"K": 10**3, "M": 10**6}[printed[-1]]
    digits = Decimal(1).scaleb(Decimal(printed[:-1]).as_tuple().exponent)
    return f"{(Decimal(count) / unit).quantize(digits, ROUND_HALF_UP)}{printed[-1]}"


def test_every_published_row_of_an_adapter_is_counted():
    """Forty rows of VB-LoRA's tables and LoRA-XS's; two of LoRA on Llama2 stand twice, as VeRA ran them and VB-LoRA."""
    assert ROWS.keys() == COUNTS.keys()
    assert len(ROWS) == 38
    assert len(DO_NOT_FOLLOW) == 6


@pytest.mark.parametrize("row", COUNTS, ids=lambda row: " ".join(str(part) for part in row if part))
def test_stored_parameters(row):
    backbone, name, targets, _ = row
    method, count = COUNTS[row]
    assert type(method) is find()[name]
    assert stored(method, sites_of(backbone, targets)) == count


@pytest.mark.parametrize("row", COUNTS, ids=lambda row: " ".join(str(part) for part in row if part))
def test_printed_figures(row):
    printed = ROWS[row]
    given = rounded(COUNTS[row][1], printed)
    if row in DO_NOT_FOLLOW:
        assert (printed, given) == DO_NOT_FOLLOW[row]
    else:
        assert given == printed


@pytest.mark.parametrize(("backbone", "layers"), [("roberta-base", 12), ("roberta-large", 24)])
def test_the_targets_name_two_or_six_maps_a_layer(backbone, layers):
    assert len(sites_of(backbone, "qv")) == 2 * layers
    assert len(sites_of(backbone, "all")) == 6 * layers
    assert len(sites_of(backbone, XS_TARGETS)) == 4 * layers


@pytest.mark.parametrize(
    "row", [row for row in COUNTS if row[0].partition("-")[0] in TASKS], ids=lambda row: " ".join(row[:3])
)
def test_the_recipes_of_decoders_are_what_is_counted(row):
    task = TASKS[row[0].partition("-")[0]]
    dropout = DROPOUT.get((task, row[1]), 0.0)  # the papers' codes'
    assert recipe(task, row[0], row[1]) == dataclasses.replace(COUNTS[row][0], dropout=dropout)


@pytest.mark.parametrize(("backbone", "layers"), [("gpt2-medium", 24), ("gpt2-large", 36)])
def test_gpt2s_fused_projection_is_three_maps(backbone, layers):
    assert [site.name for site in sites_of(backbone, "qv")[:2]] == [f"transformer.h.0.attn.c_attn.{p}" for p in "qv"]
    assert len(sites_of(backbone, "qv")) == 2 * layers
    assert len(sites_of(backbone, "all")) == 6 * layers
