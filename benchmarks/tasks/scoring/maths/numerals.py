r"""Numbers as people write them, in the form that programs read: a real minus sign, 3½, 3 1/2, 3\frac{1}{2}.

The papers' scripts do without it: their verdicts are what they are.
"""

import re
import unicodedata

# A dash is a minus sign only where a number follows at once and no word stands before it.
_MINUS = re.compile("[\u2212\ufe63\uff0d]|(?<![\\w.)])\u2013(?=\\$?\\.?\\d)")
_VULGAR = re.compile("(\\d?)([\xbc-\xbe\u2150-\u215e])")  # one character, such as a half
_PART = r"(\d{1,9})"
_MIXED = re.compile(
    rf"(?<![\w.,/^])(\d{{1,3}}(?:,\d{{3}})+|\d{{1,9}})"
    rf"(?:\s+(?:and\s+)?{_PART}/{_PART}|\s*\\[dt]?frac\{{{_PART}\}}\{{{_PART}\}})(?![\d/])"
)


def plain(text: str) -> str:
    """Return text whose minus signs are hyphens, and whose mixed numbers are quotients: 3 1/2 is 7/2."""
    text = _VULGAR.sub(_quotient, _MINUS.sub("-", text)).replace("\u2044", "/")
    return _MIXED.sub(_improper, text)


def _quotient(vulgar: re.Match[str]) -> str:
    digit, character = vulgar.groups()
    return (f"{digit} " if digit else "") + unicodedata.normalize("NFKC", character)


def _improper(mixed: re.Match[str]) -> str:
    whole, above, below = (int(part.replace(",", "")) for part in mixed.groups() if part is not None)
    return f"{whole * below + above}/{below}"
