"""Verdicts of the plain reading: what stands after the last "####", as in GSM8K's own solutions, or "The answer is".

Unlike the papers' scripts it reads a number as it is written (1,450,000), rounds nothing, and needs no colon.
"""

import re

from benchmarks.tasks.scoring.maths.hendrycks import NoNormalForm, normalise

_MARK = re.compile(r"####|the answer is:?", re.IGNORECASE)
_NUMBER = re.compile(r"(-?)\$?((?:\d[\d,]*)?\.?\d+)(\s*/)?")


def judge_number(prediction: str, gold: int) -> bool | None:
    """Return whether the first number after the mark is the gold one, or None if there is none.

    The first part of a fraction is none.
    """
    found = _NUMBER.search(_line(prediction))
    if not found:
        return None
    sign, digits, fraction = found.groups()
    return not fraction and float(sign + digits.replace(",", "")) == gold


def judge_expression(prediction: str, gold: str) -> bool | None:
    """Return whether the rest of the mark's line has the gold's normal form, or None if it is empty."""
    found = _line(prediction).removesuffix(".").strip()
    if not found:
        return None
    try:
        return normalise(found) == normalise(gold)
    except NoNormalForm:
        return found == gold


def _line(prediction: str) -> str:
    """Return what follows the last mark that has something after it on its line; nothing where there is none."""
    lines = (prediction[mark.end() :].partition("\n")[0].strip() for mark in _MARK.finditer(prediction))
    *_, last = ["", *filter(None, lines)]
    return last
