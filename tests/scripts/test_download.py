"""What a job or a published table needs, fetched from a hub on loopback, and then used without one."""

import json
import shlex
from pathlib import Path

import huggingface_hub
import pytest
from support import making
from support.hub import Hub, files_of

from benchmarks import hub
from benchmarks.tasks.scoring.e2e import meteor
from scripts import download

README = "---\nconfigs:\n- config_name: rte\n  data_files:\n  - {split: train, path: rte/train*}\n"
README += "  - {split: validation, path: rte/validation*}\n---\n"


@pytest.fixture
def filled(loopback: Hub, roberta: Path, glue: Path) -> Hub:
    loopback.repositories["models/FacebookAI/roberta-base"].commit(files_of(roberta))
    rows = {f"rte/{file.name}": file.read_bytes() for file in (glue / "glue" / "rte").iterdir()}
    loopback.repositories["datasets/nyu-mll/glue"].commit({"README.md": README.encode(), "mrpc/x.csv": b"1", **rows})
    return loopback


def needed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, str]]:
    capsys.readouterr()
    assert download.main([*arguments, "--format", "json"]) == 0
    (page,) = json.loads(capsys.readouterr().out)
    return page["rows"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["task=glue/rte", "backbone=roberta-base", "method=lora", "start=null"],
        ["--table", "vb_lora", "1", "--backbone", "roberta-base", "--task", "rte", "--method", "vb_lora", "start=null"],
    ],
    ids=["a job", "a table"],
)
def test_what_is_needed_is_fetched_once_and_then_used_without_the_hub(
    arguments: list[str], filled: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    command = [*arguments, f"cache={tmp_path}/cache"]
    first = needed(capsys, *command)
    assert [(line["kind"], line["name"]) for line in first] == [
        ("model", "FacebookAI/roberta-base"),
        ("data", "nyu-mll/glue"),
    ]
    for line, name in zip(first, ("models/FacebookAI/roberta-base", "datasets/nyu-mll/glue"), strict=True):
        assert line["commit"] == filled.repositories[name].refs["main"][:12]
    assert not [asked for asked in filled.asked if "mrpc" in asked]
    filled.asked.clear()
    hub.forget()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert needed(capsys, *command) == first and filled.asked == []


@pytest.fixture
def text_job(loopback: Hub, gpt2: Path, restaurants: Path, tmp_path: Path) -> list[str]:
    """Serve what a job on E2E needs, and return its settings."""
    loopback.repositories["models/openai-community/gpt2-medium"].commit(files_of(gpt2))
    loopback.repositories["datasets/tuetschek/e2e_nlg"].commit(files_of(restaurants))
    return ["task=e2e", "backbone=gpt2-medium", "method=lora", "task.revision=null", f"cache={tmp_path}/cache"]


@pytest.mark.usefixtures("java")
@pytest.mark.skipif(meteor.missing() is not None, reason=f"METEOR cannot run: {meteor.missing()}")
def test_meteor_is_tried_for_a_table_of_texts(
    text_job: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert download.main(text_job) == 0
    here = "METEOR 1.5 comes with an installed package, and not from the hub: it is here and runs.\n"
    assert here in _notes(capsys)
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho no memory left >&2\nexit 1\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert download.main(text_job) == 1
    assert "METEOR 1.5 cannot run: METEOR 1.5 stopped: no memory left.\n" in _notes(capsys)


def test_what_meteor_lacks_is_one_line_below_what_was_fetched(
    text_job: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert download.main(text_job) == 1
    assert "METEOR 1.5 cannot run: these tests go without.\n" in _notes(capsys)


def _notes(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is printed below the table of files."""
    return capsys.readouterr().out.partition("HF_HUB_OFFLINE=1")[2]


def test_a_garbled_file_is_named(filled: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["task=glue/rte", "backbone=roberta-base", "start=null", f"cache={tmp_path}/cache"]
    needed(capsys, *command)
    (weights,) = (tmp_path / "kept").rglob("model.safetensors")
    weights.resolve().write_bytes(weights.read_bytes()[:-1])
    hub.forget()
    assert download.main(command) == 2
    assert "model.safetensors is garbled" in capsys.readouterr().err


def test_make_passes_a_table_and_what_narrows_it() -> None:
    asked = [
        "TABLE=vb_lora 1",
        "BACKBONE=roberta-base",
        "METHODS=lora,vera",
        "TASKS=rte",
        "SETTINGS=start=null cache=kept",
    ]
    (words,) = making.commands("scripts/download.py", "download", *asked)
    chosen = download.parser().parse_intermixed_args(shlex.split(words))
    assert (chosen.table, chosen.settings) == (["vb_lora", "1"], ["start=null", "cache=kept"])
    assert (chosen.backbone, chosen.method, chosen.task) == (["roberta-base"], ["lora", "vera"], ["rte"])
