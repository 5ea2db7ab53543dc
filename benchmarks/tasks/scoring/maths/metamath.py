"""Verdicts of MetaMath's public scripts (meta-math/MetaMath, eval_gsm8k.py and eval_math.py; Yu et al., ICLR 2024).

Both read what stands after the last "The answer is: ", to the letter; an answer that is not announced so is none.
"""

import re

from benchmarks.tasks.scoring.maths.hendrycks import NoNormalForm, normalise

_ANNOUNCED = "The answer is: "
_NUMBER = re.compile(r"[-+]?\d*[.,/]?\d+")


def number(prediction: str) -> int | None:
    """Return the first number after the announcement, rounded to a whole one (halves to even), or None.

    As in the script, a number has one ``.``, ``,`` or ``/`` at most: 1,234 is 1234 but 1,450,000 is 1450; 3/4 is 1; a
    quotient by 0 is its numerator. Where the script stops with an error (3/00, less than -1.8e308) there is no number.
    """
    _, announced, answer = prediction.rpartition(_ANNOUNCED)
    found = _NUMBER.search(answer)
    if not announced or not found:
        return None
    above, _, below = found[0].replace(",", "").partition("/")
    try:
        return round(float(above) / (1 if below in ("", "0") else float(below)))
    except (ValueError, OverflowError, ZeroDivisionError):  # a quotient of nothing, infinity, zero written as 00
        return None


def expression(prediction: str) -> str | None:
    """Return the text after the announcement, up to a full stop that ends a line, or None if there is none.

    An empty text is none; the scripts compare it, and find it equal to a gold answer whose normal form is empty.
    """
    _, announced, answer = prediction.rpartition(_ANNOUNCED)
    text = answer.partition(".\n")[0].strip().removesuffix(".").strip()
    return text if announced and text else None


def judge_number(prediction: str, gold: int) -> bool | None:
    """Return whether the announced number is the gold one, or None if there is none."""
    found = number(prediction)
    return None if found is None else float(found) == float(gold)


def judge_expression(prediction: str, gold: str) -> bool | None:
    """Return whether the announced text has the gold's normal form, or None if there is none.

    Where one of the two has no normal form, the texts themselves must be equal.
    """
    found = expression(prediction)
    if found is None:
        return None
    try:
        return normalise(found) == normalise(gold)
    except NoNormalForm:
        return found == gold
