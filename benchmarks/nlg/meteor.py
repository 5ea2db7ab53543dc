"""METEOR 1.5 (Denkowski and Lavie, WMT 2014) as the official E2E script runs it: the authors' Java program.

It needs a Java runtime and the package pycocoevalcap, which ships the program: ``pip install .[meteor]``.
"""

import importlib.util
import shutil
import subprocess
from pathlib import Path

from benchmarks.errors import SuiteError

Tokens = list[str]


def missing() -> str | None:
    """Say what METEOR lacks here, or None where it can run."""
    if shutil.which("java") is None:
        return "no Java runtime was found (on Debian: apt install default-jre-headless)"
    if importlib.util.find_spec("pycocoevalcap") is None:
        return "the package pycocoevalcap, which ships it, is not installed: pip install .[meteor]"
    return None


def meteor(predictions: list[Tokens], references: list[list[Tokens]]) -> float:
    """Return the corpus METEOR (0 to 1), for English and with the program's own normalisation.

    Raises SuiteError where the program is missing or fails.
    """
    if lacking := missing():
        raise SuiteError(f"METEOR 1.5 cannot run: {lacking}")
    home = Path(importlib.util.find_spec("pycocoevalcap").submodule_search_locations[0]) / "meteor"
    # The program answers a line at a time, so all questions are told before any answer is read.
    lines = ["SCORE ||| " + " ||| ".join(map(_line, [*rs, p])) for p, rs in zip(predictions, references, strict=True)]
    command = ["java", "-Xmx2G", "-jar", str(home / "meteor-1.5.jar"), "-", "-", "-stdio", "-l", "en", "-norm"]
    statistics = _run(command, home, lines)
    return float(_run(command, home, ["EVAL ||| " + " ||| ".join(statistics)])[-1])


def _line(tokens: Tokens) -> str:
    return " ".join(tokens).replace("|||", "")


def _run(command: list[str], directory: Path, lines: list[str]) -> list[str]:
    done = subprocess.run(
        command, cwd=directory, input="\n".join(lines) + "\n", capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SuiteError(f"METEOR 1.5 failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    return done.stdout.splitlines()
