"""Accuracy of generated solutions of GSM8K and MATH by several readings of what their answers are."""

import math
import threading
from collections.abc import Callable
from typing import Literal

from benchmarks.errors import SuiteError
from benchmarks.tasks.scoring.maths import announced, metamath, paper, verify

# How each reads an answer, in the order in which tables print them.
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
    """Return, for each of ``EXTRACTORS``, what ``summary`` makes of its verdicts.

    predictions: generated solutions; golds: the hub's ``answer`` column, of GSM8K ("number": a solution that ends in
    "#### 72") or MATH ("expression": the LaTeX of the answer alone). Both (n). Raises SuiteError where their numbers
    differ, there are none, a gold is not of its kind, or outside the main thread, where math-verify cannot run.
    """
    if kind not in _JUDGES:
        raise SuiteError(f"no kind of answer {kind}; there are: {', '.join(_JUDGES)}")
    if len(predictions) != len(golds):
        raise SuiteError(f"there are {len(predictions)} predictions for {len(golds)} gold answers: one each is needed")
    if not golds:
        raise SuiteError("there is nothing to score: no gold answers")
    if threading.current_thread() is not threading.main_thread():
        raise SuiteError("answers are scored in the main thread alone: math-verify's time limits are signals")
    for number, gold in enumerate(golds, 1):
        if fault := gold_fault(gold, kind):
            raise SuiteError(f"gold answer {number} has {fault}")
    wanted = [_number(gold) if kind == "number" else gold for gold in golds]
    return {
        name: summary([judge(*pair) for pair in zip(predictions, wanted, strict=True)])
        for name, judge in _JUDGES[kind].items()
    }


def summary(verdicts: list[bool | None]) -> dict:
    """Return accuracy (0 to 1), stderr, unread and verdicts (n), of one verdict an answer, None where nothing was read.

    An answer that was not read is wrong, and counted in ``unread`` too. stderr is sqrt(p (1 - p) / n), the binomial
    one of the accuracy p over n problems as drawn from more of their kind.
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
    """Say what is wrong with a gold answer, or None. The papers' scripts stop at a number that is not whole."""
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
