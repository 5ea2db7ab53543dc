"""Verdicts of MetaMath's public scripts (meta-math/MetaMath, eval_gsm8k.py and eval_math.py; Yu et al., ICLR 2024).

Both read the text after the last "The answer is: ", to the letter; an answer that is announced otherwise is not read.
"""

import re

from benchmarks.tasks.scoring.maths.hendrycks import NoNormalForm, normalise

_ANNOUNCED = "The answer is: "
_NUMBER = re.compile(r"[-+]?\d*[.,/]?\d+")


def number(prediction: str) -> int | None:
    """Return the first number after the announcement, rounded to a whole number (halves to even), or None.

    As in the script, a number has at most one ``.``, ``,`` or ``/``: 1,234 is 1234, but 1,450,000 is 1450; 3/4 is 1; a
    quotient by 0 is its numerator. Where the script stops with an error (3/00, less than -1.8e308) the result is None.
    """
    _, announced, answer = prediction.rpartition(_ANNOUNCED)
    match = _NUMBER.search(answer)
    if not announced or not match:
        return None
    above, _, below = match[0].replace(",", "").partition("/")
    try:
        return round(float(above) / (1 if below in ("", "0") else float(below)))
    except (ValueError, OverflowError, ZeroDivisionError):  # a quotient of nothing, infinity, zero written as 00
        return None


def expression(prediction: str) -> str | None:
    """Return the text after the announcement, up to a full stop that ends a line; None if it is empty.

    The scripts compare an empty text too, and find it equal to a gold answer whose normal form is empty.
    """
    _, announced, answer = prediction.rpartition(_ANNOUNCED)
    text = answer.partition(".\n")[0].strip().removesuffix(".").strip()
    return text if announced and text else None


def judge_number(prediction: str, gold: int) -> bool | None:
    """Return whether the announced number is the gold one; None if no number is announced."""
    answer = number(prediction)
    return None if answer is None else float(answer) == float(gold)


def judge_expression(prediction: str, gold: str) -> bool | None:
    """Return whether the announced text has the gold answer's normal form; None if no text is announced.

    Where one of the two has no normal form, the texts themselves must be equal.
    """
    answer = expression(prediction)
    if answer is None:
        return None
    try:
        return normalise(answer) == normalise(gold)
    except NoNormalForm:
        return answer == gold
