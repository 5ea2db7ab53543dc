"""Verdicts of the plain reading: what stands after the last "####", as in GSM8K's own solutions, or "The answer is".

Unlike the papers' scripts it reads a number as it is written (1,450,000), rounds nothing, and needs no colon.
"""

import re

from benchmarks.maths.hendrycks import NoNormalForm, normalise

_MARK = re.compile(r"####|the answer is:?", re.IGNORECASE)
_NUMBER = re.compile(r"-?(?:\d[\d,]*)?\.?\d+")


def judge_number(prediction: str, gold: int) -> bool | None:
    """Return whether the first number after the mark is the gold one, or None if there is none."""
    found = _NUMBER.search(_line(prediction))
    return float(found[0].replace(",", "")) == gold if found else None


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
    """Return what follows the last mark on its line; nothing where there is no mark."""
    *_, last = [None, *_MARK.finditer(prediction)]
    return "" if last is None else prediction[last.end() :].partition("\n")[0].strip()
