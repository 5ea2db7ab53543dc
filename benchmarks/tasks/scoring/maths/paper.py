r"""Verdicts of the scripts of LoRA-XS and VB-LoRA: MetaMath's reading, and a milder comparison.

Both repositories (MohammadrezaBanaei/LoRA-XS, instruction_tuning_eval; leo-yangli/VB-LoRA, math_instruction_tuning)
hold the same code. Beyond MetaMath's it counts as right:

- a number within a ten-thousandth of the gold one, of its hundredth or of its hundredfold: 7200 for 72;
- a text that differs in round brackets and braces alone, or in the outer brackets alone;
- a tuple whose parts are equal one by one;
- any text whatever, where it or the gold has no normal form: the script then compares the text with itself. Such are
  all answers with one "/" that is not between whole numbers: \pi/2, x/3.

One deviation: the script also evaluates both texts as Python, through sympy's ``parse_expr``, and calls equal what
sympy does (5*2 and 10). A model's text is not run as code here. LaTeX did not come so far even there: with the packages
that both repositories pin, sympy's LaTeX parser refuses its antlr runtime.
"""

import math
import re

from benchmarks.tasks.scoring.maths import metamath
from benchmarks.tasks.scoring.maths.hendrycks import NoNormalForm, normalise

_TOLERANCE = 1e-4


def judge_number(prediction: str, gold: int) -> bool | None:
    """Return whether the announced number is close to the gold one, or None if there is none."""
    found = metamath.number(prediction)
    return None if found is None else _close(float(found), float(gold))


def judge_expression(prediction: str, gold: str) -> bool | None:
    """Return whether the announced text is equal to the gold one as stated above, or None if there is none."""
    found = metamath.expression(prediction)
    if found is None:
        return None
    try:
        forms = normalise(found), normalise(gold)
    except NoNormalForm:
        return _equal(found, found)
    return _equal(*forms) or forms[0] == forms[1]


def _close(found: float, gold: float) -> bool:
    return any(math.isclose(wanted, found, rel_tol=_TOLERANCE) for wanted in (gold / 100, gold, gold * 100))


def _equal(found: str, gold: str) -> bool:
    numbers = _as_number(found), _as_number(gold)
    if None not in numbers:
        return _close(*numbers)
    if not found:
        return False
    ends, gold_ends = found[:1] + found[-1:], gold[:1] + gold[-1:]
    texts = [found, gold]
    if (ends == "[]" and gold[:1] != "(") or (ends == "()" and gold[:1] != "["):
        texts = [text.strip("[]()") for text in texts]
    if len({re.sub(r"[{}()]", "", text) for text in texts}) == 1:
        return True
    if ends == gold_ends and ends in ("[]", "()"):
        parts, gold_parts = found[1:-1].split(","), gold[1:-1].split(",")
        return len(parts) == len(gold_parts) and all(map(_equal, parts, gold_parts))
    return False


def _as_number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))  # so that 1,2 and 12 are equal, as there
    except ValueError:
        return None
