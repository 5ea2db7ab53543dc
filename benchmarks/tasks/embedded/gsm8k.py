"""Word problems with worked solutions: a small GSM8K-shaped set made from a grammar and word lists.

It has the columns of openai/gsm8k, its computations in double angle brackets and its "#### 72", so the same code runs
on it, but it is not GSM8K. Its problems are of the embedded MetaMathQA's kinds, with other numbers.
"""

import pyarrow as pa

from benchmarks.errors import SuiteError
from benchmarks.tasks.embedded import word_problems
from benchmarks.tasks.embedded.word_problems import Problem

VERSION = word_problems.VERSION
IMITATES = "GSM8K"
SPLITS = ("train", "test")


def _answer(problem: Problem) -> str:
    """The solution, a step a line, and its last line."""
    lines = [
        f"{before} {computed} = <<{computed.replace(' ', '')}={result}>>{result} {after}."
        for before, computed, result, after in problem.steps
    ]
    return "\n".join([*lines, f"#### {problem.answer}"])


def rows(split: str) -> list[dict]:
    """The rows of one split, the same on every machine; half of the questions are in a kind's second wording.

    Returns dicts of ``question`` and ``answer``. Raises SuiteError for an unknown split.
    """
    if split not in SPLITS:
        raise SuiteError(f"the embedded split gsm8k/{split} is unknown; known: {', '.join(SPLITS)}")
    return [
        {"question": problem.questions[number % 2], "answer": _answer(problem)}
        for number, problem in enumerate(word_problems.problems()[f"gsm8k/{split}"])
    ]


def tables() -> dict[str, dict[str, pa.Table]]:
    """The splits of the one config."""
    return {"main": {split: pa.Table.from_pylist(rows(split)) for split in SPLITS}}
