"""The command line of export: where it writes, what it sends, and what it refuses."""

import os
import subprocess
import sys
from pathlib import Path

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


def push(directory: Path, address: str, *more: str, token: str = "hf_x") -> subprocess.CompletedProcess[str]:
    """Export and send in a process of its own, since the hub's client reads its address when it is imported."""
    command = [sys.executable, "scripts/export.py", str(directory), "--to", "peft", "--push", "me/adapter", *more]
    environment = os.environ | {"HF_ENDPOINT": address, "HF_TOKEN": token, "HF_HUB_DISABLE_XET": "1"}
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


def test_a_hub_that_refuses_is_one_line_and_loses_nothing(bert: Path, tmp_path: Path) -> None:
    directory = leave("lora", bert, tmp_path)
    out = tmp_path / "out"
    with uploads(refusing=401) as hub:
        done = push(directory, hub.address, "--out", str(out), "--cache", str(tmp_path))
    assert done.returncode == 2
    reason = "the hub asks who you are: log in with `hf auth login`, or set HF_TOKEN to a token that has not expired"
    assert done.stderr == f"error: cannot send {out} to me/adapter: {reason}; the folder is whole\n"
    assert sorted(file.name for file in out.iterdir()) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


def test_a_hub_that_is_not_there_is_one_line(bert: Path, tmp_path: Path) -> None:
    directory = leave("lora", bert, tmp_path)
    done = push(directory, "http://127.0.0.1:9", "--out", str(tmp_path / "out"), "--cache", str(tmp_path))
    *_, line = done.stderr.splitlines()  # after what the hub's client says of its tries
    assert done.returncode == 2 and line.startswith("error: cannot send") and line.endswith("the folder is whole")


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
