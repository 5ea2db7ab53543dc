"""What a method freezes is computed once for all that it depends on, and for nothing else again."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.models.frozen import frozen
from benchmarks.records import store
from methods.base import Site
from methods.lora import LoRA
from methods.lora_xs import LoRAXS
from methods.vera import VeRA

METHOD = LoRAXS(rank=2, alpha=4)


@pytest.fixture
def sites() -> list[Site]:
    weight = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    return [Site("query", 4, 6, lambda: weight)]


def unreadable(sites: list[Site]) -> list[Site]:
    """Return the same sites with weights that must not be read."""

    def weight() -> torch.Tensor:
        raise AssertionError("the weights were read")

    return [Site(site.name, site.in_features, site.out_features, weight) for site in sites]


def test_what_depends_on_the_weights_is_computed_once(sites: list[Site], tmp_path: Path) -> None:
    facts = (tmp_path, "print", None, "fp32")
    first = frozen(METHOD, "lora_xs", sites, *facts)
    again = frozen(METHOD, "lora_xs", unreadable(sites), *facts)
    assert first.keys() == METHOD.frozen(sites).keys()
    assert all(torch.equal(first[name], again[name]) for name in first)
    # Neither alpha nor, in the backbone's full precision, the precision of a run changes it.
    frozen(replace(METHOD, alpha=8), "lora_xs", unreadable(sites), tmp_path, "print", None, "bf16")
    assert len(list(tmp_path.rglob("*"))) == 2  # the folder and the file


def test_a_file_of_zeros_is_computed_again(sites: list[Site], tmp_path: Path, capsys) -> None:
    facts = (METHOD, "lora_xs", sites, tmp_path, "print", None, "fp32")
    first = frozen(*facts)
    (file,) = tmp_path.rglob("*.tensors")
    whole = file.read_bytes()
    file.write_bytes(whole[:-16] + bytes(16))
    again = frozen(*facts)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert file.read_bytes() == whole
    assert f"{file} is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("method", "facts"),
    [
        (replace(METHOD, rank=1), ("print", None, "fp32")),
        (METHOD, ("other", None, "fp32")),
        (METHOD, ("print", "int8", "fp32")),
    ],
)
def test_another_backbone_rank_or_quantisation_is_computed_anew(method, facts, sites, tmp_path: Path) -> None:
    frozen(METHOD, "lora_xs", sites, tmp_path, "print", None, "fp32")
    frozen(method, "lora_xs", sites, tmp_path, *facts)
    assert len(list(tmp_path.rglob("*.tensors"))) == 2


def test_the_precision_counts_where_the_weights_are_quantised(sites: list[Site], tmp_path: Path) -> None:
    for precision in ("fp32", "bf16"):
        frozen(METHOD, "lora_xs", sites, tmp_path, "print", "int8", precision)
    assert len(list(tmp_path.rglob("*.tensors"))) == 2


def test_the_file_is_named_after_what_it_depends_on(sites: list[Site], tmp_path: Path) -> None:
    frozen(METHOD, "lora_xs", sites, tmp_path, "print", "int8", "bf16")
    facts = {
        "method": "lora_xs",
        "hyperparameters": [2],
        "backbone": "print",
        "quantization": "int8",
        "precision": "bf16",
        "sites": ["query"],
        "torch": torch.__version__,
    }
    assert (tmp_path / "frozen" / f"{store.identity_of(facts)}.tensors").is_file()


def test_what_does_not_depend_on_the_weights_is_kept_in_no_file(sites: list[Site], tmp_path: Path) -> None:
    facts = (tmp_path, "print", None, "fp32")
    assert frozen(VeRA(rank=2), "vera", unreadable(sites), *facts).keys() == {"A", "B"}
    assert frozen(LoRA(rank=2, alpha=4), "lora", sites, *facts) == {}
    assert frozen(VeRA(rank=2), "vera", [], *facts) == {}
    assert not list(tmp_path.iterdir())
