"""No --help, and no command that only reads records, imports a model library, which takes seconds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import tiny

ROOT = Path(__file__).parents[2]
SCRIPTS = {path.stem: path for path in sorted((ROOT / "scripts").glob("*.py"))}
HEAVY = ["accelerate", "datasets", "torch", "transformers"]
# Runs a script as ``python scripts/NAME.py`` does, and says which of the heavy libraries it imported.
ASK = f"""
import runpy, sys
del sys.argv[0]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
print("imported:", *(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)
"""


def imported(script: Path, *arguments: str) -> tuple[list[str], str]:
    """Return the heavy libraries that a command imports, and what it prints."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    words = [sys.executable, "-c", ASK, str(script), *arguments]
    environment = os.environ | {"PYTHONPATH": paths}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("imported:")]
    return line.split()[1:], done.stdout


def test_the_scripts_are_found() -> None:
    assert {"audit", "compare", "ls", "tables", "train", "verdicts"} <= SCRIPTS.keys()


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_imports_no_model_library(script: str) -> None:
    libraries, shown = imported(SCRIPTS[script], "--help")
    assert libraries == []
    assert script in shown


@pytest.mark.parametrize("script", ["compare", "ls", "verdicts"])
def test_what_reads_records_imports_no_model_library(script: str) -> None:
    libraries, shown = imported(SCRIPTS[script])
    assert libraries == [] and len(shown) > 100


def test_tables_import_no_model_library(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results" / "records" / "e2e", tmp_path / "records" / "e2e")
    libraries, shown = imported(SCRIPTS["tables"], "--root", str(tmp_path), "--print")
    assert libraries == [] and "e2e-smollm2.md" in shown


def test_a_job_that_is_done_imports_no_model_library(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tiny.job("head", bert, glue, tmp_path, "train.epochs=1")
    assert tiny.command_line(monkeypatch, job) == 0
    libraries, shown = imported(SCRIPTS["train"], *job)
    assert "transformers" not in libraries and "all 1 runs are done" in shown


def test_the_page_imports_no_model_library(tmp_path: Path) -> None:
    runs = Path("records", "glue", "rte", "minilm")
    shutil.copytree(ROOT / "results" / runs, tmp_path / runs)
    libraries, shown = imported(SCRIPTS["report"], "--root", str(tmp_path))
    assert libraries == [] and "report.html" in shown


def test_a_script_that_imports_torch_is_caught(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("from benchmarks.models import backbones\n")
    assert {"torch", "transformers"} <= set(imported(script)[0])
