r"""Verdicts of the scripts of LoRA-XS and VB-LoRA: MetaMath's reading, and a milder comparison.

Both repositories (MohammadrezaBanaei/LoRA-XS, instruction_tuning_eval; leo-yangli/VB-LoRA, math_instruction_tuning)
hold the same code. It counts as right what MetaMath's does, and also:

- a number within a ten-thousandth of the gold one, of a hundredth of it, or of a hundred times it: 7200 for 72;
- a text that differs in round brackets and braces alone, or in the outer brackets alone;
- a tuple whose parts are equal one by one;
- any text at all, where it or the gold answer has no normal form: the script then compares the text with itself. This
  concerns all answers with one "/" that is not between whole numbers: \pi/2, x/3.

One deviation: the script also evaluates both texts as Python, through sympy's ``parse_expr``, and calls equal what
sympy calls equal (5*2 and 10). Here a model's text is not run as code. LaTeX does not get that far even in the script:
with the packages that both repositories pin, sympy's LaTeX parser refuses its antlr runtime.
"""

import math
import re

from benchmarks.tasks.scoring.maths import metamath
from benchmarks.tasks.scoring.maths.hendrycks import NoNormalForm, normalise

_TOLERANCE = 1e-4


def judge_number(prediction: str, gold: int) -> bool | None:
    """Return whether the announced number is close to the gold one; None if no number is announced."""
    answer = metamath.number(prediction)
    return None if answer is None else _close(float(answer), float(gold))


def judge_expression(prediction: str, gold: str) -> bool | None:
    """Return whether the announced text equals the gold one, as stated above; None if no text is announced."""
    answer = metamath.expression(prediction)
    if answer is None:
        return None
    try:
        forms = normalise(answer), normalise(gold)
    except NoNormalForm:
        return _equal(answer, answer)
    return _equal(*forms) or forms[0] == forms[1]


def _close(answer: float, gold: float) -> bool:
    return any(math.isclose(wanted, answer, rel_tol=_TOLERANCE) for wanted in (gold / 100, gold, gold * 100))


def _equal(answer: str, gold: str) -> bool:
    numbers = _as_number(answer), _as_number(gold)
    if None not in numbers:
        return _close(*numbers)
    if not answer:
        return False
    ends, gold_ends = answer[:1] + answer[-1:], gold[:1] + gold[-1:]
    texts = [answer, gold]
    if (ends == "[]" and gold[:1] != "(") or (ends == "()" and gold[:1] != "["):
        texts = [text.strip("[]()") for text in texts]
    if len({re.sub(r"[{}()]", "", text) for text in texts}) == 1:
        return True
    if ends == gold_ends and ends in ("[]", "()"):
        parts, gold_parts = answer[1:-1].split(","), gold[1:-1].split(",")
        return len(parts) == len(gold_parts) and all(map(_equal, parts, gold_parts))
    return False


def _as_number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))  # so that 1,2 and 12 are equal, as in the script
    except ValueError:
        return None
