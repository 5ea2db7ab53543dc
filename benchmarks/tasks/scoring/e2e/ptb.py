"""Penn Treebank tokens as the official E2E script has them, without Java.

The script runs Stanford's PTBTokenizer 3.4.1 with ``-preserveLines -lowerCase`` and drops punctuation. This is no port
of it: it has the rules that restaurant texts meet, and gives the same tokens on every reference and every system output
of the E2E dev and test sets, and on the cases in tests/benchmarks/nlg/ptb.json. Addresses, tags and faces may differ.
"""

import re

# Dropped. All quotes are, so which of them open and which close does not matter here.
_PUNCTUATION = frozenset(['"', "'", "''", "`", "``", ".", "?", "!", ",", ":", ";", "-", "--", "..."])
_REPLACED = {
    "“": '"', "”": '"', "‘": "'", "’": "'", "–": " - ", "—": " - ", "…": "...", "£": "#", "€": "$", "½": "1/2",  # noqa: RUF001
    "&quot;": '"', "&amp;": "&", "&lt;": "<", "&gt;": ">", "&apos;": "'", "&nbsp;": " ", "\N{NO-BREAK SPACE}": " ",
}  # fmt: skip
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}

_CHARACTERS = re.compile("|".join(map(re.escape, _REPLACED)))
_TOKEN = re.compile(
    r"""
      (?:https?://|www\.)\S*\w | [\w.+-]+@[\w.-]*\w | </?[a-z][^<>]*>
    # Abbreviations keep their period.
    | \b(?:mr|mrs|ms|dr|prof|st|ave|etc|vs|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.(?!\w) | \bno\.(?=\ ?\d)
    | \b(?:inc|ltd|co|corp|rd|sq|[a-z](?:\.[a-z])+)\.(?!\w)
    # Parts of contractions
    | \w+?(?=n't\b) | n't\b | '(?:s|re|ve|ll|d|m)\b | \b[dol]'\w+ | \bma'am\b | \by'(?=all\b) | (?<!\w)'t(?=is\b|was\b)
    | \bcan(?=not\b) | (?<=\bcan)not\b | \b(?:gon|wan)(?=na\b) | \bgot(?=ta\b) | \b(?:gim|lem)(?=me\b)
    | (?<!\w)'(?:\d0s|em)\b | 'n'
    # A number may have a sign; words hang together by hyphens, slashes and periods, numbers by commas and colons too.
    | (?<![\w)])[-+]\.?\d+(?:[.,:/]\d+)* | (?<!\w)\.\d+ | \d\d?:\d\d(?=[ap]m\b) | (?-i:[A-Z]+(?:&[A-Z]+)+)\b
    | [@#][a-z]\w* | \w+(?:(?:[-/.]|(?<=\d)[,:](?=\d))\w+)*(?:\.(?=[,;:]))?
    | \.\.\. | [!?]{2,} | \S
    """,
    re.VERBOSE | re.IGNORECASE,
)


def tokenise(text: str) -> list[str]:
    """Return the lower-cased tokens of one line, punctuation left out."""
    plain = _CHARACTERS.sub(lambda match: _REPLACED[match[0]], text)
    tokens = (match[0].lower() for match in _TOKEN.finditer(plain))
    return [_BRACKETS.get(token, token) for token in tokens if token not in _PUNCTUATION]
