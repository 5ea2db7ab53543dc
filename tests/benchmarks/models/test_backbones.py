"""A model is read from the files that identify it, and runs no code of theirs."""

import io
import json
import shutil
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from omegaconf import OmegaConf
from support import tiny

from benchmarks.errors import SuiteError
from benchmarks.models import backbones, files
from benchmarks.tasks.base import Task
from benchmarks.tasks.build import build


@pytest.fixture
def task() -> Task:
    config = tiny.compose(["task=glue/mrpc", "backbone=minilm", "method=lora"])
    return build(OmegaConf.to_container(config.task, resolve=True))


@pytest.fixture
def copied(bert: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bert, tmp_path / "copied"))


def first_weight(directory: Path, task: Task) -> torch.Tensor:
    model = backbones.load(directory, task, None, ["classifier"], None)
    return model.bert.embeddings.word_embeddings.weight


def zeros(directory: Path) -> dict[str, torch.Tensor]:
    weights = safetensors.torch.load_file(directory / "model.safetensors")
    return {name: torch.zeros_like(tensor) for name, tensor in weights.items()}


def test_what_lies_beside_the_weights_is_neither_hashed_nor_read(copied: Path, bert: Path, task: Task) -> None:
    torch.save(zeros(copied), copied / "pytorch_model.bin")
    safetensors.torch.save_file(zeros(copied), copied / "consolidated.safetensors")
    assert files.fingerprint(copied) == files.fingerprint(bert)
    assert torch.equal(first_weight(copied, task), first_weight(bert, task))


@pytest.mark.parametrize("others", [["pytorch_model.bin"], ["other.safetensors", "pytorch_model.bin"]])
def test_without_the_weights_file_others_are_not_read(others: list[str], copied: Path, task: Task) -> None:
    for name in others:
        shutil.copy(copied / "model.safetensors", copied / name)
    (copied / "model.safetensors").unlink()
    for read in (files.fingerprint, lambda directory: first_weight(directory, task)):
        with pytest.raises(SuiteError, match=f"holds only {', '.join(others)}, and .* save_pretrained") as refused:
            read(copied)
        assert "\n" not in str(refused.value)


def test_weights_in_several_files_are_those_of_their_index(copied: Path, bert: Path, task: Task) -> None:
    weights = safetensors.torch.load_file(copied / "model.safetensors")
    names = sorted(weights)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, chosen in parts.items():
        safetensors.torch.save_file({name: weights[name] for name in chosen}, copied / file, {"format": "pt"})
    (copied / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {name: file for file, chosen in parts.items() for name in chosen}}
    (copied / "model.safetensors.index.json").write_text(json.dumps(index))
    assert {file.name for file in files.weights(copied)} == parts.keys()
    assert torch.equal(first_weight(copied, task), first_weight(bert, task))
    index["weight_map"][names[0]] = "../elsewhere.safetensors"
    (copied / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(SuiteError, match=r"names files that are not beside it: ../elsewhere.safetensors"):
        files.weights(copied)


def test_weights_that_the_config_names_are_refused(copied: Path, task: Task) -> None:
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | {"transformers_weights": "pytorch_model.bin"}))
    torch.save(zeros(copied), copied / "pytorch_model.bin")
    with pytest.raises(SuiteError, match=r"reads weights from pytorch_model.bin: take out transformers_weights"):
        first_weight(copied, task)


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_an_adapter_beside_the_weights_is_refused(name: str, copied: Path, task: Task) -> None:
    (copied / name).write_text("{}")
    for read in (files.fingerprint, lambda directory: first_weight(directory, task)):
        with pytest.raises(SuiteError, match=rf"{name} is part of an adapter.* another directory, or merge it"):
            read(copied)


@pytest.mark.parametrize("model_type", ["bert", "their-own"])
def test_code_beside_a_model_does_not_run(
    model_type: str, copied: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    auto_map = {"AutoConfig": "theirs.Config", "AutoModelForSequenceClassification": "theirs.Model"}
    config = json.loads((copied / "config.json").read_text()) | {"model_type": model_type, "auto_map": auto_map}
    (copied / "config.json").write_text(json.dumps(config))
    facts = json.loads((copied / "tokenizer_config.json").read_text())
    facts |= {"auto_map": {"AutoTokenizer": ["theirs.Tokenizer", None]}}
    (copied / "tokenizer_config.json").write_text(json.dumps(facts))
    (copied / "theirs.py").write_text(f"open({str(copied / 'ran')!r}, 'w').close()\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 9))
    if model_type == "bert":
        assert type(backbones.load(copied, task, None, ["classifier"], None)).__module__.startswith("transformers.")
        assert len(backbones.tokenizer(copied)) == 30522
    else:
        with pytest.raises(SuiteError, match=r"auto_map.*no code of a model's directory is run"):
            first_weight(copied, task)
    assert not (copied / "ran").exists()
    assert sys.stdin.read() == "y\n" * 9
