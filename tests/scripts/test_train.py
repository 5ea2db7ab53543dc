"""The command line: bad input is one line that says what would do, and a sweep goes on past a bad job."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import transformers
from support import tiny
from support.processes import kill_at

import methods
from benchmarks.analysis import sheets
from benchmarks.tasks import embedded

ROOT = Path(__file__).parents[2]


def changed(glue: Path, directory: Path, change) -> Path:
    """Copy the data and put mrpc's rows through ``change``, without what the files say of their types."""
    shutil.copytree(glue, directory)
    for file in (directory / "glue" / "mrpc").glob("*.parquet"):
        pq.write_table(change(pq.read_table(file).replace_schema_metadata(None)), file)
    return directory


@pytest.mark.usefixtures("own_datasets_cache")
def test_data_without_the_columns(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = changed(glue, tmp_path / "data", lambda table: table.rename_columns(["first", "sentence2", "label", "idx"]))
    line = tiny.refused(monkeypatch, capsys, tiny.job("lora", bert, data, tmp_path))
    assert "no column sentence1" in line
    assert "first, sentence2" in line


@pytest.mark.usefixtures("own_datasets_cache")
@pytest.mark.parametrize(
    ("column", "value", "fragments"),
    [
        ("label", 5, ["row 7", "label 5", "not_equivalent, equivalent"]),
        ("sentence2", None, ["row 7 has None for sentence2"]),
    ],
)
def test_a_row_that_is_none_of_the_task(
    column: str,
    value: int | None,
    fragments: list[str],
    bert: Path,
    glue: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def spoil(table: pa.Table) -> pa.Table:
        rows = table.to_pylist()
        rows[7][column] = value
        return pa.Table.from_pylist(rows)

    line = tiny.refused(monkeypatch, capsys, tiny.job("lora", bert, changed(glue, tmp_path / "data", spoil), tmp_path))
    assert all(fragment in line for fragment in fragments)


@pytest.mark.parametrize("content", [b"{}", b"\xff\x00", b""])
def test_an_unreadable_record(
    content: bytes,
    bert: Path,
    glue: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job = tiny.job("head", bert, glue, tmp_path, "train.epochs=1")
    assert tiny.command_line(monkeypatch, job) == 0
    (path,) = (tmp_path / "results" / "records").rglob("*.json")
    path.write_bytes(content)
    line = tiny.refused(monkeypatch, capsys, job)
    assert str(path) in line
    assert "move the file away" in line
    path.unlink()
    assert tiny.command_line(monkeypatch, job) == 0


def test_a_checkpoint_with_a_head_of_another_size_is_read_without_it(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "finetuned"
    shutil.copytree(bert, directory)
    config = transformers.AutoConfig.from_pretrained(bert, num_labels=3)
    transformers.BertForSequenceClassification(config).save_pretrained(directory)
    assert tiny.command_line(monkeypatch, tiny.job("head", directory, glue, tmp_path, "train.epochs=1")) == 0
    assert tiny.read(tmp_path)[0].status == "finished"


def test_a_sweep_goes_on_past_a_bad_job(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["targets=qvv,qv,all", "train.epochs=1"]
    job = tiny.job("lora", bert, glue, tmp_path, *more)
    assert tiny.command_line(monkeypatch, ["--multirun", *job]) == 2
    line, hydras = capsys.readouterr().err.splitlines()
    assert line.startswith("error: targets=qvv")
    assert hydras.startswith("Error executing job")  # which says the job's overrides
    assert sorted(record.targets for record in sheets.load(tmp_path / "results")) == ["all", "qv"]


def test_a_job_that_is_refused_in_a_launchers_process_fails_the_sweep(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: dict[str, str]
) -> None:
    for name, value in machine.items():
        monkeypatch.setenv(name, value)
    job = tiny.job("lora", bert, glue, tmp_path, "targets=qvv,qv", "train.epochs=1", "hydra/launcher=joblib")
    assert tiny.command_line(monkeypatch, ["--multirun", *job]) == 2
    assert [record.targets for record in sheets.load(tmp_path / "results")] == ["qv"]


def test_a_launchers_workers_end_with_the_command(
    bert: Path, glue: Path, tmp_path: Path, machine: dict[str, str]
) -> None:
    more = ["targets=qv,all", "train.epochs=4000", "hydra/launcher=joblib"]
    command = [sys.executable, "scripts/train.py", "--multirun", *tiny.job("lora", bert, glue, tmp_path, *more)]
    with subprocess.Popen(command, env=os.environ | machine, cwd=ROOT, stdout=subprocess.DEVNULL) as child:
        kill_at(child, tmp_path / "cache" / "checkpoints", count=2)


def test_a_sweep_of_good_jobs_ends_well_and_says_how_far_it_is(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job = tiny.job("lora", bert, glue, tmp_path, "task=glue/mrpc,glue/rte", "train.epochs=2")
    assert tiny.command_line(monkeypatch, ["--multirun", *job]) == 0
    records = sheets.load(tmp_path / "results")
    assert sorted(record.task for record in records) == ["glue/mrpc", "glue/rte"]
    said = capsys.readouterr().out
    first, second = (line for line in said.splitlines() if line.startswith("job "))
    assert first == "job 1 of 2" and re.fullmatch(r"job 2 of 2; about \d+ s left", second)
    for record in records:
        for epoch in record.epochs:
            score = f"accuracy {100 * epoch.scores['accuracy']:.1f}, loss {epoch.train_loss:.3f}"
            assert f"  epoch {epoch.epoch} of 2: {score}\n" in said
    assert tiny.command_line(monkeypatch, ["--multirun", *job]) == 0
    done = [line for line in capsys.readouterr().out.splitlines() if line.startswith("job ")]
    assert done == ["job 1 of 2", "job 2 of 2"]  # nothing that was trained tells how long the rest takes


def test_the_embedded_rows_are_used_on_request_alone_and_said_so(
    bert: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    own_datasets_cache: None,
) -> None:
    job = tiny.job("head", bert, "embedded", tmp_path, "train.epochs=1", "train.batch_size=64")
    assert tiny.command_line(monkeypatch, job) == 0
    assert "NOT GLUE" in capsys.readouterr().out
    record = tiny.read(tmp_path)[0]
    assert (record.data.source, record.data.train_rows) == ("embedded", embedded.glue.TRAIN)
    assert json.loads(record.model_dump_json())["status"] == "finished"


def test_hydras_own_settings_can_be_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert tiny.command_line(monkeypatch, ["task=glue/rte", "method=lora", "--cfg", "hydra"]) == 0
    assert "sweeper:" in capsys.readouterr().out


@pytest.mark.parametrize("shown", [["--cfg", "job"], ["--cfg=job"]])
def test_cfg_job_prints_the_run_and_trains_nothing(
    shown: list[str],
    bert: Path,
    glue: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job = tiny.job("vb_lora", bert, glue, tmp_path, "seeds=[4,5]")
    assert tiny.command_line(monkeypatch, [*job, *shown]) == 0
    printed = capsys.readouterr().out
    for line in ("name: vb_lora", "vector_length: 32", "name: glue/mrpc", "- 4", f"path: {bert}", "max_length: 128"):
        assert line in printed
    assert not (tmp_path / "results").exists()


def test_other_methods_train_beside_a_file_that_fails(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "methods"
    folder.mkdir()
    (folder / "broken.py").write_text("import no_such_package")
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(folder)])
    arguments = tiny.job("lora", bert, glue, tmp_path, "train.epochs=1")
    line = tiny.refused(monkeypatch, capsys, [*arguments, "method.name=broken"])
    assert "methods/broken.py does not import (ModuleNotFoundError: No module named 'no_such_package')" in line
    assert tiny.command_line(monkeypatch, arguments) == 0
    assert [record.status for record in tiny.read(tmp_path).values()] == ["finished"]
