"""Runs that begin where a run on another task ended."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import filelock
import pytest
import safetensors.torch
import torch
from accelerate import Accelerator
from rich.console import Console
from support import tiny

from benchmarks import conf
from benchmarks.errors import RunsFailed, SuiteError
from benchmarks.papers import published, recipes
from benchmarks.records import store
from benchmarks.training import job as reading
from benchmarks.training import plan, runner, warm_start

WARM = ("start=glue/mnli", "adapter.save=true", "adapter.resumable=true")


def trained(backbone: Path, glue: Path, root: Path, *more: str, method: str = "lora") -> list[Path]:
    """Train mrpc from mnli and return its records' paths."""
    runner.run_job(tiny.settings(tiny.job(method, backbone, glue, root, *WARM, *more)))
    return sorted((root / "results" / "records").rglob("*.json"))


def begun_from(root: Path) -> list[Path]:
    """Return the paths of the starts' records, which lie where no table takes them for results."""
    return sorted((root / "results" / "starts" / "records").rglob("*.json"))


def left(record: Path, name: str) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(warm_start.tensors_of(record).with_name(f"{name}.safetensors"))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> list[str]:
    return [name for name in one if one[name].shape == other[name].shape and torch.equal(one[name], other[name])]


def runs_of(overrides: list[str]) -> list[plan.Run]:
    return plan.runs_of(plan.prepare(tiny.settings(overrides), Accelerator(), Console(quiet=True)))


@pytest.mark.parametrize("method", ["lora", "vb_lora"])
def test_runs_begin_with_the_adapter_and_with_what_fits_of_the_head(
    method: str, roberta: Path, glue: Path, tmp_path: Path
) -> None:
    """At a rate of 0 a run ends where it began, which without a start is what its own seed draws."""
    rates = "method.lr={vector_bank:0.0,logits:0.0}" if method == "vb_lora" else "method.lr=0.0"
    settings = (rates, "method.lr_head=0.0", "train.epochs=1", "seeds=[3,4]")
    three, four = trained(roberta, glue, tmp_path, *settings, method=method)
    (start,) = begun_from(tmp_path)
    assert [record.task for record in map(store.read, (start, three, four))] == [
        "glue/mnli",
        "glue/mrpc",
        "glue/mrpc",
    ]
    assert store.read(start).seed == 0
    for record in (three, four):
        began = store.read(record).started_from
        assert (began.identity, began.task, began.runs, began.train_rows) == (
            store.read(start).identity,
            "glue/mnli",
            1,
            43,
        )
        assert store.read(record).config["start"] == "glue/mnli"
        assert same(left(record, "trained"), left(start, "trained")) == list(left(start, "trained"))
        assert {name.removeprefix("classifier.") for name in same(left(record, "head"), left(start, "head"))} == {
            "dense.weight",
            "dense.bias",
        }
    assert "classifier.out_proj.weight" not in same(left(three, "head"), left(four, "head"))  # drawn anew, by seed
    alone = trained(roberta, glue, tmp_path / "alone", *settings, "start=null", method=method)[0]
    drawn = [name for name in left(alone, "trained") if not name.endswith(".B")]  # LoRA's B is 0 for every seed
    assert drawn and not set(drawn) & set(same(left(alone, "trained"), left(three, "trained")))
    assert store.read(alone).started_from is None and "start" not in store.read(alone).config


def test_a_start_is_trained_once_and_again_where_its_adapter_was_lost(bert: Path, glue: Path, tmp_path: Path) -> None:
    (first,) = trained(bert, glue, tmp_path)
    (start,) = begun_from(tmp_path)
    made, adapter = start.stat().st_mtime_ns, left(start, "trained")
    assert trained(bert, glue, tmp_path) == [first]
    trained(bert, glue, tmp_path, "task=glue/rte")
    assert begun_from(tmp_path) == [start] and start.stat().st_mtime_ns == made
    shutil.rmtree(warm_start.tensors_of(start).parent)
    assert trained(bert, glue, tmp_path, "task=glue/stsb")[-1].parts[-5:-3] == ("glue", "stsb")
    assert same(left(start, "trained"), adapter) == list(adapter)


def test_a_start_that_another_command_trains_is_waited_for(
    bert: Path, glue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = [*tiny.job("lora", bert, glue, tmp_path), *WARM, "train.epochs=1"]
    (run,) = runs_of([*job, "task=glue/mnli", "start=null", f"results={tmp_path}/results/starts"])
    lock = tmp_path / "cache" / "starts" / f"{run.path.stem}.lock"
    lock.parent.mkdir(parents=True)
    told = ""
    with ThreadPoolExecutor() as pool:
        with filelock.FileLock(lock):
            waiting = pool.submit(runner.run_job, tiny.settings(job))
            while "waits for glue/mnli tiny lora qv, which another" not in told and not waiting.done():
                time.sleep(0.1)
                told += capsys.readouterr().out
            assert not waiting.done() and begun_from(tmp_path) == []
        waiting.result()
    assert begun_from(tmp_path) == [run.path]


def test_the_best_of_a_grid_is_begun_from(bert: Path, glue: Path, tmp_path: Path) -> None:
    settings = ("grid={method.lr:[1e-5,3e-2]}", "train.epochs=4", "train.batch_size=4")
    found = trained(bert, glue, tmp_path, *settings)
    scores = {run.identity: run.scores.best for run in map(store.read, begun_from(tmp_path))}
    assert len(set(scores.values())) == 2  # or the choice would show nothing
    assert {store.read(path).started_from.identity for path in found} == {max(scores, key=scores.get)}
    assert {store.read(path).started_from.runs for path in found} == {2}


def test_what_a_run_begins_from_is_in_its_identity(bert: Path, glue: Path, tmp_path: Path) -> None:
    job = tiny.job("lora", bert, glue, tmp_path)
    identities = [runs_of([*job, *more])[0].identity for more in ([], ["start=glue/mnli"], ["start=glue/rte"])]
    assert len(set(identities)) == 3


def test_one_that_failed_is_counted_and_said(
    bert: Path, glue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RunsFailed, match="glue/mrpc tiny lora qv: 1 of 2 runs failed"):
        trained(bert, glue, tmp_path, "grid={method.lr:[1e-3,1e30]}", "train.max_grad_norm=null")
    assert "begins from glue/mnli tiny lora qv, the best of 2 runs, 1 failed" in capsys.readouterr().out


def test_a_tuning_tunes_no_start(bert: Path, glue: Path, tmp_path: Path) -> None:
    job = [*tiny.job("lora", bert, glue, tmp_path), "start=glue/mnli"]
    assert runs_of([*job, "tune.grid={lr:[1,3]}"])[0].identity == runs_of(job)[0].identity


def test_a_start_that_failed_is_said(bert: Path, glue: Path, tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="nothing can begin from glue/mnli tiny lora qv: the loss"):
        trained(bert, glue, tmp_path, "method.lr=1e30", "train.max_grad_norm=null")


@pytest.mark.parametrize(
    ("method", "start", "told"),
    [
        ("lora", "glue/mnlii", "nearest: glue/mnli;"),
        ("lora", "glue/mrpc", "is the task itself"),
        ("lora", "3", "known: glue/cola"),
        ("head", "glue/mnli", "method=head has no adapter"),
    ],
)
def test_what_cannot_be_begun_from_is_said(
    method: str, start: str, told: str, bert: Path, glue: Path, tmp_path: Path
) -> None:
    with pytest.raises(SuiteError, match=told):
        runs_of([*tiny.job(method, bert, glue, tmp_path), f"start={start}"])


def test_a_start_whose_data_are_not_there_is_said(
    bert: Path, glue: Path, tmp_path: Path, own_datasets_cache: None
) -> None:
    shutil.copytree(glue / "glue" / "mrpc", tmp_path / "data" / "glue" / "mrpc")
    card = "---\nconfigs:\n- config_name: mrpc\n  data_files:\n  - split: train\n    path: mrpc/train-*\n"
    (tmp_path / "data" / "glue" / "README.md").write_text(
        f"{card}  - split: validation\n    path: mrpc/validation-*\n---\n"
    )
    with pytest.raises(SuiteError, match=r"mnli.*start=null begins from the backbone"):
        runs_of([*tiny.job("lora", bert, tmp_path / "data", tmp_path), "start=glue/mnli"])


def test_a_recipe_begins_from_mnli_where_the_papers_runs_did() -> None:
    """LoRA's and LoRA-XS's on three tasks, but not LoRA's row on roberta-large that VeRA and VB-LoRA print."""
    rows = [row for row in published.runnable(published.load()) if row.benchmark == "glue" and row.variant is None]
    begun = {"lora": 0, "lora_xs": 0}
    for row in rows:
        asked = row.train_rows if row.from_mnli else ("mrpc", "rte")  # to compose takes a tenth of a second
        tasks = {task for task in asked if conf.composed(recipes.overrides(row, f"glue/{task}")).start}
        assert tasks == set(row.from_mnli), row.name
        assert not tasks or row.start_rows == 392702, row.name  # without it no run would ever compare
        begun |= {row.method: begun[row.method] + 1} if tasks else {}
    # Of LoRA's table 2 both backbones, and the base row in two others; of LoRA-XS's own all, which Uni-LoRA's repeats.
    assert begun == {"lora": 4, "lora_xs": 7}


@pytest.mark.parametrize("method", ["lora", "lora_xs"])
def test_a_start_is_the_tasks_own_recipe(method: str) -> None:
    """What mrpc begins from is what ``task=glue/mnli seeds=[0]`` trains: its own epochs, rates and grid."""
    rows = published.runnable(published.load())
    row = next(r for r in rows if (r.backbone, r.method) == ("roberta-large", method) and r.from_mnli)
    start = reading.read(conf.composed(recipes.overrides(row, "glue/mrpc"))).start
    alone = reading.read(conf.composed([*recipes.overrides(row, "glue/mnli"), "seeds=[0]"]))
    configs = [job.run_config(job.method, job.target_names()) for job in (start, alone)]
    assert configs[0] == configs[1]
    assert (start.points, start.seeds, start.start) == (alone.points, alone.seeds, None)
