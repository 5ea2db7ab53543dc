"""Intervals of a score over seeds, and paired tests of two methods' scores."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

DRAWS = 10_000
_SEED = 0  # of all draws, so that the same records give the same interval

Statistic = Callable[..., np.ndarray]  # np.median or np.mean, with an ``axis``
STATISTICS: dict[Callable, Statistic] = {statistics.mean: np.mean, statistics.median: np.median}


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its interval."""

    value: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Say whether a value lies within."""
        return self.low <= value <= self.high


def over_seeds(scores: np.ndarray, statistic: Statistic, level: float = 0.95) -> Interval:
    """Return the interval of a statistic over seeds. scores: (seeds,), two or more.

    A parametric bootstrap of the studentised statistic: the quantiles of (statistic - truth) / deviation come from
    samples of a normal distribution. For a mean this is Student's interval. Resampling five scores instead would give
    95% intervals that cover the truth 83 times in 100.
    """
    low, high = _pivots(len(scores), statistic, level)
    value, deviation = float(statistic(scores)), float(np.std(scores, ddof=1))
    return Interval(value, value - high * deviation, value - low * deviation)


@lru_cache(maxsize=64)
def _pivots(count: int, statistic: Statistic, level: float) -> tuple[float, float]:
    pivots = _studentised(np.random.default_rng(_SEED), 100 * DRAWS // count, count, statistic)
    low, high = np.quantile(pivots, [(1 - level) / 2, (1 + level) / 2])
    edge = float(high - low) / 2  # the distribution is symmetric, and a sample of it only nearly so
    return -edge, edge


def _studentised(random: np.random.Generator, draws: int, count: int, statistic: Statistic) -> np.ndarray:
    """Return (draws,) statistics of ``count`` normal numbers around 0, each divided by their deviation."""
    drawn = random.standard_normal((draws, count))
    return statistic(drawn, axis=1) / drawn.std(axis=1, ddof=1)


def around(random: np.random.Generator, scores: np.ndarray, statistic: Statistic) -> np.ndarray:
    """Return what a statistic over seeds may truly be, (draws,). scores: (draws, seeds), two seeds or more.

    Of the scores in each draw one value is drawn from the distribution that ``over_seeds`` takes its interval from.
    """
    draws, count = scores.shape
    return statistic(scores, axis=1) - _studentised(random, draws, count, statistic) * scores.std(axis=1, ddof=1)


@dataclass(frozen=True)
class Difference:
    """How two methods' scores differ over shared seeds and examples: the mean with its interval, and p.

    ``p`` is that of no difference. ``error`` is the mean's standard error and ``freedom`` its degrees of freedom.
    ``effect`` is the mean divided by the deviation of one seed's difference on one example.
    """

    interval: Interval
    p: float
    error: float
    freedom: float
    effect: float


def paired(differences: np.ndarray, level: float = 0.95) -> Difference:
    """Return the mean difference of two methods with its interval and test. differences: (seeds, examples).

    Seeds and examples are both samples, and crossed: every seed answers every example. So the variance of the mean adds
    up the variances of seeds, of examples and of the rest, each divided by how many there are (a two-way analysis of
    variance with random effects), and the test is a t-test with Satterthwaite's degrees of freedom. With one seed it is
    the paired t-test over examples, which tells nothing about other seeds.
    """
    seeds, examples = differences.shape
    mean = float(differences.mean())
    of_seeds, of_examples = differences.mean(1), differences.mean(0)
    if seeds == 1:
        single = float(of_examples.var(ddof=1))
        parts = [(single / examples, examples - 1)]
    else:
        rest = differences - of_seeds[:, None] - of_examples + mean
        squares = [
            (examples * float(of_seeds.var(ddof=1)), seeds - 1, 1),
            (seeds * float(of_examples.var(ddof=1)), examples - 1, 1),
            (float((rest**2).sum()) / ((seeds - 1) * (examples - 1)), (seeds - 1) * (examples - 1), -1),
        ]
        parts = [(sign * square / (seeds * examples), freedom) for square, freedom, sign in squares]
        (by_seed, _, _), (by_example, _, _), (left, _, _) = squares
        single = max(by_seed - left, 0.0) / examples + max(by_example - left, 0.0) / seeds + left
    # By chance, the estimate may be less than one of its parts.
    variance = max(sum(part for part, _ in parts), *(part for part, _ in parts))
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts) if variance else 1.0
    if variance == 0:  # all differences are equal: a sign test over examples
        p = min(1.0, 2.0 ** (1 - examples)) if mean else 1.0
        return Difference(Interval(mean, mean, mean), p, 0.0, freedom, 0.0)
    return _tested(mean, variance**0.5, max(freedom, 1.0), mean / single**0.5, level)


def mean_of(differences: Sequence[Difference], level: float = 0.95) -> Difference:
    """Return the mean of differences on several tasks, which share no examples."""
    count = len(differences)
    variances = [(task.error / count) ** 2 for task in differences]
    variance = sum(variances)
    spread = sum(part**2 / task.freedom for part, task in zip(variances, differences, strict=True))
    mean = sum(task.interval.value for task in differences) / count
    effect = sum(task.effect for task in differences) / count
    return _tested(mean, variance**0.5, variance**2 / spread if spread else 1.0, effect, level)


def _tested(mean: float, error: float, freedom: float, effect: float, level: float) -> Difference:
    if error == 0:
        return Difference(Interval(mean, mean, mean), float(mean == 0), error, freedom, effect)
    from scipy.special import stdtr, stdtrit  # Student's t; scipy.stats, which wraps them, takes a second to import

    reach = float(stdtrit(freedom, (1 + level) / 2)) * error
    p = float(2 * stdtr(freedom, -abs(mean) / error))
    return Difference(Interval(mean, mean - reach, mean + reach), p, error, freedom, effect)


def pseudo_values(whole: float, without: np.ndarray) -> np.ndarray:
    """Return each example's part in a score, (examples,), by the jackknife; their mean is the score to first order.

    ``whole`` is the score of all examples, and ``without`` (examples,) that of all but each one. For an accuracy the
    parts are 1 for a right answer and 0 for a wrong one.
    """
    return len(without) * whole - (len(without) - 1) * without


def correlations_without_each(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of all examples but each one, (examples,). one, other: (examples,), three or more.

    It is nan where either is constant without that example.
    """
    x, y = (values - values.mean(dtype=float) for values in (one, other))

    def summed(values: np.ndarray) -> np.ndarray:
        return values.sum() - values

    count = len(x) - 1
    together = summed(x * y) - summed(x) * summed(y) / count
    alone = [summed(values**2) - summed(values) ** 2 / count for values in (x, y)]
    # What is left of a difference of two equal numbers is not exactly 0.
    least = [1e-12 * (values**2).sum() for values in (x, y)]
    constant = (alone[0] <= least[0]) | (alone[1] <= least[1])
    return np.where(constant, np.nan, together) / np.sqrt(np.where(constant, 1.0, alone[0] * alone[1]))


def mcnemar(right: np.ndarray, other: np.ndarray) -> float:
    """Return the exact p (two-sided binomial) of no difference between two runs' right answers to the same examples."""
    from scipy.stats import binomtest

    only, others = int((right & ~other).sum()), int((other & ~right).sum())
    return 1.0 if only + others == 0 else float(binomtest(only, only + others).pvalue)


def holm(p: list[float]) -> list[float]:
    """Return p-values in the order given, corrected for their number by Holm's method."""
    corrected, most = [0.0] * len(p), 0.0
    for place, index in enumerate(np.argsort(p, kind="stable")):
        most = max(most, min(1.0, (len(p) - place) * p[index]))
        corrected[index] = most
    return corrected
