r"""The normal form in which two answers to MATH are compared: Hendrycks et al., NeurIPS 2021 datasets track.

It does what the published code does (hendrycks/math, modeling/math_equivalence.py), and is written anew.
"""

import re

# In this order: each replacement works on what the ones before it left.
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
    """Raised for an answer that the published code cannot treat; how it then counts differs between scripts."""


def normalise(answer: str) -> str:
    r"""Return an answer to MATH in its normal form; answers with equal forms are equal.

    Removed are spaces, line breaks, degrees, dollar and percent signs, \left, \right, a unit at the right, and the text
    left of a single "=" if it has at most two characters. \frac and \sqrt get their braces, .5 its zero, and a whole
    number over a whole number, or 0.5, becomes a \frac. Nothing is computed: 0.25 and 1/4 remain different.

    Raises NoNormalForm for two units, for a \frac or \sqrt of nothing, and for one "/" that is not between whole
    numbers. In the last case the first release kept the text; MetaMath's copy, and those made from it, stop.
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
    r"""Give each \frac its braces; a \frac with a single character after it leaves the whole text unchanged."""
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
        raise NoNormalForm(f"not a quotient of whole numbers: {text}") from error
    return rf"\frac{{{above}}}{{{below}}}" if text == f"{above}/{below}" else text
