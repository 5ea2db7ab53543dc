"""What the README shows is what the records say."""

import shutil
from pathlib import Path

import pytest

from benchmarks import published, tables

ROOT = Path(__file__).parents[2]
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
    assert [path.name for path in made] == ["e2e-smollm2.md", "glue-minilm.md"]
    for path in made:
        assert path.read_bytes() == (ROOT / "results" / path.relative_to(tmp_path)).read_bytes()


@pytest.mark.parametrize("target", ["quickstart", "test", "lint", "tables", "install", "clean", "help"])
def test_make_has_what_the_readme_promises(target: str) -> None:
    assert f"\n{target}:" in (ROOT / "Makefile").read_text()
