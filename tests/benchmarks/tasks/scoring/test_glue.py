"""GLUE's metrics against their definitions."""

import subprocess
import sys

import numpy as np
import pytest

from benchmarks.errors import SuiteError
from benchmarks.tasks.scoring import glue

# Two right negatives, one false positive, one missed positive, two right positives.
PREDICTIONS, LABELS = np.array([0, 0, 1, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 1])


def test_scores_follow_their_definitions() -> None:
    assert glue.score("accuracy", PREDICTIONS, LABELS) == {"accuracy": 4 / 6}
    assert glue.score("accuracy_f1", PREDICTIONS, LABELS) == pytest.approx({"accuracy": 4 / 6, "f1": 4 / 6})
    assert glue.score("matthews", PREDICTIONS, LABELS) == {"matthews": pytest.approx((2 * 2 - 1) / 9)}
    values = np.array([1.0, 2.0, 4.0])
    scores = glue.score("pearson_spearman", values, np.array([1.0, 2.0, 9.0]))
    assert scores == pytest.approx({"pearson": np.corrcoef(values, [1.0, 2.0, 9.0])[0, 1], "spearman": 1.0})


def test_a_constant_prediction_has_an_f1_and_a_matthews_of_0_and_no_correlation() -> None:
    constant = np.zeros(6, int)
    assert glue.score("accuracy_f1", constant, LABELS)["f1"] == 0.0
    assert glue.score("accuracy_f1", constant, constant)["f1"] == 0.0
    assert glue.score("matthews", constant, LABELS) == {"matthews": 0.0}
    with pytest.raises(glue.UndefinedMetric, match="every prediction is the same"):
        glue.score("pearson_spearman", np.ones(3), np.array([1.0, 2.0, 3.0]))


def test_an_unknown_metric_is_one_line_with_the_nearest_name() -> None:
    with pytest.raises(SuiteError, match=r"^task.metric=acuracy is unknown; nearest: accuracy; available: accuracy, "):
        glue.score("acuracy", PREDICTIONS, LABELS)


def test_importing_the_metrics_imports_no_library_that_computes_them() -> None:
    heavy = "{'sklearn', 'scipy', 'torch', 'datasets', 'evaluate'}"
    code = f"import sys, benchmarks.tasks.scoring.glue; assert not {heavy} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
