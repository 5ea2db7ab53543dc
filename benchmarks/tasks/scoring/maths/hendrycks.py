r"""The string form in which two answers of MATH are compared: Hendrycks et al., NeurIPS 2021 datasets track.

Facts of the published code (hendrycks/math, modeling/math_equivalence.py), in the words of this one.
"""

import re

# In this order: a later one sees what an earlier one left.
_BEFORE_UNITS = (
    ("\n", ""),
    (r"\!", ""),
    (r"\\", "\\"),
    ("tfrac", "frac"),
    ("dfrac", "frac"),
    (r"\left", ""),
    (r"\right", ""),
    (r"^{\circ}", ""),
    (r"^\circ", ""),
    (r"\$", ""),
)
_AFTER_UNITS = ((r"\%", ""), (" .", " 0."), ("{.", "{0."))
_UNIT = r"\text{ "


class NoNormalForm(ValueError):
    """An answer that the published code stops at: what it then counts differs from script to script."""


def normalise(answer: str) -> str:
    r"""Return an answer of MATH in its normal form; equal forms are equal answers.

    Gone are spaces, line breaks, degrees, dollar and percent signs, \left, \right, a unit at the right, and what stands
    left of a lone "=" if it has at most two characters. \frac and \sqrt get their braces, .5 its zero, and a whole
    number over a whole number, or 0.5, becomes a \frac. Nothing is computed: 0.25 and 1/4 stay apart.

    Raises NoNormalForm where two units, a \frac or \sqrt of nothing, or one "/" between other things than whole numbers
    stand. At the last the first release kept the text; MetaMath's copy and those made of it stop.
    """
    text = _replaced(answer, _BEFORE_UNITS)
    if text.count(_UNIT) > 1:
        raise NoNormalForm(f"two units: {answer}")
    text = _replaced(text.partition(_UNIT)[0], _AFTER_UNITS)
    if text.startswith("."):
        text = f"0{text}"
    name, _, value = text.partition("=")
    if text.count("=") == 1 and len(name) <= 2:
        text = value
    text = _fractions(_roots(text).replace(" ", ""))
    return r"\frac{1}{2}" if text == "0.5" else _quotient(text)


def _replaced(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for old, new in pairs:
        text = text.replace(old, new)
    return text


def _roots(text: str) -> str:
    if re.search(r"\\sqrt(\\sqrt|\Z)", text):
        raise NoNormalForm(f"a root of nothing: {text}")
    return re.sub(r"\\sqrt([^{])", r"\\sqrt{\1}", text)


def _fractions(text: str) -> str:
    r"""Give each \frac its braces; a \frac with one character after it leaves the whole text as it is."""
    head, *parts = text.split(r"\frac")
    for number, part in enumerate(parts):
        if not part:
            raise NoNormalForm(f"a fraction of nothing: {text}")
        if part[0] == "{":
            continue
        if len(part) == 1:
            return text
        below = part[1] if part[1] == "{" else f"{{{part[1]}}}"
        parts[number] = f"{{{part[0]}}}{below}{part[2:]}"
    return r"\frac".join([head, *parts])


def _quotient(text: str) -> str:
    if text.count("/") != 1:
        return text
    try:
        above, below = map(int, text.split("/"))
    except ValueError as error:
        raise NoNormalForm(f"no quotient of whole numbers: {text}") from error
    return rf"\frac{{{above}}}{{{below}}}" if text == f"{above}/{below}" else text
