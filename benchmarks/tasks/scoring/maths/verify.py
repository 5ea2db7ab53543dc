r"""Verdicts of the package math-verify, which parses both answers and asks sympy whether they are equal.

It reads more than the papers' scripts do: what follows "final answer", a \boxed{...}, what follows "answer", or else
the last number. So it reads "#### 72", but for texts that speak of an answer before (4 of the 1,319 of GSM8K's test
split), and a number in most texts that never came to an answer. Its limit of five seconds on a parse or a comparison is
one of the machine's time; what takes longer ($10^{1000000000}$) is wrong. The limit is an alarm signal, which Python
gives the main thread alone.
"""

import re

from benchmarks.tasks.scoring.maths import metamath


def judge_number(prediction: str, gold: int) -> bool | None:
    """Return whether the number that math-verify finds in the text is the gold one, or None if it finds nothing."""
    from math_verify import parse, verify  # here, since its import takes most of a second

    found = parse(prediction)
    return verify(parse(str(gold)), found) if found else None


def judge_expression(prediction: str, gold: str) -> bool | None:
    r"""Return whether the answer is equal to the gold one, or None if math-verify finds nothing to read.

    What is announced ("The answer is: ") is read, to the end of its line, or else the whole text. Announced LaTeX has
    no dollar signs in MetaMathQA, and math-verify looks only between such, so it is set between them.
    """
    from math_verify import LatexExtractionConfig, parse, verify

    announced = metamath.expression(prediction)
    found = parse(prediction if announced is None else _between_dollars(announced.splitlines()[0]))
    return verify(parse(_between_dollars(gold), [LatexExtractionConfig()]), found) if found else None


def _between_dollars(text: str) -> str:
    return text if re.search(r"(?<!\\)\$", text) else f"${text}$"
