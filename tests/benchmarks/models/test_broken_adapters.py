"""An adapter is opened only if it is exactly what its method, its hyperparameters and its maps make."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from support.adapter_factory import ADAPTING, leave

from benchmarks.errors import SuiteError
from benchmarks.models import saved
from methods.base import Tensors
from methods.errors import MethodError

FILES = {"adapter": ADAPTING, "head": ["lora", "head", "full"]}
CASES = [(file, method) for file, methods in FILES.items() for method in [*methods, *["full"] * (file == "adapter")]]


def refused(directory: Path) -> str:
    with pytest.raises((SuiteError, MethodError)) as error:
        saved.load(saved.find(directory), directory)
    message = str(error.value)
    assert "\n" not in message
    return message


def with_tensors(directory: Path, file: str, change: Callable[[Tensors], Tensors]) -> None:
    path = directory / f"{file}.safetensors"
    safetensors.torch.save_file(change(safetensors.torch.load_file(path)), path)


def with_description(directory: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = directory / "adapter.json"
    described = json.loads(path.read_text())
    change(described)
    path.write_text(json.dumps(described))


@pytest.mark.parametrize(("file", "method"), CASES)
def test_other_tensors_are_refused_by_name(file: str, method: str, bert: Path, tmp_path: Path) -> None:
    directory = leave(method, bert, tmp_path)
    path = directory / f"{file}.safetensors"
    saved.load(saved.find(directory), tmp_path)
    whole = safetensors.torch.load_file(path)
    name = max(whole, key=lambda name: whole[name].is_floating_point() * whole[name].numel())
    first = whole[name]
    assert first.is_floating_point()
    broken = {
        "is not there": {key: tensor for key, tensor in whole.items() if key != name},
        "holds another, which is not part of this adapter": whole | {"another": torch.zeros(1)},
        f"got {[2 * first.shape[0], *first.shape[1:]]} in float32": whole | {name: torch.cat([first, first])},
        f"got {list(first.shape)} in float16": whole | {name: first.half()},
        "must hold finite numbers": whole | {name: first.clone().fill_(torch.nan)},
    }
    for said, tensors in broken.items():
        safetensors.torch.save_file(tensors, path)
        line = refused(directory)
        assert said in line and path.name in line
        assert name in line or "another" in said
    path.write_bytes(b"cut")
    assert f"{path} cannot be read" in refused(directory)


def test_an_empty_head_is_refused(bert: Path, tmp_path: Path) -> None:
    directory = leave("lora", bert, tmp_path)
    with_tensors(directory, "head", lambda head: {})
    assert "head.safetensors must hold classifier.bias of [2] in float32, and it is not there" in refused(directory)


def test_an_index_beyond_the_bank_is_refused(bert: Path, tmp_path: Path) -> None:
    directory = leave("vb_lora", bert, tmp_path)
    with_tensors(directory, "adapter", lambda a: a | {"topk_indices": torch.full_like(a["topk_indices"], 12)})
    assert "topk_indices must be less than vectors, 12, got 12" in refused(directory)


# (what is changed in adapter.json, what the line says)
DESCRIPTIONS = {
    "another rank": (lambda d: d["hyperparameters"].update(rank=3), "adapter.safetensors must hold"),
    "a rank that is text": (lambda d: d["hyperparameters"].update(rank="2"), "rank must be a whole number, got 2"),
    "a rank that is true": (lambda d: d["hyperparameters"].update(rank=True), "rank must be a whole number, got true"),
    "no rank": (lambda d: d["hyperparameters"].pop("rank"), "rank is missing"),
    "an alpha that is no number": (lambda d: d["hyperparameters"].update(alpha=float("nan")), "alpha must be a finite"),
    "an unknown hyperparameter": (
        lambda d: d["hyperparameters"].update(rnak=2),
        "rnak is not a setting; nearest: rank",
    ),
    "another width": (lambda d: d["sites"][0].__setitem__(1, 31), "was not trained on these"),
    "a width that is text": (lambda d: d["sites"][0].__setitem__(1, "32"), "sites.0.1 must be a whole number, got 32"),
    "no sites": (lambda d: d.pop("sites"), "sites is missing"),
    "an unknown method": (lambda d: d.update(method="lroa"), "method lroa is unknown; known: "),
    "a method that is a number": (lambda d: d.update(method=3), "method must be text, got 3"),
    "no fingerprint": (lambda d: d["backbone"].pop("fingerprint"), "backbone.fingerprint is missing"),
    "a head that is no list": (lambda d: d["backbone"].update(head="classifier"), "backbone.head must be a list"),
    "an unknown quantization": (lambda d: d["backbone"].update(quantization="int3"), "backbone.quantization must be"),
    "a task that is a name": (lambda d: d["run"].update(task="glue/mrpc"), "run.task must be a mapping"),
    "a task without a key": (lambda d: d["run"]["task"].pop("label"), "task.label is missing"),
    "no run": (lambda d: d.pop("run"), "run is missing"),
    "a list": (lambda d: [d.pop(key) for key in list(d)], "method is missing"),
}


@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_a_description_is_read_strictly(case: str, bert: Path, tmp_path: Path) -> None:
    directory = leave("lora", bert, tmp_path)
    change, said = DESCRIPTIONS[case]
    with_description(directory, change)
    line = refused(directory)
    assert said in line


def test_a_sketch_that_was_cut_is_refused(bert: Path, tmp_path: Path) -> None:
    directory = leave("lora_xs", bert, tmp_path)
    with_description(directory, lambda d: [facts["sketch"].pop() for facts in d["frozen"].values()])
    assert "was trained with a different frozen" in refused(directory)
