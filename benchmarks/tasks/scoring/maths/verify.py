r"""Verdicts of the package math-verify, which parses both answers and asks sympy whether they are equal.

It reads more than the papers' scripts do: the text after "final answer", a \boxed{...}, the text after "answer", or
else the last number. So it reads "#### 72", except in texts that mention an answer before (4 of the 1,319 in GSM8K's
test split), and it reads a number in most texts that never reach an answer. A parse or a comparison may take five
seconds of wall time; one that takes longer ($10^{1000000000}$) is wrong. The limit is an alarm signal, which Python
delivers to the main thread alone. It cannot read a real minus sign, and reads 3 1/2 as 1, so it is given plain
numerals.
"""

import re

from benchmarks.tasks.scoring.maths import metamath
from benchmarks.tasks.scoring.maths.numerals import plain


def judge_number(prediction: str, gold: int) -> bool | None:
    """Return whether the number that math-verify reads in the text is the gold one; None if it reads nothing."""
    from math_verify import parse, verify  # its import takes most of a second

    answer = parse(plain(prediction))
    return verify(parse(str(gold)), answer) if answer else None


def judge_expression(prediction: str, gold: str) -> bool | None:
    r"""Return whether the answer equals the gold one; None if math-verify reads nothing.

    Read is the text after "The answer is: ", to the end of its line, or else the whole text. Announced LaTeX has no
    dollar signs in MetaMathQA, but math-verify looks only between dollar signs, so that they are added.
    """
    from math_verify import LatexExtractionConfig, parse, verify

    prediction, gold = plain(prediction), plain(gold)
    announced = metamath.expression(prediction)
    answer = parse(prediction if announced is None else _between_dollars(announced.splitlines()[0]))
    return verify(parse(_between_dollars(gold), [LatexExtractionConfig()]), answer) if answer else None


def _between_dollars(text: str) -> str:
    return text if re.search(r"(?<!\\)\$", text) else f"${text}$"
