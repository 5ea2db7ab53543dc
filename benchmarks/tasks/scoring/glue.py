"""GLUE's metrics, computed by scikit-learn and scipy.

Both libraries are imported inside the functions: commands that only read records import this module, and may never
score anything.
"""

import warnings

import numpy as np

from benchmarks.errors import SuiteError, nearest


class UndefinedMetric(ValueError):
    """Raised for predictions that have no such score, such as constant ones, which correlate with nothing."""


def score(metric: str, predictions: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return the scores that a metric consists of, by name; higher is better for all of them.

    predictions, labels: (rows,), whole numbers for classes and float64 for values. Raises SuiteError for an unknown
    metric, and UndefinedMetric where the predictions have no such score.
    """
    check(metric)
    return METRICS[metric](predictions, labels)


def check(metric: str) -> None:
    """Raise SuiteError for an unknown metric."""
    if metric not in METRICS:
        raise SuiteError(
            f"task.metric={metric} is unknown; nearest: {nearest(str(metric), METRICS)}; "
            f"available: {', '.join(METRICS)}"
        )


def _accuracy(predictions: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import accuracy_score

    return {"accuracy": float(accuracy_score(labels, predictions))}


def _accuracy_f1(predictions: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return accuracy, and F1 of class 1, which is 0 where that class is neither present nor predicted."""
    from sklearn.metrics import f1_score

    return _accuracy(predictions, labels) | {"f1": float(f1_score(labels, predictions, zero_division=0))}


def _matthews(predictions: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return Matthews' correlation, which is 0 where predictions or labels are constant."""
    from sklearn.metrics import matthews_corrcoef

    return {"matthews": float(matthews_corrcoef(labels, predictions))}


def _pearson_spearman(predictions: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    from scipy.stats import ConstantInputWarning, pearsonr, spearmanr

    with warnings.catch_warnings():
        warnings.simplefilter("error", ConstantInputWarning)
        try:
            pearson, spearman = pearsonr(predictions, labels), spearmanr(predictions, labels)
        except ConstantInputWarning as warning:
            raise UndefinedMetric("a correlation is undefined: every prediction is the same") from warning
    return {"pearson": float(pearson.statistic), "spearman": float(spearman.statistic)}


METRICS = {
    "accuracy": _accuracy,
    "accuracy_f1": _accuracy_f1,
    "matthews": _matthews,
    "pearson_spearman": _pearson_spearman,
}
