"""The command line of export: where it writes, what it sends, and what it refuses."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import pytest
from support.adapter_factory import leave
from support.hub_upload import uploads

from scripts import export

ROOT = Path(__file__).parents[2]


def test_without_out_it_lies_beside_the_adapter(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = leave("lora", bert, tmp_path)
    assert export.main([str(directory.parent), "--to", "peft", "--cache", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(directory.parent / "peft")
    assert (directory.parent / "peft" / "adapter_config.json").is_file()


def push(directory: Path, address: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Export and send in a process of its own, since the hub's client reads its address when it is imported."""
    command = [sys.executable, "scripts/export.py", str(directory), "--to", "peft", "--push", "me/adapter", *more]
    environment = os.environ | {"HF_ENDPOINT": address, "HF_TOKEN": "hf_x", "HF_HUB_DISABLE_XET": "1"}
    environment |= {"HF_HOME": str(directory.parent / "hf"), "PYTHONPATH": str(ROOT)}
    environment.pop("HF_HUB_OFFLINE", None)
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def test_what_is_sent_is_what_was_written(bert: Path, tmp_path: Path) -> None:
    directory = leave("vb_lora", bert, tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    (out / "private-notes.txt").write_text("mine")
    with uploads() as hub:
        done = push(directory, hub.address, "--out", str(out), "--cache", str(tmp_path), "--private")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [f"{hub.address}/me/adapter", str(out)]
        names = ["README.md", "adapter_config.json", "adapter_model.safetensors"]
        assert hub.files == {("me/adapter", name): (out / name).read_bytes() for name in names}
        assert hub.private == {"me/adapter": True}
        assert 'from_pretrained(backbone, "me/adapter")' in (out / "README.md").read_text()


@pytest.fixture
def sends(machine: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Give what exports and sends to a hub's address within this process, by the hub's client."""
    constants = huggingface_hub.constants

    def send(directory: Path, address: str) -> int:
        for name, value in (("ENDPOINT", address), ("HF_HUB_OFFLINE", False), ("HF_HUB_DISABLE_XET", True)):
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setenv("HF_TOKEN", "hf_x")
        huggingface_hub.close_session()
        out = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path)]
        try:
            return export.main([str(directory), "--to", "peft", "--push", "me/adapter", *out])
        finally:
            huggingface_hub.close_session()

    return send


def test_a_hub_that_refuses_is_one_line_and_loses_nothing(
    sends: Callable[..., int], bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with uploads(refusing=401) as hub:
        assert sends(leave("lora", bert, tmp_path), hub.address) == 2
    reason = "the hub asks who you are: log in with `hf auth login`, or set HF_TOKEN to a token that has not expired"
    assert capsys.readouterr().err == f"error: cannot send {out} to me/adapter: {reason}; the folder is whole\n"
    assert sorted(file.name for file in out.iterdir()) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


def test_a_hub_that_is_not_there_is_one_line(
    sends: Callable[..., int], bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sends(leave("lora", bert, tmp_path), "http://127.0.0.1:9") == 2
    *_, line = capsys.readouterr().err.splitlines()  # after what the hub's client says of its tries
    assert line.startswith("error: cannot send") and line.endswith("the folder is whole")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--to", "peft", "--private"], "--private goes with --push REPO"),
        (["--from", "peft", "--push", "me/x"], "--license and --push go with --to, which writes what others can load"),
    ],
)
def test_options_that_do_not_go_together(arguments: list[str], line: str, tmp_path: Path, capsys) -> None:
    assert export.main([str(tmp_path), *arguments]) == 2
    assert capsys.readouterr().err == f"error: {line}\n"
