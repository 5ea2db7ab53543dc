"""Verdicts of a plain reading: the text after the last "####", as in GSM8K's solutions, or "The answer is".

Unlike the papers' scripts it reads a number as written (1,450,000), does not round, and needs no colon.
"""

import re

from benchmarks.tasks.scoring.maths.hendrycks import NoNormalForm, normalise

_MARK = re.compile(r"####|the answer is:?", re.IGNORECASE)
_NUMBER = re.compile(r"(-?)\$?((?:\d[\d,]*)?\.?\d+)(\s*/)?")


def judge_number(prediction: str, gold: int) -> bool | None:
    """Return whether the first number after the mark is the gold one; None if no number follows.

    A number that begins a fraction is not the gold one.
    """
    match = _NUMBER.search(_line(prediction))
    if not match:
        return None
    sign, digits, fraction = match.groups()
    return not fraction and float(sign + digits.replace(",", "")) == gold


def judge_expression(prediction: str, gold: str) -> bool | None:
    """Return whether the rest of the mark's line has the gold answer's normal form; None if it is empty."""
    answer = _line(prediction).removesuffix(".").strip()
    if not answer:
        return None
    try:
        return normalise(answer) == normalise(gold)
    except NoNormalForm:
        return answer == gold


def _line(prediction: str) -> str:
    """Return the text after the last mark that has text after it on its line, or ""."""
    lines = (prediction[mark.end() :].partition("\n")[0].strip() for mark in _MARK.finditer(prediction))
    *_, last = ["", *filter(None, lines)]
    return last
