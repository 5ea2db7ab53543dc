"""METEOR 1.5 (Denkowski and Lavie, WMT 2014), run as the official E2E script runs it: the authors' Java program.

It needs a Java runtime and the package pycocoevalcap, which ships the program: ``pip install .[meteor]``.
"""

import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from benchmarks.errors import SuiteError

Tokens = list[str]


NAME = "METEOR 1.5"


def missing() -> str | None:
    """Say what METEOR lacks here, or return None if it can run."""
    if shutil.which("java") is None:
        return "no Java runtime was found (on Debian: apt install default-jre-headless)"
    if importlib.util.find_spec("pycocoevalcap") is None:
        return "the package pycocoevalcap, which ships METEOR, is not installed: pip install .[meteor]"
    return None


def fault() -> str | None:
    """Say what keeps METEOR from running here, by a trial that takes some seconds; None if it runs."""
    if lacking := missing():
        return lacking
    try:
        meteor([["a", "pub"]], [[["a", "pub"]]])
    except SuiteError as error:
        return str(error)
    return None


def meteor(predictions: list[Tokens], references: list[list[Tokens]]) -> float:
    """Return the corpus METEOR (0 to 1), for English, with the program's normalisation.

    Raises SuiteError where the program is missing or fails.
    """
    with started() as program:
        return program.score(predictions, references)


@contextmanager
def started() -> Iterator["Program"]:
    """Start the program, which reads its tables for some seconds, for any number of corpora; it ends with the context.

    Raises SuiteError where it is missing.
    """
    if lacking := missing():
        raise SuiteError(f"{NAME} cannot run: {lacking}")
    home = Path(importlib.util.find_spec("pycocoevalcap").submodule_search_locations[0]) / "meteor"
    command = ["java", "-Xmx2G", "-jar", str(home / "meteor-1.5.jar"), "-", "-", "-stdio", "-l", "en", "-norm"]
    with (
        tempfile.TemporaryFile("w+") as complaints,
        subprocess.Popen(
            command, cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True
        ) as process,
    ):
        yield Program(process, complaints)


class Program:
    """The running program, which answers a line with one line or more."""

    def __init__(self, process: subprocess.Popen, complaints: TextIO) -> None:
        self.process, self.complaints = process, complaints

    def score(self, predictions: list[Tokens], references: list[list[Tokens]]) -> float:
        """Return the METEOR of a corpus. Raises SuiteError where the program stops."""
        statistics = [
            self._ask("SCORE ||| " + " ||| ".join(map(_line, [*texts, prediction])), 1)[0]
            for prediction, texts in zip(predictions, references, strict=True)
        ]
        # One answer for each segment, and then that for the corpus.
        return float(self._ask("EVAL ||| " + " ||| ".join(statistics), len(statistics) + 1)[-1])

    def _ask(self, question: str, answers: int) -> list[str]:
        with suppress(BrokenPipeError):  # the program has stopped; its reason is read below
            self.process.stdin.write(question + "\n")
            self.process.stdin.flush()
        lines = [self.process.stdout.readline() for _ in range(answers)]
        if not lines[-1]:
            with suppress(BrokenPipeError):  # the pipe may hold what the program did not read
                self.process.stdin.close()
            self.complaints.seek(0)
            raise SuiteError(f"{NAME} stopped: {self.complaints.read().strip() or 'it gave no reason'}")
        return [line.strip() for line in lines]


def _line(tokens: Tokens) -> str:
    return " ".join(tokens).replace("|||", "")
