"""Verdicts of a plain reading: the text after the last "####", as in GSM8K's solutions, or "The answer is".

Unlike the papers' scripts it reads a number as written (1,450,000), does not round, and needs no colon.
"""

import re

from benchmarks.tasks.scoring.maths.hendrycks import NoNormalForm, normalise
from benchmarks.tasks.scoring.maths.numerals import plain

_MARK = re.compile(r"####|the answer is:?", re.IGNORECASE)
_DIGITS = r"((?:\d[\d,]*)?\.?\d+)"
# Of "10/hour" the number is 10; what follows a slash otherwise belongs to it.
_NUMBER = re.compile(rf"(-?)[$€£]?{_DIGITS}(?:\s*/\s*({_DIGITS}|(?!\s*(?:[a-z]|\\text))))?", re.IGNORECASE)
_FRACTION = re.compile(r"\\[dt]?frac\{(\d+)\}\{(\d+)\}")


def judge_number(prediction: str, gold: int) -> bool | None:
    """Return whether the first number after the mark is the gold one; None if no number follows.

    A fraction is the number that it gives; one that cannot be computed is wrong.
    """
    match = _NUMBER.search(_FRACTION.sub(r"\1/\2", plain(_line(prediction))))
    if not match:
        return None
    sign, above, slash, below = match.groups()
    divisor = 1.0 if slash is None else _value(below or "0")
    return divisor != 0 and _value(sign + above) / divisor == gold


def _value(digits: str) -> float:
    return float(digits.replace(",", ""))


def judge_expression(prediction: str, gold: str) -> bool | None:
    """Return whether the rest of the mark's line has the gold answer's normal form; None if it is empty."""
    answer, gold = plain(_line(prediction)).removesuffix(".").strip(), plain(gold)
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
