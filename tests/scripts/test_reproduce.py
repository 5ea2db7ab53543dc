"""A published table run row by row, on a table made for this test: its plan, its runs, and that it goes on."""

import json
import os
import shlex
from pathlib import Path

import pytest
import torch
from support import making, printed
from support.hub import Hub, files_of
from support.tiny import writing_job

from benchmarks import conf, hub
from benchmarks.analysis import verdicts
from benchmarks.models.precision import fast_at_bf16
from benchmarks.papers import published, recipes
from benchmarks.records import store
from benchmarks.tasks import rows
from benchmarks.training import job as reading
from scripts import reproduce

TABLE = printed.table(
    """
- backbone: minilm
  method: lora
  targets: qv
  parameters: 1
  parameters_as_printed: 1K
  scores: {cola: {value: 50}, sst2: {value: 50}, avg: {value: 50}}
- backbone: minilm
  method: lora_xs
  targets: [query]
  rank: 4
  parameters: 1
  parameters_as_printed: 1K
  scores: {sst2: {value: 50}}
""",
    seeds=2,
)


@pytest.fixture
def tables(tmp_path: Path, own_datasets_cache: None) -> Path:
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "someone.yaml").write_text(TABLE)
    return tmp_path / "published"


@pytest.fixture
def settings(tables: Path, tmp_path: Path) -> list[str]:
    sizes = ["data.train_rows=48", "data.validation_rows=40", "seeds=[0,1]", "train.epochs=1", "train.batch_size=16"]
    where = [f"results={tmp_path}/results", f"cache={tmp_path}/cache", "wandb.mode=disabled"]
    return ["--published", str(tables), *sizes, *where]


def plan_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[list[str]]:
    assert reproduce.main([*arguments, "--plan"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    return [line[1:7] for line in lines if line and line[0] == "minilm"]


def test_a_table_is_planned_then_run_and_then_done(
    settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], machine: dict, monkeypatch
) -> None:
    for name, value in machine.items():
        monkeypatch.setenv(name, value)
    table = ["someone", "1", *settings]
    assert plan_of(capsys, *table) == [
        ["lora", "qv", "glue/cola", "2", "0", "2"],
        ["lora", "qv", "glue/sst2", "2", "0", "2"],
        ["lora_xs", "query", "glue/sst2", "2", "0", "2"],
    ]
    assert not list((tmp_path).rglob("records"))  # a plan trains nothing
    assert reproduce.main([*table, "--method", "lora", "--launcher", "joblib", "hydra.launcher.n_jobs=2"]) == 0
    told = capsys.readouterr().out
    assert "4 runs, 0 done, 4 to do\n" in told
    assert "a launcher's runs go elsewhere or side by side" in told
    records = [store.read(path) for path in (tmp_path / "results").rglob("*.json")]
    assert sorted((record.task, record.seed) for record in records) == [
        ("glue/cola", 0),
        ("glue/cola", 1),
        ("glue/sst2", 0),
        ("glue/sst2", 1),
    ]
    # Such a run is its row's in all that its record says, but for the data.
    (row, _) = published.load(tmp_path / "published")
    for record in records:
        task = record.task.partition("/")[2]
        overrides = [*recipes.overrides(row, record.task), "train.epochs=1", "train.batch_size=16"]
        recipe = verdicts.recipe_of(reading.read(conf.composed(overrides)))
        assert verdicts.differences(record, row, task, recipe) == ["the suite's own data"]
    assert seconds_of(capsys, *table) == [0.0, 0.0, None]
    assert seconds_of(capsys, *table, "--warm-up")[2] > 0
    assert not list((tmp_path / "results").rglob("lora_xs*"))  # the warm-up lies in the cache
    (done_before,) = [
        path.stat().st_mtime_ns for path in (tmp_path / "cache" / "rates").rglob("records/**/*seed0*.json")
    ]
    assert seconds_of(capsys, *table)[2] > 0
    (done_after,) = [
        path.stat().st_mtime_ns for path in (tmp_path / "cache" / "rates").rglob("records/**/*seed0*.json")
    ]
    assert done_before == done_after
    check_slurms_estimate(table, tmp_path / "cache" / "rates", capsys)


def check_slurms_estimate(table: list[str], rates: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Slurm's jobs are estimated by the rate that was measured last, of whatever machine; other launchers' by none."""
    (measured,) = rates.glob("*/*.json")
    here = seconds_of(capsys, *table)[2]
    assert seconds_of(capsys, *table, "--launcher", "submitit") == [0.0, 0.0, here]
    assert seconds_of(capsys, *table, "--launcher", "joblib") == [0.0, 0.0, None]
    faster = rates / "NVIDIA-H200-1-processes" / measured.name
    faster.parent.mkdir()
    rate = json.loads(measured.read_text())
    faster.write_text(json.dumps(rate | {"rows": rate["rows"] * 8}))
    os.utime(measured, (1, 1))
    assert seconds_of(capsys, *table, "--launcher", "submitit")[2] == pytest.approx(here / 8)
    assert seconds_of(capsys, *table)[2] == here
    assert reproduce.main([*table, "--plan", "--launcher", "submitit", "--warm-up"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "times as measured last, on NVIDIA-H200-1-processes" in told
    assert "--warm-up is left out: a launcher's runs go elsewhere" in told
    assert [line[3:] for line in plan_of(capsys, *table)] == [["2", "2", "0"], ["2", "2", "0"], ["2", "0", "2"]]
    assert plan_of(capsys, *table, "--task", "sst2", "--method", "lora") == [["lora", "qv", "glue/sst2", "2", "2", "0"]]


def test_a_plan_reads_each_tasks_rows_once(
    settings: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, load = [], rows.load
    monkeypatch.setattr(rows, "load", lambda task, *more: read.append(task.name) or load(task, *more))
    assert len(plan_of(capsys, "someone", "1", *settings, "start=glue/mnli")) == 5  # one each method begins from
    assert sorted(read) == ["glue/cola", "glue/mnli", "glue/sst2"]


def seconds_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[float | None]:
    capsys.readouterr()
    assert reproduce.main([*arguments, "--plan", "--format", "json"]) == 0
    return [job["seconds"] for job in json.loads(capsys.readouterr().out)]


def test_runs_that_are_done_elsewhere_on_two_processes_in_another_precision_are_found(
    settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], machine: dict, monkeypatch
) -> None:
    for name, value in (machine | {"ACCELERATE_USE_CPU": "true"}).items():
        monkeypatch.setenv(name, value)
    table = ["someone", "1", *settings, "--method", "lora_xs"]
    here, other = ("bf16", "fp32") if fast_at_bf16(torch.device("cpu")) else ("fp32", "bf16")
    assert reproduce.main([*table, f"precision={other}", "--processes", "2"]) == 0
    records = [store.read(path) for path in (tmp_path / "results").rglob("*.json")]
    assert [(record.task, record.environment.processes) for record in records] == [("glue/sst2", 2)] * 2
    capsys.readouterr()
    assert reproduce.main([*table, "--plan"]) == 0
    told = capsys.readouterr().out
    assert f"2 of the runs to do are done in {other}: precision={other} asks for those" in told
    assert "no rate measured on this machine: --warm-up measures one" in told
    assert [line[3:] for line in plan_of(capsys, *table, f"precision={here}")] == [["2", "0", "2"]]
    assert [line[3:] for line in plan_of(capsys, *table, f"precision={other}")] == [["2", "2", "0"]]


def test_what_a_text_table_decodes_is_in_its_estimate(
    gpt2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "someone.yaml").write_text(E2E_TABLE)
    sizes = ["task.decode.instances=12", "data.train_rows=24", "data.validation_rows=24"]
    job = writing_job("lora", gpt2, "embedded", tmp_path, "seeds=[0,1]", *sizes)
    chosen = [setting for setting in job if setting.partition("=")[0] not in ("task", "backbone", "method", "targets")]
    table = ["someone", "3", "--published", str(tmp_path / "published"), *chosen]
    (seconds,) = seconds_of(capsys, *table, "--warm-up")
    (rate,) = [json.loads(file.read_text()) for file in (tmp_path / "cache" / "rates").glob("*/*.json")]
    (record, _) = (store.read(path) for path in (tmp_path / "cache" / "rates").rglob("records/**/*.json"))
    assert len(record.generation.predictions) == 8
    learnt = record.data.train_rows + record.data.validation_rows / 3
    assert seconds == pytest.approx(2 * (learnt * 2 / rate["rows"] + 12 / rate["texts"]))


E2E_TABLE = """
source: someone
arxiv: '2401.00001'
table: 3
benchmark: e2e
experiment: quickstart-e2e
statistic: mean
epoch: best
seeds: 2
rows:
- backbone: gpt2-tiny
  method: lora
  targets: all
  parameters: 1
  parameters_as_printed: 1K
  scores: {bleu: {value: 50}}
"""
HUBS_TABLE = """
source: someone
arxiv: '2401.00001'
table: 2
benchmark: glue
experiment: quickstart
statistic: median
epoch: best
seeds: 2
train_rows: {rte: 43}
scored_rows: {rte: 40}
rows:
- backbone: roberta-base
  method: lora
  targets: qv
  parameters: 1
  parameters_as_printed: 1K
  scores: {rte: {value: 50}}
"""
README = "---\nconfigs:\n- config_name: rte\n  data_files:\n  - {split: train, path: rte/train*}\n"
README += "  - {split: validation, path: rte/validation*}\n---\n"


def test_from_the_hub_to_a_verdict(
    loopback: Hub, tables: Path, roberta: Path, glue: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A published row by the hub's own clients: plan, run, table, verdict; the second time nothing is trained.

    The third time the hub is down, which this command and those that it starts find out once.
    """
    (tables / "hubs.yaml").write_text(HUBS_TABLE)
    model = loopback.repositories["models/FacebookAI/roberta-base"].commit(files_of(roberta))
    files = {f"rte/{file.name}": file.read_bytes() for file in (glue / "glue" / "rte").iterdir()}
    data = loopback.repositories["datasets/nyu-mll/glue"].commit({"README.md": README.encode(), **files})
    settings = [
        "seeds=[0,1]",
        "train.epochs=1",
        "start=null",
        "data.root=null",
        "data.train_rows=null",
        "data.validation_rows=null",
    ]
    settings += ["backbone.shape=null", "backbone.max_length=48", f"cache={tmp_path}/cache", "wandb.mode=disabled"]
    command = ["someone", "2", "--published", str(tables), *settings, f"results={tmp_path}/results"]
    assert reproduce.main(command) == 0
    records = [store.read(path) for path in (tmp_path / "results").rglob("records/**/*.json")]
    assert [(record.task, record.data.source) for record in records] == [("glue/rte", "hub")] * 2
    assert {(record.backbone.revision, record.data.revision) for record in records} == {(model, data)}
    capfd.readouterr()
    assert reproduce.main([*command, "--verdicts"]) == 0
    told = capfd.readouterr().out
    assert "2 runs, 2 done, 0 to do" in told
    assert "A score on dev is of the epoch that the paper's is" in told
    (table,) = (tmp_path / "results" / "tables").glob("*.md")
    assert f"Backbone: FacebookAI/roberta-base at {model[:12]}: 2 runs." in table.read_text()
    assert f"of nyu-mll/glue/rte at {data[:12]} (hub, " in table.read_text()
    of_table = [row for row in published.load(tables) if row.table == 2]
    (verdict,) = verdicts.verdicts(of_table, records)
    assert (verdict.score, verdict.runs, verdict.ruling) == ("rte", 2, "not comparable")
    assert "train.epochs" in verdict.reason and "data" not in verdict.reason

    hub.forget()
    loopback.asked.clear()
    loopback.down = 503
    assert reproduce.main([*command, "seeds=[2]"]) == 0
    (record,) = (store.read(path) for path in (tmp_path / "results").rglob("records/**/seed2-*.json"))
    assert (record.backbone.revision, record.data.revision) == (model, data)
    assert loopback.asked == ["GET /api/datasets/nyu-mll/glue"]  # and none by the command that trains


def test_make_takes_every_table_one_way() -> None:
    """The commands that make would run, without running them."""
    narrowed = ["METHODS=lora", "TASKS=rte", "SEEDS=0,1", "LAUNCHER=joblib", "SETTINGS=precision=bf16 train.epochs=1"]
    asked = [
        "--method",
        "lora",
        "--task",
        "rte",
        "--launcher",
        "joblib",
        "seeds=[0,1]",
        "precision=bf16",
        "train.epochs=1",
    ]
    targets = {"reproduce-glue": "1", "reproduce-e2e": "2", "reproduce-instruct": "3", "reproduce-math": "4"}
    for target, table in targets.items():
        assert made(target, *narrowed) == [["vb_lora", table, *asked, end] for end in ("--extras", "--verdicts")]
    assert made("plan", "TABLE=lora_xs GLUE") == [["lora_xs", "GLUE", "--plan"]]
    assert made("reproduce", "TABLE=lora_xs GLUE")[1] == ["lora_xs", "GLUE", "--verdicts"]
    assert made("plan-glue", "WARM_UP=1") == [["vb_lora", "1", "--plan", "--warm-up"]]


def made(*arguments: str) -> list[list[str]]:
    """Return the words after scripts/reproduce.py of each command that make would run."""
    commands = [line.partition(")")[0] for line in making.commands("scripts/reproduce.py", *arguments)]
    for command in commands:
        reproduce.parser().parse_intermixed_args(shlex.split(command))
    return [shlex.split(command) for command in commands]


def test_what_a_table_needs_installed_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = {"1": "", "2": "meteor", "3": "judge,quantization", "4": ""}
    for table, extras in wanted.items():
        assert reproduce.main(["vb_lora", table, "--extras"]) == 0
        assert capsys.readouterr().out == f"{extras}\n"
    assert reproduce.main(["vb_lora", "2", "--extras", "--launcher", "submitit"]) == 0
    assert capsys.readouterr().out == "meteor,submitit\n"


def test_submitits_local_executor_spreads_a_row_from_any_folder(
    settings: list[str], tmp_path: Path, machine: dict, monkeypatch
) -> None:
    for name, value in machine.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    chosen = ["--method", "lora", "--launcher", "submitit_local", "seeds=[0]", "results=mine"]
    assert reproduce.main(["someone", "1", *settings, *chosen]) == 0
    records = [store.read(path) for path in (tmp_path / "mine").rglob("*.json")]
    assert sorted(record.task for record in records) == ["glue/cola", "glue/sst2"]


def test_what_a_table_begins_from_is_planned_and_trained_first(
    settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], machine: dict, monkeypatch
) -> None:
    for name, value in machine.items():
        monkeypatch.setenv(name, value)
    table = ["someone", "1", *settings, "--method", "lora", "seeds=[1]", "start=glue/mnli"]
    start, cola, sst2 = plan_of(capsys, *table)
    assert start == ["lora", "qv", "glue/mnli", "1", "0", "1"]
    assert (cola[2], sst2[2]) == ("glue/cola", "glue/sst2")
    assert reproduce.main(table) == 0
    capsys.readouterr()
    (began,) = (store.read(path) for path in (tmp_path / "results" / "starts").rglob("*.json") if "seed0" in path.stem)
    records = [store.read(path) for path in (tmp_path / "results" / "records").rglob("*.json")]
    assert [(record.seed, record.started_from.identity) for record in records] == [(1, began.identity)] * 2
    assert plan_of(capsys, *table) == [
        ["lora", "qv", "glue/cola", "1", "1", "0"],
        ["lora", "qv", "glue/sst2", "1", "1", "0"],
    ]
