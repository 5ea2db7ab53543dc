"""The command line of export: where it writes, and what it refuses. What it writes is tested beside the formats."""

from pathlib import Path

import pytest
from support.adapter_factory import leave

from scripts import export


def test_without_out_it_lies_beside_the_adapter(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = leave("lora", bert, tmp_path)
    assert export.main([str(directory.parent), "--to", "peft", "--cache", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(directory.parent / "peft")
    assert (directory.parent / "peft" / "adapter_config.json").is_file()
