"""What the documentation shows is what the records say, and every command in it is one that the suite takes."""

import importlib
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from benchmarks import conf
from benchmarks.papers import published
from benchmarks.report import tables

ROOT = Path(__file__).parents[1]
README, MAKEFILE = ROOT / "README.md", ROOT / "Makefile"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "results" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SCRIPTS = sorted(file.stem for file in (ROOT / "scripts").glob("*.py"))
HYDRA = {"train": "run", "mt_bench": "mt_bench"}  # the scripts that Hydra composes, and their file in conf/


def _lines(page: Path) -> list[str]:
    """Return the shell lines of a page: of its blocks, of a YAML's head or of a Makefile; a continued line is one."""
    text = page.read_text().replace("\\\n", " ")
    if page.suffix == ".md":
        return [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    if page.suffix == ".yaml":
        return [line.removeprefix("# ") for line in text.splitlines() if line.startswith("# python ")]
    return [line.strip() for line in text.splitlines() if line.startswith("\t") and "scripts/" in line]


def _commands() -> Iterator[tuple[str, list[str]]]:
    """Give every command of every page once: the script's name and the words after it."""
    sources = [*PAGES, *sorted((ROOT / "conf" / "experiment").glob("*.yaml")), MAKEFILE]
    lines = dict.fromkeys(line for page in sources for line in _lines(page))
    for words in (shlex.split(line, comments=True) for line in lines):
        for place, word in enumerate(words):
            if script := re.fullmatch(r"scripts/(\w+)\.py", word):
                end = words.index(">") if ">" in words else None  # the rest is the shell's
                yield script[1], words[place + 1 : end]


COMMANDS = list(_commands())
COMPOSED = [command for command in COMMANDS if command[0] in HYDRA]
PARSED = [command for command in COMMANDS if command[0] in SCRIPTS and command[0] not in HYDRA]


def _shown(command: tuple[str, list[str]]) -> str:
    return " ".join([command[0], *command[1]])


def test_the_readmes_table_is_the_committed_one() -> None:
    shown = [line for line in README.read_text().splitlines() if line.startswith("| ")]
    table = (ROOT / "results" / "tables" / "glue-minilm.md").read_text()
    main_table = [line for line in table.split("## Best, last")[0].splitlines() if line.startswith("| ")]
    assert len(shown) >= 9
    assert shown == main_table


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 150


def test_the_committed_tables_and_figures_are_what_the_committed_records_give(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results" / "records", tmp_path / "records")
    made = tables.render(tables.sheets_below(tmp_path), tmp_path, published.load())
    texts = [path if path.suffix == ".md" else path.with_suffix(".svg") for path in made]
    names = ["alpaca-smollm2.md", "e2e-smollm2.md", "glue-minilm.md", "gsm8k-smollm2-135m.md"]
    assert [path.name for path in texts if path.suffix == ".md"] == names
    for path in texts:
        assert path.read_bytes() == (ROOT / "results" / path.relative_to(tmp_path)).read_bytes(), path.name


def test_the_committed_comparisons_are_what_the_committed_predictions_give(tmp_path: Path) -> None:
    from scripts import compare

    shutil.copytree(ROOT / "results" / "records", tmp_path / "records")
    lines = [shlex.split(line) for line in _lines(ROOT / "results" / "README.md") if "scripts/compare.py" in line]
    for words in lines:
        assert compare.main([*words[2:], "--root", str(tmp_path)]) == 0
    made, committed = (
        {path.name: path.read_bytes() for path in (root / "tables").glob("compare-*.md")}
        for root in (tmp_path, ROOT / "results")
    )
    assert made and made == committed


def test_make_has_every_target_that_is_named() -> None:
    pages = "\n".join(page.read_text() for page in PAGES)
    named = set(re.findall(r"(?:`|^)make ([a-z0-9-]+)", pages, re.MULTILINE))
    assert named >= {"quickstart", "quickstart-e2e", "quickstart-instruct", "test", "lint", "audit", "tables"}
    targets = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE.read_text(), re.MULTILINE))
    assert named <= targets, named - targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_local_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_files_of_the_architecture_are_there() -> None:
    named = set(re.findall(r"(?<![\w/*.])(?:[\w]+/)+\w+\.py\b", (ROOT / "docs" / "ARCHITECTURE.md").read_text()))
    assert len(named) > 25
    assert [file for file in named if not ((ROOT / file).exists() or (ROOT / "benchmarks" / file).exists())] == []


def test_files_of_contributing_are_there() -> None:
    quoted = re.findall(r"`((?:benchmarks|conf|docs|methods|tests)/[^`<]*)`", (ROOT / "CONTRIBUTING.md").read_text())
    named = {word for words in quoted for word in words.split() if "/" in word}
    assert len(named) > 15
    assert [file for file in named if not (ROOT / file).exists()] == []


def test_extras_that_are_installed_are_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {
        name for page in PAGES for part in re.findall(r"'\.\[([\w,]+)\]'", page.read_text()) for name in part.split(",")
    }
    assert named
    assert named <= extras.keys()


def test_every_script_has_a_command_in_the_docs() -> None:
    assert len(SCRIPTS) == 16
    assert {script for script, _ in COMMANDS} == set(SCRIPTS)


@pytest.mark.parametrize("command", COMPOSED, ids=_shown)
def test_runs_compose(command: tuple[str, list[str]]) -> None:
    """With the first of the values that a sweep has for each setting, and with the last."""
    script, words = command
    settings = [word.split("=", 1) for word in words if "=" in word]
    assert settings
    assert {word for word in words if "=" not in word} <= {"--multirun", "--cfg", "job"}
    for place in (0, -1):
        # A comma within brackets is a list's, not a sweep's.
        chosen = [f"{_key(script, key)}={re.split(r',(?![^{[]*[]}])', value)[place]}" for key, value in settings]
        config = conf.composed(chosen, HYDRA[script])
        OmegaConf.to_container(config.method if script == "train" else config, resolve=True)


def _key(script: str, key: str) -> str:
    return f"{key}.run" if script == "mt_bench" and key in ("answer", "judge") else key


@pytest.mark.parametrize("command", PARSED, ids=_shown)
def test_other_commands_parse(command: tuple[str, list[str]]) -> None:
    script, words = command
    words = [word for word in words if not word.startswith("$(")]  # a Makefile's own
    importlib.import_module(f"scripts.{script}").parser().parse_intermixed_args(words)


def test_there_are_commands_to_check() -> None:
    assert len(COMPOSED) >= 25
    assert len(COMMANDS) - len(COMPOSED) >= 30
