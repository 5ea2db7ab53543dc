"""What a job or a published table needs, fetched from a hub on loopback, and then used without one."""

import json
from pathlib import Path

import huggingface_hub
import pytest
from support.hub import Hub, files_of

from benchmarks import hub
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
    hub.snapshot.cache_clear()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert needed(capsys, *command) == first and filled.asked == []


def test_a_garbled_file_is_named(filled: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["task=glue/rte", "backbone=roberta-base", "start=null", f"cache={tmp_path}/cache"]
    needed(capsys, *command)
    (weights,) = (tmp_path / "kept").rglob("model.safetensors")
    weights.resolve().write_bytes(weights.read_bytes()[:-1])
    hub.snapshot.cache_clear()
    assert download.main(command) == 2
    assert "model.safetensors is garbled" in capsys.readouterr().err
