"""A run's scores on dev, computed from its predictions without its task, whose classes need torch."""

from typing import Any

import numpy as np

from benchmarks.errors import SuiteError
from benchmarks.records.predictions import Predictions
from benchmarks.records.schema import LOG_LIKELIHOOD, Scores
from benchmarks.tasks.scoring import glue

TOLERANCE = 1e-6  # of float32, in which predictions that are numbers are kept


def score(answered: np.ndarray, labels: np.ndarray, primary: str, facts: dict[str, Any]) -> float:
    """Return the primary score of rows. answered, labels: (rows,); ``facts`` are the task's in a run's config.

    Raises glue.UndefinedMetric where the answers have no such score.
    """
    if primary == LOG_LIKELIHOOD:  # of each row's tokens, whose number is its label
        return float(np.average(answered.astype(float), weights=labels))
    if primary == "accuracy":  # as scikit-learn has it, whose import takes a second
        return float((answered == labels).mean())
    kind = int if facts.get("labels") else float
    scores = glue.score(facts.get("metric"), answered.astype(kind), labels.astype(kind))
    if primary not in scores:
        raise SuiteError(f"{primary} is no score of task.metric={facts['metric']}, which gives {', '.join(scores)}")
    return scores[primary]


def again(kept: Predictions, primary: str, facts: dict[str, Any]) -> dict[str, float]:
    """Return the best, last and held-out score again; held-out is the mean of the scores of dev's two halves.

    Raises SuiteError where the predictions have no such score.
    """
    try:
        halves = [score(kept.held_out[rows], kept.labels[rows], primary, facts) for rows in kept.of_halves]
        best, last = (score(answered, kept.labels, primary, facts) for answered in (kept.best, kept.last))
    except (glue.UndefinedMetric, ZeroDivisionError) as error:  # the latter of texts without tokens
        raise SuiteError(f"its predictions have no score: {error}") from error
    return {"best": best, "last": last, "held_out": sum(halves) / 2}


def stored(scores: Scores) -> dict[str, float]:
    """Return a record's scores by the names that ``again`` gives."""
    return {"best": scores.best, "last": scores.last, "held_out": scores.held_out}
