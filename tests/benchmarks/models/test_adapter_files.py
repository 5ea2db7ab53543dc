"""What a run leaves in adapter/ gives the run back as it was at its best epoch, and is refused where it would not."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import safetensors.torch
import torch
from support import tiny

import methods
from benchmarks.errors import SuiteError
from benchmarks.models import adapter_files as adapters
from benchmarks.models import backbones
from benchmarks.models import saved as runs
from benchmarks.records.schema import Record
from benchmarks.tasks import rows as data
from benchmarks.tasks.base import Task
from benchmarks.tasks.build import build
from benchmarks.training.runner import run_job
from methods.adapter import Adapter
from methods.base import Method
from methods.dropout import Rows
from methods.sites import find_sites

HEAD = ["classifier"]
TARGETS = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]


@dataclass(frozen=True)
class Saved:
    """A finished run of a method, and its adapter."""

    method: type[Method]
    record: Record
    directory: Path
    backbone: Path
    rows: data.Rows
    task: Task

    def model(self):
        model = backbones.load(self.backbone, self.task, None, HEAD, None)
        tokenizer = backbones.tokenizer(self.backbone)
        return model.eval().requires_grad_(False), tokenizer

    def sites(self, model) -> list:
        return find_sites(model, TARGETS, HEAD) if self.method.adapts_sites else []


@pytest.fixture(scope="module", params=tiny.CLASSIFYING)
def saved(request: pytest.FixtureRequest, bert: Path, glue: Path, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    root = tmp_path_factory.mktemp("saved")
    # A regression, whose correlation shows any change of a prediction; rates that make its epochs differ.
    more = ["task=glue/stsb", "targets=all", "train.epochs=4", "method.lr_head=1e-2", "train.schedule=constant"]
    job = tiny.job(request.param, bert, glue, root, *more, "adapter.save=true", "adapter.resumable=true", "seeds=[0,1]")
    settings = tiny.settings(job)
    run_job(settings)
    record = tiny.read(root)[1]
    (directory,) = (root / "results" / "runs").glob(f"**/seed1-{record.identity}/adapter")
    task = build(settings.task)
    return Saved(
        methods.find()[request.param], record, directory, bert, data.load(task, str(glue), root / "cache"), task
    )


def test_a_loaded_adapter_scores_as_its_run_did_at_its_best_epoch(saved: Saved) -> None:
    # Opened from its folder alone: what lies there says which backbone, head and sites.
    opened = runs.load(runs.find(saved.directory), saved.directory / "cache")
    model, tokenizer = opened.model, backbones.tokenizer(opened.directory)
    assert opened.directory == saved.backbone
    Adapter(model, opened.method, opened.sites, [opened.trained], opened.frozen, Rows())
    rows = saved.rows.splits["validation"]
    predictions = []
    for row in rows:
        inputs = tokenizer(*(row[column] for column in saved.task.text), return_tensors="pt")
        with torch.no_grad():
            predictions.append(saved.task.predict(model(**inputs).logits, torch.tensor([row[saved.task.label]])))
    scores = saved.task.score(torch.cat(predictions).numpy(), torch.tensor(rows[saved.task.label]).numpy())
    best = saved.record.epochs[saved.record.scores.best_epoch - 1]
    assert best.scores["pearson"] == saved.record.scores.best
    # The run padded its rows to batches and these are alone: float32 rounding, carried into a correlation.
    assert scores["pearson"] == pytest.approx(saved.record.scores.best, abs=1e-5)
    others = [epoch.scores["pearson"] for epoch in saved.record.epochs if epoch is not best]
    assert all(abs(scores["pearson"] - other) > 1e-4 for other in others)


def test_the_record_states_the_bytes_on_disk(saved: Saved) -> None:
    parameters, files = saved.record.parameters, saved.directory
    has_adapter = saved.method.adapts_sites or saved.method.trains_backbone
    assert parameters.adapter_bytes == ((files / "adapter.safetensors").stat().st_size if has_adapter else 0)
    assert parameters.head_bytes == (files / "head.safetensors").stat().st_size
    described = json.loads((files / "adapter.json").read_text())
    assert described["run"] == saved.record.config
    assert described["backbone"]["fingerprint"] == saved.record.backbone.fingerprint
    assert saved.record.parameters.head == 33  # 32 weights and a bias


def test_resumable_leaves_the_trained_tensors_themselves(saved: Saved) -> None:
    trained = safetensors.torch.load_file(saved.directory / "trained.safetensors")
    assert sum(tensor.numel() for tensor in trained.values()) == saved.record.parameters.trained
    model, _ = saved.model()
    sites = saved.sites(model)
    method, loaded, _, frozen = adapters.load(saved.directory, sites)
    own, other = method.factors(trained, frozen, sites), method.factors(loaded, frozen, sites)
    assert own.keys() == other.keys() == {site.name for site in sites}
    for name, factors in own.items():
        # What is stored may be rounded once more than what was trained.
        pairs = [(a, b) for a, b in zip(factors, other[name], strict=True) if a is not None]
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in pairs)


def test_a_method_that_packs_stores_fewer_bytes_than_it_trains(saved: Saved) -> None:
    stored, trained = ((saved.directory / f"{name}.safetensors").stat().st_size for name in ("adapter", "trained"))
    if saved.method.pack is Method.pack:
        assert stored == trained
    else:
        assert stored < trained


def altered(saved: Saved, directory: Path, *keys: str) -> Path:
    """Copy an adapter and change what its JSON says of the frozen tensors."""
    shutil.copytree(saved.directory, directory)
    described = json.loads((directory / "adapter.json").read_text())
    for facts in described["frozen"].values():
        for key in keys:
            facts[key] = "0" * 64 if key == "sha256" else [value + 0.1 for value in facts[key]]
    (directory / "adapter.json").write_text(json.dumps(described))
    return directory


def test_frozen_tensors_that_come_out_otherwise_are_refused(saved: Saved, tmp_path: Path) -> None:
    model, _ = saved.model()
    sites = saved.sites(model)
    directory = altered(
        saved, tmp_path / "altered", "sketch" if saved.method.frozen_from_weights is not None else "sha256"
    )
    if saved.method.frozen is Method.frozen:
        adapters.load(directory, sites)
    else:
        with pytest.raises(SuiteError, match="a different frozen"):
            adapters.load(directory, sites)


def test_frozen_tensors_of_other_weights_are_refused_where_they_are_made_of_them(saved: Saved) -> None:
    model, _ = saved.model()
    for site in saved.sites(model):
        model.get_submodule(site.name).weight.data.normal_(generator=torch.Generator().manual_seed(1))
    if saved.method.frozen_from_weights is None:
        adapters.load(saved.directory, saved.sites(model))
    else:
        with pytest.raises(SuiteError, match="a different frozen"):
            adapters.load(saved.directory, saved.sites(model))


def test_other_sites_are_refused(saved: Saved) -> None:
    model, _ = saved.model()
    if sites := saved.sites(model):
        with pytest.raises(SuiteError, match="was not trained on these 1 maps, but on"):
            adapters.load(saved.directory, sites[:1])
    with pytest.raises(SuiteError, match="was not trained on these 3 maps, but on"):
        adapters.load(saved.directory, find_sites(model, ["query", "intermediate.dense"], HEAD)[:3])


def test_a_folder_that_is_no_adapter_is_an_error_of_one_line(saved: Saved, tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"adapter\.json: No such file or directory: train") as missing:
        adapters.load(tmp_path / "nowhere", [])
    assert "\n" not in str(missing.value)
    directory = altered(saved, tmp_path / "cut")
    (directory / "adapter.safetensors").write_bytes(b"cut")
    with pytest.raises(SuiteError, match=r"adapter\.safetensors cannot be read"):
        adapters.load(directory, [])
