"""A run is opened again from its record, its folder or its adapter, and refused where it would not be itself."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from support import tiny
from support.adapter_factory import leave, own_logits

import methods
from benchmarks.errors import SuiteError
from benchmarks.models import backbones, saved
from benchmarks.records.schema import Record
from benchmarks.tasks import rows as data
from benchmarks.tasks.tokens import tokenise
from benchmarks.training.runner import run_job
from methods.adapter import Adapter
from methods.dropout import Rows

# A method that adapts maps, a fused one among them, and whatever adapts none.
TEXT = ["lora", *(name for name in tiny.GENERATING if not methods.find()[name].adapts_sites)]


def trained(method: str, gpt2: Path, restaurants: Path, root: Path) -> tuple[Record, Path]:
    few = ["train.epochs=1", "data.train_rows=8", "data.validation_rows=8", "task.decode.beams=1"]
    job = tiny.writing_job(method, gpt2, restaurants, root, "adapter.save=true", *few, "task.decode.max_new_tokens=1")
    run_job(tiny.settings(job))
    (path,) = (root / "results" / "records").rglob("*.json")
    return tiny.read(root)[0], path


@pytest.fixture(scope="module")
def lora(gpt2: Path, restaurants: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained("lora", gpt2, restaurants, tmp_path_factory.mktemp("lora"))[1]


@pytest.mark.parametrize("method", TEXT)
def test_a_run_of_text_answers_dev_as_it_did(method: str, gpt2: Path, restaurants: Path, tmp_path: Path) -> None:
    record, path = trained(method, gpt2, restaurants, tmp_path)
    run = saved.find(path)
    opened = saved.load(run, tmp_path / "cache")
    assert (run.method, run.backbone["path"], run.backbone["fused"]) == (method, str(gpt2), {"c_attn": ["q", "k", "v"]})
    Adapter(opened.model, opened.method, opened.sites, [opened.trained], opened.frozen, Rows())
    task, tokenizer = run.task, backbones.tokenizer(opened.directory)
    task.ready(tokenizer)
    rows = data.load(task, str(restaurants), tmp_path / "cache", {"validation": 8})
    fingerprint = run.backbone["fingerprint"]
    examples = tokenise(rows, "validation", task, tokenizer, fingerprint, record.config["train"]["max_length"])
    answers = []
    for example in examples:
        inputs, labels = task.collate([example], tokenizer)
        with torch.no_grad():
            answers.append(task.predict(opened.model(**inputs).logits, labels))
    score = task.score(torch.cat(answers).numpy(), np.array(task.labels_of(examples)))
    # The run padded its rows to batches and these are alone: float32 rounding.
    assert score["log_likelihood"] == pytest.approx(record.scores.best, abs=1e-5)


def test_record_folder_and_adapter_name_the_same_run(lora: Path) -> None:
    folder = Path(str(lora).replace("/records/", "/runs/")).with_suffix("")
    found = [saved.find(path) for path in (lora, folder, folder / "adapter")]
    assert found[0].directory == folder / "adapter"
    assert found[0] == found[1] == found[2]


def test_what_is_no_run_is_an_error_of_one_line(lora: Path, tmp_path: Path) -> None:
    for wrong in (tmp_path / "nowhere", tmp_path, lora.parent):
        with pytest.raises(SuiteError, match=r"holds no adapter: name a run's record.*adapter.save=true") as error:
            saved.find(wrong)
        assert "\n" not in str(error.value)
    (tmp_path / "records").mkdir()
    copy = shutil.copy(lora, tmp_path / "records" / lora.name)
    with pytest.raises(SuiteError, match="holds no adapter"):
        saved.find(Path(copy))
    text = tmp_path / "notes.txt"
    text.write_text("nothing")
    with pytest.raises(SuiteError, match="not a run's record"):
        saved.find(text)


def altered(lora: Path, directory: Path, change) -> Path:
    """Copy an adapter and change what its JSON says."""
    shutil.copytree(saved.find(lora).directory, directory)
    described = json.loads((directory / "adapter.json").read_text())
    change(described)
    (directory / "adapter.json").write_text(json.dumps(described))
    return directory


def test_an_adapter_that_does_not_name_its_backbone_is_refused(lora: Path, tmp_path: Path) -> None:
    directory = altered(lora, tmp_path / "old", lambda described: described.pop("backbone"))
    with pytest.raises(SuiteError, match=r"adapter\.json: backbone is missing: .*force=true"):
        saved.find(directory)


def test_another_backbone_is_refused(lora: Path, gpt2: Path, tmp_path: Path) -> None:
    other = shutil.copytree(gpt2, tmp_path / "other")
    weights = other / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    directory = altered(lora, tmp_path / "moved", lambda described: described["backbone"].update(path=str(other)))
    with pytest.raises(SuiteError, match=r"is not the backbone that .* was trained on"):
        saved.load(saved.find(directory), tmp_path / "cache")


def test_an_adapter_of_layer_norms_is_opened_with_them(bert: Path, tmp_path: Path) -> None:
    directory = leave("bitfit", bert, tmp_path, "targets=[query,LayerNorm]")
    opened = saved.load(saved.find(directory), tmp_path / "cache")
    assert [site.name.rpartition(".")[2] for site in opened.sites].count("LayerNorm") == 1 + 2 * 2
    given, base = (own_logits(directory, tmp_path / "cache", adapted) for adapted in (True, False))
    assert (given - base).abs().max() > 1e-2


def test_a_path_is_made_absolute_and_a_hub_id_is_not(gpt2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(gpt2.parent)
    node = {"path": "openai-community/gpt2-medium", "random": False}
    assert saved.backbone_facts(node, "f") == node | {"fingerprint": "f"}
    assert saved.backbone_facts(node | {"path": gpt2.name}, "f")["path"] == str(gpt2)
