"""Penn Treebank tokens as the official E2E script makes them, without Java.

The script runs Stanford's PTBTokenizer 3.4.1 with ``-preserveLines -lowerCase`` and drops punctuation. This is not a
port: it has the rules that restaurant texts need, and gives the same tokens for every reference and every system output
of the E2E dev and test sets, and for the cases in tests/benchmarks/tasks/scoring/e2e/ptb.json. Addresses, tags and
emoticons may differ.
"""

import re

# Dropped. This includes all quotes, so that it does not matter which of them open and which close.
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
    # A number may have a sign; hyphens, slashes and periods join words, and commas and colons join numbers too.
    | (?<![\w)])[-+]\.?\d+(?:[.,:/]\d+)* | (?<!\w)\.\d+ | \d\d?:\d\d(?=[ap]m\b) | (?-i:[A-Z]+(?:&[A-Z]+)+)\b
    | [@#][a-z]\w* | \w+(?:(?:[-/.]|(?<=\d)[,:](?=\d))\w+)*(?:\.(?=[,;:]))?
    | \.\.\. | [!?]{2,} | \S
    """,
    re.VERBOSE | re.IGNORECASE,
)


def tokenise(text: str) -> list[str]:
    """Return the lower-cased tokens of one line, without punctuation."""
    plain = _CHARACTERS.sub(lambda match: _REPLACED[match[0]], text)
    tokens = (match[0].lower() for match in _TOKEN.finditer(plain))
    return [_BRACKETS.get(token, token) for token in tokens if token not in _PUNCTUATION]
