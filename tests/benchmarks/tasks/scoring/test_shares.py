"""The interval of a share, which is honest where the share is 0 or 1."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from benchmarks.tasks.scoring import shares


@pytest.mark.parametrize(("right", "count"), [(0, 16), (16, 16), (7, 20), (1, 3), (690, 1319)])
def test_it_is_scipys(right: int, count: int) -> None:
    known = binomtest(right, count).proportion_ci(method="wilson")
    assert shares.wilson(right / count, count) == pytest.approx((known.low, known.high))


def test_none_right_is_not_sure_to_be_nothing() -> None:
    assert shares.cell(0.0, 16) == "0.0 [0.0, 19.4]"


@pytest.mark.parametrize("truth", [0.02, 0.1, 0.5])
def test_it_covers_a_share_of_few_where_the_standard_error_does_not(truth: float) -> None:
    """Exactly, over all that 16 answers can give."""
    right = np.arange(17)
    likely, share = binom.pmf(right, 16, truth), right / 16
    covered = [low <= truth <= high for low, high in (shares.wilson(each, 16) for each in share)]
    assert likely @ covered > 0.92
    by_standard_error = abs(share - truth) <= 1.96 * np.sqrt(share * (1 - share) / 16)
    assert likely @ by_standard_error < {0.02: 0.3, 0.1: 0.82, 0.5: 0.95}[truth]
