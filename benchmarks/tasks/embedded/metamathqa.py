"""Word problems with worked solutions: a small MetaMathQA-shaped set made from a grammar and word lists.

It has the column names of meta-math/MetaMathQA, two of its types and its last line, so the same code runs on it, but it
is not MetaMathQA. Each problem occurs twice: in its first wording ("GSM_AnsAug"), and in another ("GSM_Rephrased").
"""

import pyarrow as pa

from benchmarks.errors import SuiteError
from benchmarks.tasks.embedded import word_problems
from benchmarks.tasks.embedded.word_problems import Problem

VERSION = word_problems.VERSION
IMITATES = "MetaMathQA"


def _response(problem: Problem) -> str:
    """The solution, a step a line, and its last line."""
    lines = [f"{before} {computed} = {result} {after}." for before, computed, result, after in problem.steps]
    return "\n".join([*lines, f"The answer is: {problem.answer}"])


def rows(split: str) -> list[dict]:
    """The rows of the one split, "train", the same on every machine; a problem's two rows stand together.

    Returns dicts of ``type``, ``original_question``, ``query`` and ``response``. Raises SuiteError for another split.
    """
    if split != "train":
        raise SuiteError(f"the embedded split MetaMathQA/{split} is unknown; known: train")
    return [
        {"type": kind, "original_question": problem.questions[0], "query": query, "response": _response(problem)}
        for problem in word_problems.problems()["metamathqa"]
        for kind, query in zip(("GSM_AnsAug", "GSM_Rephrased"), problem.questions, strict=True)
    ]


def tables() -> dict[str, dict[str, pa.Table]]:
    """The split of the one config."""
    return {"default": {"train": pa.Table.from_pylist(rows("train"))}}
