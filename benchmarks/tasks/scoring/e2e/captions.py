"""ROUGE-L and CIDEr over PTB tokens, as the COCO caption scorer in the official E2E script computes them."""

import math
from collections import Counter

Tokens = list[str]

_BETA = 1.2  # ROUGE-L's weight of recall
_ORDER = 4
_SIGMA = 6.0  # of the Gaussian by which CIDEr penalises a difference in length


def rouge_l(predictions: list[Tokens], references: list[list[Tokens]]) -> float:
    """Return the mean ROUGE-L (0 to 1): the F of the best precision and the best recall over the references.

    Lin, ACL 2004 workshop, section 3. A text without tokens counts as one empty token, as the scorer splits it.
    """
    return sum(map(_rouge_l, predictions, references)) / len(predictions)


def _rouge_l(prediction: Tokens, references: list[Tokens]) -> float:
    prediction = prediction or [""]
    common = [(_common(prediction, reference or [""]), len(reference) or 1) for reference in references]
    precision = max(length for length, _ in common) / len(prediction)
    recall = max(length / whole for length, whole in common)
    if not precision:
        return 0.0
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def _common(first: Tokens, second: Tokens) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for word in first:
        above = row
        row = [0]
        for j, other in enumerate(second):
            row.append(above[j] + 1 if word == other else max(above[j + 1], row[j]))
    return row[-1]


def cider(predictions: list[Tokens], references: list[list[Tokens]]) -> float:
    """Return the mean CIDEr (0 to 10). Vedantam et al., CVPR 2015, equations 1 to 4 and the "D" of its section 8.

    Document frequencies are taken from the references. Lengths are counted in bigrams, as in the scorer.
    """
    frequency = Counter(gram for rs in references for gram in set().union(*map(_counts, rs)))
    log_size = math.log(len(references))

    def vector(tokens: Tokens) -> list[dict]:
        weights: list[dict] = [{} for _ in range(_ORDER)]
        for gram, count in _counts(tokens).items():
            weights[len(gram) - 1][gram] = count * (log_size - math.log(max(frequency[gram], 1)))
        return weights

    scores = []
    for prediction, texts in zip(predictions, references, strict=True):
        predicted = vector(prediction)
        similarity = 0.0
        for reference in texts:
            apart = max(len(prediction) - 1, 0) - max(len(reference) - 1, 0)
            cosines = sum(map(_clipped_cosine, predicted, vector(reference))) / _ORDER
            similarity += cosines * math.exp(-(apart**2) / (2 * _SIGMA**2))
        scores.append(10 * similarity / len(texts))
    return sum(scores) / len(scores)


def _clipped_cosine(prediction: dict, reference: dict) -> float:
    norms = math.hypot(*prediction.values()) * math.hypot(*reference.values())
    product = sum(
        min(weight, reference[gram]) * reference[gram] for gram, weight in prediction.items() if gram in reference
    )
    return product / norms if norms else product


def _counts(tokens: Tokens) -> Counter:
    return Counter(tuple(tokens[i : i + n]) for n in range(1, _ORDER + 1) for i in range(len(tokens) - n + 1))
