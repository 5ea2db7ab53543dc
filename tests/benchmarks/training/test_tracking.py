"""Tracking is checked on W&B's own files, read back with W&B's own reader, and on failures that are real."""

import sys
import time
from pathlib import Path

import pytest
import wandb
from support.record_factory import make_solving_record, make_text_record
from support.wandb_files import nobody_logged_in, read_back  # noqa: F401

from benchmarks.records.schema import Backbone, Cost, Data, Environment, Epoch, Parameters, Record, Scores
from benchmarks.training import tracking
from benchmarks.training.tracking import RunInfo, Tracker, summary

PARAMETERS = Parameters(trained=1200, stored=1216.5, head=1538, adapter_bytes=4800, head_bytes=6152)


def info(seed: int) -> RunInfo:
    return RunInfo(
        identity=f"0123456789abcde{seed}",
        label=f"seed {seed}, method.lr=0.001",
        task="cola",
        backbone="tiny-bert",
        method="lora",
        targets="q_proj,v_proj",
        seed=seed,
        source="embedded",
        primary="matthews",
        config={"lr": 0.001 * (seed + 1), "method": {"rank": 8}},
        parameters=PARAMETERS,
    )


def epoch(index: int, seed: int) -> Epoch:
    scores = {"matthews": 0.1 * index + seed, "accuracy": 0.5 + 0.1 * index}
    return Epoch(epoch=index, train_loss=1 / (index + 1), scores=scores, halves=(0.25, 0.75))


def record(seed: int, failed: bool = False) -> Record:
    run = info(seed)
    return Record(
        identity=run.identity,
        status="failed" if failed else "finished",
        error="the loss is not finite" if failed else None,
        task=run.task,
        method=run.method,
        targets=run.targets,
        seed=seed,
        group=[info(0).identity, info(1).identity],
        config=run.config,
        data=Data(source="embedded", dataset="cola", fingerprint="f", train_rows=8, validation_rows=4),
        backbone=Backbone(name=run.backbone, path="tiny", fingerprint="b", parameters=10_000),
        parameters=PARAMETERS,
        epochs=[epoch(index, seed) for index in (1, 2)],
        scores=None if failed else Scores(primary="matthews", best=0.75 + seed, best_epoch=2, last=0.5, held_out=0.25),
        cost=None
        if failed
        else Cost(train_seconds=2.5, samples_per_second=640.0, tokens_per_second=8192.0, peak_memory_bytes=2**20),
        environment=Environment(
            hardware="cpu", processes=1, precision="fp32", packages={}, git_revision="0", git_dirty=False
        ),
        finished_at="2030-01-01T00:00:00Z",
    )


def test_every_run_of_a_group_is_a_run_of_its_own(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tracker = Tracker.start("offline", "bench", tmp_path, [info(0), info(1)])
    for number in (1, 2):
        for index in (0, 1):
            tracker.epoch(index, epoch(number, index), step=10 * number)
    for index in (0, 1):
        tracker.finish(index, record(index))
    tracker.close()
    assert capfd.readouterr() == ("", "")

    runs = read_back(tmp_path)
    assert sorted(runs) == [0, 1]
    for seed, run in runs.items():
        assert run["run"]["project"] == "bench"
        assert run["run"]["run_group"] == "cola/tiny-bert"
        assert run["run"]["job_type"] == "lora"
        assert run["run"]["display_name"] == f"lora q_proj,v_proj seed {seed}, method.lr=0.001"
        assert set(run["run"]["tags"]) == {"lora", "q_proj,v_proj", "cola", "tiny-bert", "embedded"}
        assert run["config"]["identity"] == f"0123456789abcde{seed}"
        assert run["config"]["lr"] == pytest.approx(0.001 * (seed + 1))
        assert run["config"]["method"] == {"rank": 8}
        assert run["config"]["parameters"] == PARAMETERS.model_dump()
        assert [(row["_step"], row["epoch"]) for row in run["history"]] == [(10, 1), (20, 2)]
        assert [row["train/loss"] for row in run["history"]] == [0.5, pytest.approx(1 / 3)]
        assert [row["dev/matthews"] for row in run["history"]] == pytest.approx([0.1 + seed, 0.2 + seed])
        assert [row["dev/accuracy"] for row in run["history"]] == pytest.approx([0.6, 0.7])
        assert {(row["dev/first_half"], row["dev/second_half"]) for row in run["history"]} == {(0.25, 0.75)}
        expected = {
            "status": "finished",
            "error": None,
            "primary": "matthews",
            "best": 0.75 + seed,
            "best_epoch": 2,
            "last": 0.5,
            "held_out": 0.25,
            "selection_gap": 0.5 + seed,
            "parameters/trained": 1200,
            "parameters/stored": 1216.5,
            "parameters/head": 1538,
            "parameters/adapter_bytes": 4800,
            "parameters/head_bytes": 6152,
            "train_seconds": 2.5,
            "samples_per_second": 640.0,
            "tokens_per_second": 8192.0,
            "peak_memory_bytes": 2**20,
        }
        assert {name: run["summary"].get(name, "absent") for name in expected} == expected
        assert run["exit"] == 0
        assert not run["types"] & {"stats", "environment", "output", "output_raw", "files"}
    assert runs[0]["run"]["run_id"] != runs[1]["run"]["run_id"]


def test_scores_of_text_stand_apart_and_the_text_stays_in_the_record() -> None:
    scored = make_text_record({"bleu": 0.7}, {"meteor": "no Java"}, best=-1.25, held_out=-1.5)
    without = summary(scored.model_copy(update={"generation": None}))
    tested = {"test/bleu": 0.7, "test/nist": 8.62, "test/nist_p": 8.71, "test/rouge_l": 0.705, "test/cider": 2.444}
    assert summary(scored) == without | tested
    assert (without["primary"], without["best"], without["selection_gap"]) == ("log_likelihood", -1.25, 0.25)


def test_what_an_exam_gave_stands_by_reading() -> None:
    values = summary(make_solving_record({"paper": 0.5, "math_verify": 0.25}))
    assert (values["exam/gsm8k/paper"], values["exam/gsm8k/math_verify"]) == (0.5, 0.25)


def test_failed_and_unfinished_runs_end_as_failed(tmp_path: Path) -> None:
    tracker = Tracker.start("offline", "bench", tmp_path, [info(0), info(1)])
    tracker.epoch(1, epoch(1, 1), step=10)
    tracker.finish(0, record(0, failed=True))
    tracker.close()
    tracker.close()
    runs = read_back(tmp_path)
    assert [runs[seed]["exit"] for seed in (0, 1)] == [1, 1]
    assert runs[0]["summary"]["error"] == "the loss is not finite"
    assert runs[0]["summary"]["parameters/trained"] == 1200
    assert [row["epoch"] for row in runs[1]["history"]] == [1]


def test_another_attempt_is_another_run_and_long_names_make_valid_tags(tmp_path: Path) -> None:
    long = RunInfo(**{**vars(info(0)), "targets": "up_proj," * 20, "source": ""})
    for _ in range(2):
        Tracker.start("offline", "bench", tmp_path, [long]).close()
    files = list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))
    assert len({file.name for file in files}) == 2
    assert all(file.name.startswith("run-0123456789abcde0-") for file in files)


@pytest.mark.parametrize(("mode", "environment"), [("disabled", "online"), ("auto", "disabled")])
def test_disabled_neither_imports_wandb_nor_writes(
    mode: str,
    environment: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WANDB_MODE", environment)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "wandb", None)
        tracker = Tracker.start(mode, "bench", tmp_path, [info(0)])
        tracker.epoch(0, epoch(1, 0), step=1)
        tracker.finish(0, record(0))
        tracker.close()
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr() == ("", "")


def test_auto_is_offline_where_nobody_is_logged_in(tmp_path: Path) -> None:
    Tracker.start("auto", "bench", tmp_path, [info(0)]).close()
    assert sorted(read_back(tmp_path)) == [0]


def warned_once(capsys: pytest.CaptureFixture[str], reason: str) -> bool:
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    return (
        out == ""
        and line.startswith("warning: W&B tracking stopped (")
        and reason in line
        and line.endswith("; training goes on, records are unaffected")
    )


def go_on(tracker: Tracker) -> None:
    """Do with a group whose tracking may have stopped what the training loop goes on to do."""
    for index in (0, 1):
        tracker.epoch(index, epoch(2, index), step=20)
        tracker.finish(index, record(index))
    tracker.close()


def test_a_directory_that_is_a_file_stops_the_tracking_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    go_on(Tracker.start("offline", "bench", tmp_path / "file", [info(0), info(1)]))
    assert warned_once(capsys, "Not a directory")


@pytest.mark.parametrize("login", ["key", "netrc"])
def test_a_person_logged_in_whose_server_is_away_trains_on(
    login: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    if login == "key":
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    else:
        netrc = tmp_path / "netrc"
        netrc.write_text(f"machine 127.0.0.1:9\n  login user\n  password {'0' * 40}\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setitem(tracking.SETTINGS, "init_timeout", 1)
    start = time.monotonic()
    go_on(Tracker.start("auto", "bench", tmp_path, [info(0), info(1)]))
    assert time.monotonic() - start < 30
    assert warned_once(capsys, "http://127.0.0.1:9")


def test_a_service_that_dies_costs_its_group_and_not_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracker = Tracker.start("offline", "bench", tmp_path / "first", [info(0), info(1)])
    tracker.epoch(0, epoch(1, 0), step=10)
    service = wandb.setup()._connection._proc._process
    service.kill()
    service.wait()
    go_on(tracker)
    assert warned_once(capsys, "")  # how W&B words it depends on when it notices

    go_on(Tracker.start("offline", "bench", tmp_path / "second", [info(0), info(1)]))
    runs = read_back(tmp_path / "second")
    assert [runs[seed]["exit"] for seed in (0, 1)] == [0, 0]
    assert capsys.readouterr() == ("", "")
