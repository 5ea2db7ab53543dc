"""What once went wrong, each in its smallest form."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import safetensors.torch
import torch
import transformers
from accelerate import Accelerator
from rich.console import Console
from support import tiny
from torch import nn

from benchmarks.errors import RunsFailed, SuiteError
from benchmarks.models import backbones, files, heads
from benchmarks.records import schema, store
from benchmarks.records.schema import Epoch
from benchmarks.tasks.classification import Classification
from benchmarks.tasks.tokens import tokenise
from benchmarks.training import plan
from benchmarks.training.feed import Split
from benchmarks.training.group import RunGroup
from benchmarks.training.runner import run_job
from benchmarks.training.tracking import Tracker
from methods import dropout
from methods.adapter import Adapter
from methods.base import MethodError
from methods.dropout import RowDropout, Rows
from methods.lora import LoRA
from methods.sites import find_sites

DISTILBERT = "backbone.targets={qv:[q_lin,v_lin]}"
SHORT = ["train.epochs=1", "train.batch_size=16"]
THREE = ["seeds=[0,1,2]", "train.batch_size=16"]


@pytest.fixture(autouse=True)
def small_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw a table of masks with fewer places to start at; its windows are as wide as ever."""
    monkeypatch.setattr(dropout, "_STARTS", 1 << 18)


@pytest.fixture(scope="module")
def distilbert(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a random DistilBERT, whose head has two parts that its checkpoint lacks."""
    directory = tmp_path_factory.mktemp("distilbert")
    config = transformers.DistilBertConfig(dim=32, hidden_dim=64, n_layers=1, n_heads=2, initializer_range=0.2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.DistilBertModel(config).save_pretrained(directory)
    names = ["input_ids", "attention_mask"]  # it knows no token types
    transformers.AutoTokenizer.from_pretrained(bert, model_input_names=names).save_pretrained(directory)
    return directory


def train(method: str, backbone: Path, glue: Path, root: Path, *overrides: str) -> dict[int, schema.Record]:
    run_job(tiny.settings(tiny.job(method, backbone, glue, root, *overrides)))
    return tiny.read(root)


def edited(source: Path, directory: Path, file: str, **facts) -> Path:
    """Copy a backbone and change what one of its JSON files says."""
    shutil.copytree(source, directory)
    content = json.loads((directory / file).read_text())
    (directory / file).write_text(json.dumps(content | facts))
    return directory


def test_a_head_with_dropout_inside_trains_beside_a_backbone_in_bf16(roberta: Path, glue: Path, tmp_path: Path) -> None:
    found = train("lora", roberta, glue, tmp_path, "precision=bf16", "seeds=[0,1]", *SHORT)
    assert [found[seed].status for seed in (0, 1)] == ["finished", "finished"]


def test_a_head_trains_with_a_dropout_that_the_backbone_has_not(roberta: Path, glue: Path, tmp_path: Path) -> None:
    backbone = edited(roberta, tmp_path / "backbone", "config.json", classifier_dropout=0.3)
    assert train("lora", backbone, glue, tmp_path, *SHORT)[0].status == "finished"


def test_a_checkpoint_without_the_pooler_is_refused(bert: Path, glue: Path, tmp_path: Path) -> None:
    backbone = tmp_path / "backbone"
    shutil.copytree(bert, backbone)
    weights = safetensors.torch.load_file(backbone / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if "pooler" not in name}
    assert len(kept) < len(weights)
    safetensors.torch.save_file(kept, backbone / "model.safetensors", {"format": "pt"})
    with pytest.raises(SuiteError, match=r"no weights for \S*pooler.dense.bias, \S*pooler.dense.weight,") as refused:
        train("lora", backbone, glue, tmp_path)
    assert "\n" not in str(refused.value)


def test_parts_of_a_head_are_refused_or_named(distilbert: Path, glue: Path, tmp_path: Path) -> None:
    missing = r"no weights for pre_classifier.bias, pre_classifier.weight,"
    with pytest.raises(SuiteError, match=missing) as refused:
        train("lora", distilbert, glue, tmp_path, DISTILBERT)
    assert "\n" not in str(refused.value)
    more = [DISTILBERT, "backbone.head=[pre_classifier,classifier]", *SHORT]
    record = train("lora", distilbert, glue, tmp_path, *more)[0]
    assert record.status == "finished"
    assert record.parameters.head == (32 * 32 + 32) + (32 * 2 + 2)


def test_the_records_of_a_backbone_without_a_name(bert: Path, glue: Path, tmp_path: Path) -> None:
    assert bert.is_absolute()
    train("head", bert, glue, tmp_path, "backbone.name=null", *SHORT)
    folder = tmp_path / "results" / "records" / "glue" / "mrpc" / bert.name
    assert [path.parent.parent for path in (tmp_path / "results").rglob("*.json")] == [folder]
    with pytest.raises(SuiteError, match=r"backbone.name must hold no '/', .*, got a/b"):
        train("head", bert, glue, tmp_path, "backbone.name=a/b")


class Positioned(nn.Module):
    """A map of the batch's rows that is applied to three positions too."""

    def __init__(self) -> None:
        super().__init__()
        self.map, self.positions = nn.Linear(8, 8), torch.ones(3, 8)

    def forward(self, x):
        return self.map(x) + self.map(self.positions).sum(0)


def test_a_map_of_something_else_than_the_rows_is_refused() -> None:
    model, method = Positioned(), LoRA(rank=2, alpha=2)
    sites = find_sites(model, ["map"], [])
    Adapter(model, method, sites, [method.init(sites, None) for _ in range(3)], {}, Rows())
    with pytest.raises(MethodError, match="map is applied to 3 rows, but the batch has 6"):
        model(x=torch.ones(6, 8))


def entered(seeds: int, examples: int) -> Rows:
    rows = Rows()
    rows.enter(torch.arange(seeds)[:, None], 0, torch.arange(examples).repeat(seeds, 1), step=0)
    return rows


def test_dropout_of_something_else_than_the_rows_is_refused() -> None:
    dropped = RowDropout(0.1, entered(seeds=3, examples=2))
    assert dropped(torch.ones(6, 8)).shape == (6, 8)
    with pytest.raises(MethodError, match="3 rows, but the batch has 6"):
        dropped(torch.ones(3, 8))


def test_a_kill_between_the_records_of_a_group_loses_nothing(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    write = store.write

    def one(path: Path, record: schema.Record) -> None:
        if list((killed / "results").rglob("*.json")):
            raise KeyboardInterrupt
        write(path, record)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(store, "write", one)
        train("lora", bert, glue, killed, *THREE)
    assert len(tiny.read(killed)) == 1
    found = train("lora", bert, glue, killed, *THREE)
    expected = train("lora", bert, glue, whole, *THREE)
    assert {seed: (r.epochs, r.group) for seed, r in found.items()} == {
        seed: (r.epochs, r.group) for seed, r in expected.items()
    }
    assert len(found) == len(found[0].group) == 3
    assert not list((killed / "cache" / "checkpoints").iterdir())


def test_a_killed_run_can_go_on_with_its_adapter_asked_for(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is learnt, so that the best epoch is the first, before the kill.
    still = ["method.lr=0.0", "method.lr_head=0.0", "train.batch_size=16"]

    def second(tracker: Tracker, index: int, epoch: Epoch, step: int) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Tracker, "epoch", second)
        train("lora", bert, glue, tmp_path, *still)
    assert len(list((tmp_path / "cache" / "checkpoints").iterdir())) == 1
    record = train("lora", bert, glue, tmp_path, *still, "adapter.save=true")[0]
    assert [epoch.epoch for epoch in record.epochs] == [1, 2]
    assert record.scores.best_epoch == 1
    (adapter,) = (tmp_path / "results" / "runs").rglob("adapter")
    assert (adapter / "adapter.safetensors").stat().st_size == record.parameters.adapter_bytes


def test_a_head_starts_with_its_norms_as_they_are() -> None:
    template = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    nn.init.ones_(template[1].bias)
    drawn = heads.init(template, 0.02, torch.Generator().manual_seed(0))
    assert drawn.keys() == dict(template.named_parameters()).keys()
    assert torch.equal(drawn["1.weight"], torch.ones(4))
    assert not any(drawn[f"{layer}.bias"].any() for layer in range(3))
    assert 0 < drawn["0.weight"].abs().max() < 0.1


def test_logits_that_are_not_finite_are_no_class(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Classification.predict

    def broken(task: Classification, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        logits[len(logits) // 2, 0] = torch.nan  # the first row of the second run
        return whole(task, logits, labels)

    monkeypatch.setattr(Classification, "predict", broken)
    with pytest.raises(RunsFailed, match="1 of 2 runs failed"):
        train("head", bert, glue, tmp_path, "seeds=[0,1]", *SHORT)
    found = tiny.read(tmp_path)
    assert [found[seed].status for seed in (0, 1)] == ["finished", "failed"]
    assert "predictions stopped being finite" in found[1].error


def test_rows_of_long_texts_and_wide_maps_are_dropped_out() -> None:
    dropped = RowDropout(0.1, entered(seeds=1, examples=1))(torch.ones(1, 400, 3072))
    assert abs((dropped == 0).double().mean() - 0.1) < 5 * (0.1 * 0.9 / dropped.numel()) ** 0.5


def test_a_window_wider_than_the_table_is_refused() -> None:
    rows, wider = Rows(), dropout._WIDEST + 1
    with pytest.raises(ValueError, match=f"must have at most {wider - 1} entries, got {wider}"):
        rows.windows(torch.zeros(1, dtype=torch.int64), wider, 0.1, torch.ones(1))


def test_singular_vectors_are_computed_once_a_rank(bert: Path, glue: Path, tmp_path: Path) -> None:
    def files(override: str) -> dict[Path, int]:
        root = tmp_path / override.replace("=", "-")
        train("lora_xs", bert, glue, root, f"cache={tmp_path}/cache", override, *SHORT)
        return {file: file.stat().st_mtime_ns for file in (tmp_path / "cache" / "frozen").iterdir()}

    first = files("method.alpha=16")
    assert len(first) == 1
    assert files("method.alpha=32") == first
    both = files("method.rank=3")
    assert len(both) == 2
    assert first.items() < both.items()


def identity(backbone: Path, glue: Path, root: Path, *overrides: str) -> str:
    settings = tiny.settings(tiny.job("lora", backbone, glue, root, *overrides))
    (run,) = plan.runs_of(plan.prepare(settings, Accelerator(), Console(quiet=True)))
    return run.identity


@pytest.mark.parametrize(
    ("file", "fact"),
    [
        ("config.json", {"layer_norm_eps": 1e-3}),
        ("tokenizer.json", {"normalizer": None}),
        ("tokenizer_config.json", {"do_lower_case": False}),
    ],
)
def test_a_run_is_another_on_another_backbone(file: str, fact: dict, bert: Path, glue: Path, tmp_path: Path) -> None:
    other = edited(bert, tmp_path / "other", file, **fact)
    assert identity(other, glue, tmp_path) != identity(bert, glue, tmp_path)


def test_a_run_is_the_same_wherever_it_reads_and_writes(bert: Path, glue: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(bert, copied)
    elsewhere = ["backbone.name=other", f"results={tmp_path}/r", f"cache={tmp_path}/c", "wandb.mode=offline"]
    assert identity(copied, glue, tmp_path, *elsewhere) == identity(bert, glue, tmp_path)


def test_lengths_are_counted_once() -> None:
    split = Split(None, [{"input_ids": [1, 2, 3]}, {"input_ids": [4]}], None)
    assert split.lengths.tolist() == [3, 1]
    assert split.lengths is split.lengths


def test_running_out_of_memory_while_building_is_recorded_and_the_sweep_goes_on(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def runs_out(*_, **__) -> None:
        raise MemoryError

    monkeypatch.setattr(RunGroup, "_collect", runs_out)
    with pytest.raises(RunsFailed, match="1 of 1 runs failed"):
        train("lora", bert, glue, tmp_path, *SHORT)
    record = tiny.read(tmp_path)[0]
    assert (record.status, record.error) == ("failed", "out of memory: MemoryError")
    monkeypatch.undo()
    assert train("lora", bert, glue, tmp_path, *SHORT)[0].status == "finished"


def test_tokens_are_cached_for_one_tokenizer(bert: Path, glue: Path, tmp_path: Path) -> None:
    def tokens(backbone: Path) -> list[dict]:
        settings = tiny.settings(tiny.job("lora", bert, glue, tmp_path))
        job = plan.prepare(settings, Accelerator(), Console(quiet=True))
        facts = (job.rows, "validation", job.task, backbones.tokenizer(backbone))
        return tokenise(*facts, files.fingerprint(backbone), 128)

    other = edited(bert, tmp_path / "other", "tokenizer_config.json", do_lower_case=False)
    own = [
        backbones.tokenizer(other)(*(row[c] for c in ("sentence1", "sentence2")))["input_ids"] for row in _rows(glue)
    ]
    assert [example["input_ids"] for example in tokens(bert)] != own
    assert [example["input_ids"] for example in tokens(other)] == own


def _rows(glue: Path) -> list[dict]:
    return pq.read_table(glue / "glue" / "mrpc" / "validation-00000-of-00001.parquet").to_pylist()


def test_an_attention_with_dropout_of_its_own_is_refused(bert: Path, glue: Path, tmp_path: Path) -> None:
    config = transformers.AlbertConfig(
        vocab_size=40_000, embedding_size=32, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, attention_probs_dropout_prob=0.1,
    )  # fmt: skip
    transformers.AlbertModel(config).save_pretrained(tmp_path / "albert")
    transformers.AutoTokenizer.from_pretrained(bert).save_pretrained(tmp_path / "albert")
    with pytest.raises((SuiteError, MethodError), match=r"backbone\.dropout=0"):
        train("lora", tmp_path / "albert", glue, tmp_path, *SHORT)
    still = ["backbone.dropout=0.0", *SHORT]
    assert train("lora", tmp_path / "albert", glue, tmp_path, *still)[0].status == "finished"


def test_a_cut_weights_file_is_one_line(bert: Path, glue: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "cut")
    weights = tmp_path / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(SuiteError, match="is not a backbone that transformers can read") as refused:
        train("lora", tmp_path / "cut", glue, tmp_path, *SHORT)
    assert "\n" not in str(refused.value)
