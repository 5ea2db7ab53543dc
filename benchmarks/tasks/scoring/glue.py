"""GLUE's metrics as ``evaluate.Metric`` classes, over scikit-learn and scipy, so that none is fetched from a hub."""

import warnings

import datasets
import evaluate
from scipy.stats import ConstantInputWarning, pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef


class UndefinedMetric(ValueError):
    """A score that the predictions do not have, such as a correlation with a constant."""


class _GlueMetric(evaluate.Metric):
    reference = "https://gluebenchmark.com"
    value_type = "int64"

    def _info(self) -> evaluate.MetricInfo:
        value = datasets.Value(self.value_type)
        return evaluate.MetricInfo(
            description=type(self).__doc__,
            citation="",
            reference_urls=[self.reference],
            features=datasets.Features({"predictions": value, "references": value}),
        )


class Accuracy(_GlueMetric):
    """Share of rows whose class is right."""

    def _compute(self, predictions, references) -> dict[str, float]:
        return {"accuracy": float(accuracy_score(references, predictions))}


class AccuracyF1(_GlueMetric):
    """Accuracy, and F1 of class 1, which is 0 where that class is neither there nor predicted."""

    def _compute(self, predictions, references) -> dict[str, float]:
        return {
            "accuracy": float(accuracy_score(references, predictions)),
            "f1": float(f1_score(references, predictions, zero_division=0)),
        }


class Matthews(_GlueMetric):
    """Matthews' correlation of the classes, which is 0 where one of the two is constant."""

    def _compute(self, predictions, references) -> dict[str, float]:
        return {"matthews": float(matthews_corrcoef(references, predictions))}


class PearsonSpearman(_GlueMetric):
    """Pearson's and Spearman's correlation; raises UndefinedMetric where the predictions are constant."""

    value_type = "float64"

    def _compute(self, predictions, references) -> dict[str, float]:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConstantInputWarning)
            try:
                pearson, spearman = pearsonr(predictions, references), spearmanr(predictions, references)
            except ConstantInputWarning as warning:
                raise UndefinedMetric("a correlation is undefined: every prediction is the same") from warning
        return {"pearson": float(pearson.statistic), "spearman": float(spearman.statistic)}


def load(name: str) -> evaluate.Metric:
    """Return the metric of this name, with its inputs kept in memory."""
    return {"accuracy": Accuracy, "accuracy_f1": AccuracyF1, "matthews": Matthews, "pearson_spearman": PearsonSpearman}[
        name
    ](keep_in_memory=True)
