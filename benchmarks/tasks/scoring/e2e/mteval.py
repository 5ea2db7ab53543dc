"""BLEU and NIST as mteval-v13a computes them: the Perl script in the official E2E script, written in Python.

Tokens are its "13a" tokens with ASCII letters lower-cased. Equations: Papineni et al. (ACL 2002) for BLEU, Doddington
(HLT 2002) for NIST; the functions say what the script adds to them.
"""

import math
import re
import string
from collections import Counter

Tokens = list[str]

_ENTITIES = (("<skipped>", ""), ("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_SPLITS = (
    (re.compile(r"([{-~[-` -&(-+:-@/])"), r" \1 "),  # punctuation, except ' , - .
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),  # . and , unless after a digit
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),  # . and , unless before a digit
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),  # - after a digit
)
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_BLEU_ORDER, _NIST_ORDER = 4, 5
_BETA = math.log(2) / math.log(1.5) ** 2  # a text of two thirds of the length gets half the score


def tokenise(text: str) -> Tokens:
    """Return the 13a tokens of one line."""
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    text = f" {text} ".translate(_LOWER)
    for pattern, replacement in _SPLITS:
        text = pattern.sub(replacement, text)
    return text.split()


def bleu(predictions: list[Tokens], references: list[list[Tokens]]) -> float:
    """Return the corpus BLEU (0 to 1), against the closest reference length; of two that are as close, the shorter.

    The k-th precision without a match counts as 1 / (2^k times its n-grams); one without n-grams counts as 1.
    """
    logs, doubled = 0.0, 1
    for n in range(1, _BLEU_ORDER + 1):
        matches = sum(sum(_matches(p, rs, n).values()) for p, rs in zip(predictions, references, strict=True))
        total = sum(max(len(p) - n + 1, 0) for p in predictions)
        if total and not matches:
            doubled *= 2
        logs += math.log((matches or 1 / doubled) / total) if total else 0.0
    length = sum(map(len, predictions))
    closest = sum(
        min((abs(len(r) - len(p)), len(r)) for r in rs)[1] for p, rs in zip(predictions, references, strict=True)
    )
    return math.exp(logs / _BLEU_ORDER) * math.exp(min(0.0, 1 - closest / length)) if length else 0.0


def nist(predictions: list[Tokens], references: list[list[Tokens]]) -> float:
    """Return the corpus NIST of the Perl script, which is the official figure.

    The reference length is the number of tokens of all references, divided by the mean number of references.
    """
    words = sum(len(r) for rs in references for r in rs)
    length = words / (sum(map(len, references)) / len(references))
    score = sum(
        information / max(sum(max(len(p) - n, 0) for p in predictions), 1)
        for n, information in enumerate(_information(predictions, references))
    )
    return score * _penalty(sum(map(len, predictions)) / length)


def nist_p(predictions: list[Tokens], references: list[list[Tokens]]) -> float:
    """Return the corpus NIST of the script's Python port (its flag -p), as the LoRA paper prints it.

    The reference length is the sum of each instance's mean. An empty prediction counts as one empty token. A
    prediction that is too short for an n-gram lowers the number of n-grams of the others; where none is left, the
    n-gram counts 0.
    """
    words = sum(len(p) or 1 for p in predictions)
    length = sum(sum(map(len, rs)) / len(rs) for rs in references)
    score = sum(
        information / (words - n * len(predictions)) if words > n * len(predictions) else 0.0
        for n, information in enumerate(_information(predictions, references))
    )
    return score * _penalty(words / length)


def _information(predictions: list[Tokens], references: list[list[Tokens]]) -> list[float]:
    """Return for each n the sum, over the n-grams that match, of log2(count of its first n - 1 words / its count)."""
    counts = Counter(gram for rs in references for r in rs for n in range(_NIST_ORDER + 1) for gram in _ngrams(r, n))
    return [
        sum(
            matches * math.log2(counts[gram[:-1]] / counts[gram])
            for p, rs in zip(predictions, references, strict=True)
            for gram, matches in _matches(p, rs, n).items()
        )
        for n in range(1, _NIST_ORDER + 1)
    ]


def _penalty(ratio: float) -> float:
    return math.exp(-_BETA * math.log(min(ratio, 1.0)) ** 2) if ratio > 0 else 0.0


def _ngrams(tokens: Tokens, n: int) -> list[tuple[str, ...]]:
    """Return the n-grams; those of order 0 are as many as the tokens."""
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - max(n, 1) + 1)]


def _matches(prediction: Tokens, references: list[Tokens], n: int) -> Counter:
    """Count the prediction's n-grams, each at most as often as in the reference that has it most often."""
    most = Counter()
    for reference in references:
        most |= Counter(_ngrams(reference, n))
    return Counter(_ngrams(prediction, n)) & most
