"""Accuracy of written solutions of GSM8K and MATH, by several ways to read the answer from a solution."""

import math
import threading
from collections.abc import Callable
from typing import Literal

from benchmarks.errors import SuiteError
from benchmarks.tasks.scoring.maths import announced, metamath, paper, verify

# How each extractor reads an answer, in the order in which tables print them.
EXTRACTORS = {
    "paper": "the scripts of LoRA-XS and VB-LoRA: MetaMath's reading, compared more mildly",
    "metamath": "MetaMath's scripts: after \"The answer is: \", a rounded number or Hendrycks' normal form",
    "announced": 'the number or text after "####" or "The answer is"',
    "math_verify": "math-verify: parsed, and equal to sympy",
}
_JUDGES: dict[str, dict[str, Callable[..., bool | None]]] = {
    "number": {
        "paper": paper.judge_number,
        "metamath": metamath.judge_number,
        "announced": announced.judge_number,
        "math_verify": verify.judge_number,
    },
    "expression": {
        "paper": paper.judge_expression,
        "metamath": metamath.judge_expression,
        "announced": announced.judge_expression,
        "math_verify": verify.judge_expression,
    },
}


def score(predictions: list[str], golds: list[str], kind: Literal["number", "expression"]) -> dict[str, dict]:
    """Return the ``summary`` of the verdicts of each of ``EXTRACTORS``.

    predictions: n written solutions; golds: n entries of the hub's ``answer`` column, of GSM8K ("number": a solution
    that ends in "#### 72") or of MATH ("expression": the LaTeX of the answer alone). Raises SuiteError where their
    numbers differ or are 0, for a gold answer that is not of its kind, and outside the main thread, where math-verify
    cannot run.
    """
    if kind not in _JUDGES:
        raise SuiteError(f"the kind of answer {kind} is unknown; known: {', '.join(_JUDGES)}")
    if len(predictions) != len(golds):
        raise SuiteError(f"{len(predictions)} predictions were given for {len(golds)} gold answers: each needs one")
    if not golds:
        raise SuiteError("there are no gold answers to score")
    if threading.current_thread() is not threading.main_thread():
        raise SuiteError("answers can be scored in the main thread only: math-verify's time limits are signals")
    for number, gold in enumerate(golds, 1):
        if fault := gold_fault(gold, kind):
            raise SuiteError(f"gold answer {number} has {fault}")
    wanted = [_number(gold) if kind == "number" else gold for gold in golds]
    return {
        name: summary([judge(*pair) for pair in zip(predictions, wanted, strict=True)])
        for name, judge in _JUDGES[kind].items()
    }


def summary(verdicts: list[bool | None]) -> dict:
    """Return accuracy (0 to 1), stderr, unread and verdicts (n).

    verdicts: one for each answer, None where nothing was read; such an answer is wrong, and also counted in ``unread``.
    stderr is the binomial standard error sqrt(p (1 - p) / n) of the accuracy p, over n problems that are a sample.
    """
    right = [verdict is True for verdict in verdicts]
    accuracy = sum(right) / len(right)
    return {
        "accuracy": accuracy,
        "stderr": math.sqrt(accuracy * (1 - accuracy) / len(right)),
        "unread": verdicts.count(None),
        "verdicts": right,
    }


def gold_fault(gold: str, kind: str) -> str | None:
    """Say what is wrong with a gold answer, or return None. The papers' scripts stop at a number that is not whole."""
    if kind == "number" and _number(gold) is None:
        return f'{gold[-20:]!r} at the end of its answer, where "#### " and a whole number are needed'
    return None if gold.strip() else "no text, where the answer's LaTeX is needed"


def _number(gold: str) -> int | None:
    """Return the whole number after "####", or None."""
    _, mark, answer = gold.rpartition("####")
    try:
        value = float(answer.replace(",", "")) if mark else math.nan
    except ValueError:
        return None
    return int(value) if value.is_integer() else None
