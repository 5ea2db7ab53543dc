"""A workspace and a report on W&B: what they show is what runs log, and the real client sends them."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import tiny
from support.record_factory import make_record, save
from support.wandb_files import nobody_logged_in, read_runs  # noqa: F401
from support.wandb_server import ENTITY, KEY, Server, serving

from benchmarks.report.dashboard import boards, panels
from benchmarks.training.runner import run_job
from scripts import dashboard

# In a spec a value's name follows one of these; of a mapping in the config, its keys follow ".value.".
_SUMMARY, _CONFIG = re.compile(r"^summary(?:_metrics\.|:)(.+)$"), re.compile(r"^config[.:](\w+)\.value\.?(.*)$")
_OF_RUN = {"group", "jobType", "createdAt"}  # what W&B itself knows of a run


def values_in(spec: Any) -> Iterator[tuple[str, str]]:
    """Yield where a run holds each value that a spec shows (summary, config or history), and its name there."""
    if isinstance(spec, list):
        for part in spec:
            yield from values_in(part)
    if not isinstance(spec, dict):
        return
    if spec.get("section") in ("summary", "config") and spec.get("name"):
        yield spec["section"], spec["name"].replace(".value", "")
    for key, part in spec.items():
        names = part if isinstance(part, list) else [part]
        if key in ("metrics", "xAxis", "yAxis", "columns", "groupBy", "columnOrder"):
            for name in (column.get("accessor", "") if isinstance(column, dict) else column for column in names):
                yield from _named(name)
        yield from values_in(part)


def _named(name: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(name, str) or not name or name in _OF_RUN or name.startswith("run:"):
        return
    if inside := _SUMMARY.match(name):
        yield "summary", inside[1]
    elif inside := _CONFIG.match(name):
        yield "config", ".".join(filter(None, inside.groups()))
    else:
        yield "history or summary", name


def lacking(spec: dict[str, Any], runs: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the values that a spec shows and no run has."""

    def has(run: dict[str, Any], where: str, name: str) -> bool:
        if where == "config":
            held = run["config"]
            for key in name.split("."):
                held = held.get(key) if isinstance(held, dict) else None
            return held is not None
        in_history = "history" in where and any(name in row for row in run["history"])
        return in_history or run["summary"].get(name) is not None

    shown = sorted(set(values_in(spec)))
    assert len(shown) > 10
    return [value for value in shown if not any(has(run, *value) for run in runs)]


@pytest.fixture(scope="module")
def logged(bert: Path, glue: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Train an ordinary job and a tuned one, and return what W&B keeps of their runs."""
    root = tmp_path_factory.mktemp("logged")
    for tuned in ([], ["tune.grid={lr:[1,3],lr_head:[1,3]}", "seeds=[1]"]):
        run_job(tiny.settings(tiny.job("lora", bert, glue, root, "wandb.mode=offline", *tuned)))
    return read_runs(root / "results")


def test_every_value_that_is_shown_is_logged(logged: list[dict[str, Any]]) -> None:
    spec = boards.spec("", "peft", ["lora", "vb_lora"], [], tuned=True)
    shown = set(values_in(spec))
    assert {("summary", name) for name in ("parameters/stored", "status")} <= shown
    assert {("config", name) for name in ("target_set", "tuning.lr")} <= shown
    assert {("history or summary", name) for name in ("dev/score", "epoch", "held_out", "peak_memory_bytes")} <= shown
    assert lacking(spec, logged) == []


def test_a_value_that_no_run_logs_is_found(logged: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panels, "HELD_OUT", "held_outt")
    monkeypatch.setattr(panels, "TUNING", ("tuning.learning_rate",))
    spec = boards.spec("", "peft", ["lora"], [], tuned=True)
    found = set(lacking(spec, logged))
    assert {("summary", "held_outt"), ("history or summary", "held_outt"), ("config", "tuning.learning_rate")} == found


def test_a_dry_run_needs_no_key_and_is_the_same_each_time(tmp_path: Path, capsys) -> None:
    save(tmp_path, make_record(method="vb_lora"))
    for name in ("one.json", "two.json"):
        assert dashboard.main(["--root", str(tmp_path), "--dry-run", str(tmp_path / name)]) == 0
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    spec = json.loads((tmp_path / "one.json").read_text())
    sections = spec["workspace"]["section"]["panelBankConfig"]["sections"]
    assert [section["name"] for section in sections] == ["Scores", "Epochs", "Size", "Cost", "Runs beside each other"]
    text = json.dumps(spec["report"])
    assert "| method | targets |" in text and '"name": "VB-LoRA"' in text
    assert not (tmp_path / "wandb").exists()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving() as made:
        monkeypatch.setenv("WANDB_BASE_URL", made.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        yield made


def test_the_real_client_sends_what_was_meant(server: Server, tmp_path: Path, capsys) -> None:
    save(tmp_path, make_record(method="vb_lora"), make_record(method="lora"))
    assert dashboard.main(["--root", str(tmp_path), "--project", "peft", "--report"]) == 0
    workspace, report = capsys.readouterr().out.splitlines()
    assert workspace.startswith(f"{server.url}/{ENTITY}/peft") and "/reports/" in report
    views = [variables for name, variables in server.asked if name in ("UpsertView2", "upsertView")]
    assert [(view["entityName"], view["projectName"], view["displayName"]) for view in views] == [
        (ENTITY, "peft", "Methods compared")
    ] * 2
    sent = json.loads(views[0]["spec"])
    (runset,) = sent["section"]["runSets"]
    assert [part["name"] for part in runset["grouping"]] == ["group", "jobType", "target_set.value"]
    assert "finished" in json.dumps(runset["filters"])
    grids = [block for block in json.loads(views[1]["spec"])["blocks"] if block["type"] == "panel-grid"]
    assert {tuple(part["name"] for part in grid["metadata"]["runSets"]) for grid in grids} == {("LoRA", "VB-LoRA")}


def test_a_server_that_refuses_is_one_line(tmp_path: Path, monkeypatch, capsys) -> None:
    with serving(status=401) as made:
        monkeypatch.setenv("WANDB_BASE_URL", made.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        assert dashboard.main(["--root", str(tmp_path)]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: W&B did not take it (") and "wandb login" in line


def test_without_a_key_it_says_how_to_log_in(tmp_path: Path, capsys) -> None:
    assert dashboard.main(["--root", str(tmp_path)]) == 2
    assert "log in with `wandb login`" in capsys.readouterr().err


def test_without_its_extra_the_command_says_what_to_install(tmp_path: Path, monkeypatch, capsys) -> None:
    for name in [name for name in sys.modules if name.startswith("benchmarks.report.dashboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)  # as if it were not installed
    assert dashboard.main(["--root", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "wandb_workspaces" in line and "'.[dashboard]'" in line
