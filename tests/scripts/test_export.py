"""The command line of export: where it writes, and what it refuses. What it writes is tested beside the formats."""

from pathlib import Path

import pytest
from support.adapter_factory import leave

from scripts import export


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that the command answers with."""
    assert export.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_without_out_it_lies_beside_the_adapter(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = leave("lora", bert, tmp_path)
    assert export.main([str(directory.parent), "--to", "peft", "--cache", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(directory.parent / "peft")
    assert (directory.parent / "peft" / "adapter_config.json").is_file()


# (what is said beside the folder, what the line must hold)
REFUSED = {
    "a folder without an adapter": (["--to", "peft"], ["holds no adapter"]),
    "a task for a run, which has one": (["--to", "peft", "task=e2e"], ["task=e2e does not go with --to"]),
    "no task": (["--from", "peft", "backbone=decoder"], ["no task was given: say task=NAME", "glue/mrpc"]),
    "no backbone": (["--from", "peft", "task=e2e"], ["no backbone was given: say backbone=NAME", "minilm"]),
    "an unknown backbone": (
        ["--from", "peft", "task=e2e", "backbone=decodr"],
        ["backbone=decodr is unknown", "nearest: decoder", "smollm2-135m"],
    ),
    "an unknown setting": (
        ["--from", "peft", "task=e2e", "backbone=decoder", "backbone.pth=x"],
        ["backbone.pth is not a setting", "nearest: backbone.path"],
    ),
    "no adapter of peft": (["--from", "peft", "task=e2e", "backbone=decoder"], ["pass an adapter of peft"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_line(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, fragments = REFUSED[case]
    line = refused([str(tmp_path), *arguments], capsys)
    assert line.startswith("error: ")
    assert all(fragment in line for fragment in fragments), line
    assert not list(tmp_path.iterdir())
