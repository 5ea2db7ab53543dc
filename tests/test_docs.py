"""What the README shows is what the records say."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from support import tiny

from benchmarks.papers import published
from benchmarks.report import comparison_table as compare
from benchmarks.report import tables

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_readmes_table_is_the_committed_one() -> None:
    shown = [line for line in README.splitlines() if line.startswith("| ")]
    table = (ROOT / "results" / "tables" / "glue-minilm.md").read_text()
    main_table = [line for line in table.split("## Best, last")[0].splitlines() if line.startswith("| ")]
    assert len(shown) > 10
    assert shown == main_table


def test_the_committed_tables_are_what_the_committed_records_give(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results" / "records", tmp_path / "records")
    made = [path for path in tables.render(tmp_path, published.load()) if path.suffix == ".md"]
    names = ["alpaca-smollm2.md", "e2e-smollm2.md", "glue-minilm.md", "gsm8k-smollm2-135m.md"]
    assert [path.name for path in made] == names
    for path in made:
        assert path.read_bytes() == (ROOT / "results" / path.relative_to(tmp_path)).read_bytes()


def commands(said: str, text: str = README) -> list[list[str]]:
    """Return the commands of the text's blocks that begin with ``said``, or call it, as words."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = (line for block in blocks for line in block.replace("\\\n", " ").splitlines())
    return [shlex.split(line, comments=True) for line in lines if said in line]


def test_the_committed_comparisons_are_what_the_committed_predictions_give(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results" / "records", tmp_path / "records")
    for command in commands("benchmarks.compare", (ROOT / "results" / "README.md").read_text()):
        assert compare.main([*command[3:], "--root", str(tmp_path)]) == 0
    made, there = (
        {path.name: path.read_bytes() for path in (root / "tables").glob("compare-*.md")}
        for root in (tmp_path, ROOT / "results")
    )
    assert made and made == there


def test_make_has_every_target_that_the_readme_names() -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z0-9-]+)", README, re.MULTILINE))
    assert named >= {"quickstart", "quickstart-e2e", "quickstart-instruct", "test"}
    there = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= there, named - there


@pytest.mark.parametrize("command", commands("benchmarks.run"), ids=" ".join)
def test_the_readmes_runs_compose(command: list[str]) -> None:
    """With the first of the values that a sweep has for each setting, and with the last."""
    settings = [word.split("=", 1) for word in command[command.index("benchmarks.run") + 1 :] if "=" in word]
    assert settings
    for place in (0, -1):
        # A comma within brackets is a list's, not a sweep's.
        chosen = [f"{key}={re.split(r',(?![^{[]*[]}])', value)[place]}" for key, value in settings]
        config = tiny.compose(chosen)
        OmegaConf.to_container(config.method, resolve=True)


def test_the_readme_has_runs() -> None:
    assert len(commands("benchmarks.run")) >= 12
