"""A killed run goes on from its checkpoint, a finished one is not run again, and no record is ever half there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from support import record_factory, tiny

from benchmarks.analysis import sheets
from benchmarks.records import store
from benchmarks.training import checkpoint
from benchmarks.training.group import RunGroup
from benchmarks.training.tracking import Tracker

ROOT = Path(__file__).parents[3]


def results(root: Path) -> list[tuple]:
    """Return what must not depend on how often a run was stopped: everything but times."""
    return [(r.identity, r.status, r.epochs, r.scores, r.parameters) for r in sheets.load(root / "results")]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the steps that are trained from here on."""
    counted: list[int] = []
    step = RunGroup.step
    monkeypatch.setattr(RunGroup, "step", lambda *arguments: (counted.append(1), step(*arguments))[1])
    return counted


def test_a_killed_run_goes_on_to_the_same_bits(
    bert: Path,
    glue: Path,
    machine: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[int],
) -> None:
    """With a method that draws noise in each step."""

    def job(root: Path) -> list[str]:
        more = ["seeds=[0,1]", "train.epochs=15", "adapter.save=true", "targets=all"]
        return tiny.job("vb_lora", bert, glue, root, *more, "method.selection=gumbel_softmax")

    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "scripts/train.py", *job(killed)]
    checkpoints = killed / "cache" / "checkpoints"
    with subprocess.Popen(command, env=os.environ | machine, cwd=ROOT, stdout=subprocess.DEVNULL) as child:
        limit = time.monotonic() + 120
        while not list(checkpoints.glob("*.pt")) and child.poll() is None and time.monotonic() < limit:
            time.sleep(0.002)
        child.kill()
    assert child.returncode == -9, "it ended before it could be killed"
    (checkpoint,) = checkpoints.glob("*.pt")
    done = torch.load(checkpoint, weights_only=True)["progress"]["epoch"]
    assert 1 <= done < 15
    assert not results(killed)

    assert tiny.command_line(monkeypatch, job(killed)) == 0
    assert len(steps) == 6 * (15 - done)  # 43 rows in batches of 8 are 6 steps
    assert tiny.command_line(monkeypatch, job(whole)) == 0
    assert len(results(killed)) == 2
    assert results(killed) == results(whole)
    for file in (whole / "results" / "runs").rglob("*.safetensors"):
        twin = killed / file.relative_to(whole)
        assert twin.read_bytes() == file.read_bytes()
    assert not list(checkpoints.glob("*.pt"))


def test_the_same_command_twice_trains_once_and_force_trains_again(
    bert: Path,
    glue: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    job = tiny.job("lora", bert, glue, tmp_path, "seeds=[0,1]")
    assert tiny.command_line(monkeypatch, job) == 0
    assert len(steps) == 12
    first = results(tmp_path)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "results").rglob("*")}
    capsys.readouterr()

    assert tiny.command_line(monkeypatch, job) == 0
    assert "all 2 runs are done" in " ".join(capsys.readouterr().out.split())
    assert tiny.command_line(monkeypatch, [*job, "adapter.save=true"]) == 0
    assert "seed 1 is done and left no adapter: force=true" in " ".join(capsys.readouterr().out.split())
    assert len(steps) == 12
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "results").rglob("*")} == files

    assert tiny.command_line(monkeypatch, [*job, "seeds=[0,1,2]"]) == 0  # one more seed is one more run
    assert len(steps) == 24
    assert tiny.read(tmp_path)[2].group == [tiny.read(tmp_path)[2].identity]

    assert tiny.command_line(monkeypatch, [*job, "force=true"]) == 0
    assert len(steps) == 36
    # On the same machine training again gives the same bits.
    assert [r for r in results(tmp_path) if r[0] in {f[0] for f in first}] == first


def test_two_trainings_from_nothing_give_the_same_bits(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        assert tiny.command_line(monkeypatch, tiny.job("lora", bert, glue, tmp_path / name, "task=glue/stsb")) == 0
    assert results(tmp_path / "first") == results(tmp_path / "second") != []


KILLED = """
import os, signal
from pathlib import Path
from benchmarks.records import store
record = store.read(Path({source!r}))
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
store.write(Path({path!r}), record)
"""


@pytest.mark.parametrize("before", [False, True])
def test_a_process_killed_while_it_writes_leaves_no_half_record(before: bool, tmp_path: Path) -> None:
    """``before``: whether a record lay there already."""
    (source,) = record_factory.save(tmp_path / "source", record_factory.make_record(best=0.5))
    path = tmp_path / "target" / source.relative_to(tmp_path / "source")
    if before:
        (at,) = record_factory.save(tmp_path / "target", record_factory.make_record(best=0.25))
        assert at == path
    code = KILLED.format(source=str(source), path=str(path))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == -9
    strays = [file for file in path.parent.iterdir() if file != path]
    assert len(strays) == 1
    assert path.exists() == before
    assert [record.scores.best for record in sheets.load(tmp_path / "target")] == [0.25] * before
    store.write(path, store.read(source))
    assert [record.scores.best for record in sheets.load(tmp_path / "target")] == [0.5]


def test_a_stray_file_stops_no_run(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[int]
) -> None:
    job = tiny.job("head", bert, glue, tmp_path)
    assert tiny.command_line(monkeypatch, job) == 0
    (path,) = (tmp_path / "results" / "records").rglob("*.json")
    stray = path.with_name(f".{path.name}.abcd1234")
    path.rename(stray)
    stray.write_bytes(stray.read_bytes()[:100])
    assert not results(tmp_path)
    assert tiny.command_line(monkeypatch, job) == 0
    assert len(steps) == 24
    assert len(results(tmp_path)) == 1


class Killed(BaseException):
    """Ends a run as a kill would, after its first epoch."""


def killed_after_an_epoch(monkeypatch: pytest.MonkeyPatch, job: list[str]) -> None:
    save = checkpoint.save

    def once(*arguments) -> None:
        save(*arguments)
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(checkpoint, "save", once)
        tiny.command_line(patch, job)


def test_a_forced_training_goes_on_after_a_kill(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[int]
) -> None:
    job = tiny.job("lora", bert, glue, tmp_path)  # two epochs of six steps
    assert tiny.command_line(monkeypatch, job) == 0
    first = results(tmp_path)
    killed_after_an_epoch(monkeypatch, [*job, "force=true"])
    assert len(steps) == 12 + 6
    assert tiny.command_line(monkeypatch, [*job, "force=true"]) == 0
    assert len(steps) == 12 + 12
    assert results(tmp_path) == first
    assert tiny.command_line(monkeypatch, [*job, "force=true"]) == 0
    assert len(steps) == 12 + 12 + 12


def test_the_checkpoint_of_a_job_that_is_done_goes_at_the_next_command(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[int]
) -> None:
    job = tiny.job("lora", bert, glue, tmp_path)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Tracker, "close", lambda tracker: (_ for _ in ()).throw(Killed))  # after the last record
        tiny.command_line(patch, job)
    checkpoints = tmp_path / "cache" / "checkpoints"
    assert len(results(tmp_path)) == len(list(checkpoints.iterdir())) == 1
    assert tiny.command_line(monkeypatch, job) == 0
    assert len(steps) == 12
    assert list(checkpoints.iterdir()) == []


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda whole: b"", lambda whole: b"{}"])
def test_a_damaged_checkpoint_is_named_and_training_begins_anew(
    damage, bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, steps: list[int]
) -> None:
    job = tiny.job("lora", bert, glue, tmp_path)
    killed_after_an_epoch(monkeypatch, job)
    (place,) = (tmp_path / "cache" / "checkpoints").iterdir()
    place.write_bytes(damage(place.read_bytes()))
    assert tiny.command_line(monkeypatch, job) == 0
    assert f"the checkpoint {place} is damaged" in " ".join(capsys.readouterr().out.split())
    assert len(steps) == 6 + 12


@pytest.mark.parametrize(("stop", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_is_stopped_says_so_in_one_line(
    stop: signal.Signals, status: int, bert: Path, glue: Path, machine: dict[str, str], tmp_path: Path
) -> None:
    job = tiny.job("lora", bert, glue, tmp_path, "train.epochs=200")
    command = [sys.executable, "scripts/train.py", *job]
    checkpoints = tmp_path / "cache" / "checkpoints"
    with subprocess.Popen(
        command,
        env=os.environ | machine,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # What runs in the background has Ctrl-C ignored, and its children too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (no threads here)
    ) as child:
        limit = time.monotonic() + 120
        while not list(checkpoints.glob("*.pt")) and child.poll() is None and time.monotonic() < limit:
            time.sleep(0.01)
        child.send_signal(stop)
        _, said = child.communicate(timeout=60)
    assert (child.returncode, said) == (status, "stopped; the same command goes on from where it was\n")


def test_runs_that_fail_fail_their_command(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job = tiny.job("lora", bert, glue, tmp_path, "grid={method.lr:[1e-3,1e30]}", "train.max_grad_norm=null")
    assert tiny.command_line(monkeypatch, job) == 1
    assert capsys.readouterr().err == ("error: glue/mrpc tiny lora qv: 1 of 2 runs failed, and their records say why\n")
    assert sorted(record.status for record in sheets.load(tmp_path / "results")) == ["failed", "finished"]
