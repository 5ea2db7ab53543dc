"""Intervals of a score over seeds or over examples, and paired tests of two methods' scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

DRAWS = 10_000
_SEED = 0  # of every draw, so that the same records give the same interval

Statistic = Callable[..., np.ndarray]  # np.median or np.mean, with an ``axis``


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
    """Return the interval of a statistic of as many seeds. scores: (seeds,), two or more.

    A parametric bootstrap of the studentised statistic: samples of a normal have the quantiles of (statistic - truth) /
    deviation. Resampling five scores themselves would cover the truth 83 times in 100 where it says 95; for a mean this
    is Student's interval.
    """
    low, high = _pivots(len(scores), statistic, level)
    value, deviation = float(statistic(scores)), float(np.std(scores, ddof=1))
    return Interval(value, value - high * deviation, value - low * deviation)


@lru_cache(maxsize=64)
def _pivots(count: int, statistic: Statistic, level: float) -> tuple[float, float]:
    drawn = np.random.default_rng(_SEED).standard_normal((100 * DRAWS // count, count))
    pivots = statistic(drawn, axis=1) / drawn.std(axis=1, ddof=1)
    low, high = np.quantile(pivots, [(1 - level) / 2, (1 + level) / 2])
    edge = float(high - low) / 2  # the truth is symmetric, and a draw of it is not quite
    return -edge, edge


def over_examples(metric: Callable[[np.ndarray], float], examples: int, level: float = 0.95) -> Interval:
    """Return the interval of one run's score by resampling examples; ``metric(rows)`` scores those rows of it."""
    random = np.random.default_rng(_SEED)
    values = [metric(random.integers(0, examples, examples)) for _ in range(DRAWS // 10)]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(metric(np.arange(examples)), float(low), float(high))


@dataclass(frozen=True)
class Difference:
    """How two methods' scores differ over shared seeds and examples: the mean, its interval, p of no difference.

    ``error`` is the mean's standard error and ``freedom`` its degrees of freedom. ``effect`` is the mean in units of
    the deviation of one seed's difference on one example.
    """

    interval: Interval
    p: float
    error: float
    freedom: float
    effect: float


def paired(differences: np.ndarray, level: float = 0.95) -> Difference:
    """Return the difference of two methods from each shared seed's and example's. differences: (seeds, examples).

    Both are drawn from more of their kind, and crossed: every seed answers every example. The variance of the mean is
    therefore the seeds', the examples' and the rest's, each over its own number (a two-way analysis of variance with
    random effects), and the test is a t-test with Satterthwaite's degrees of freedom. With one seed it is the paired
    t-test over examples, which says nothing of other seeds.
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
    # An estimate of a variance may fall below what a part alone allows, by chance.
    variance = max(sum(part for part, _ in parts), *(part for part, _ in parts))
    freedom = variance**2 / sum(part**2 / own for part, own in parts) if variance else 1.0
    if variance == 0:  # all alike: a sign test of the examples, each of which may have gone either way
        p = min(1.0, 2.0 ** (1 - examples)) if mean else 1.0
        return Difference(Interval(mean, mean, mean), p, 0.0, freedom, 0.0)
    return _tested(mean, variance**0.5, max(freedom, 1.0), mean / single**0.5, level)


def mean_of(differences: Sequence[Difference], level: float = 0.95) -> Difference:
    """Return the mean of differences on several tasks, whose examples are not shared."""
    count = len(differences)
    variances = [(own.error / count) ** 2 for own in differences]
    variance = sum(variances)
    spread = sum(part**2 / own.freedom for part, own in zip(variances, differences, strict=True))
    mean, effect = (
        sum(values) / count
        for values in ([own.interval.value for own in differences], [own.effect for own in differences])
    )
    return _tested(mean, variance**0.5, variance**2 / spread if spread else 1.0, effect, level)


def _tested(mean: float, error: float, freedom: float, effect: float, level: float) -> Difference:
    if error == 0:
        return Difference(Interval(mean, mean, mean), float(mean == 0), error, freedom, effect)
    reach = float(stats.t.ppf((1 + level) / 2, freedom)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, freedom))
    return Difference(Interval(mean, mean - reach, mean + reach), p, error, freedom, effect)


def pseudo_values(metric: Callable[[np.ndarray], float], examples: int) -> np.ndarray:
    """Return each example's part in a score, (examples,): the jackknife's, whose mean is the score to first order.

    Of an accuracy they are the ones and zeros themselves.
    """
    rows = np.arange(examples)
    whole = metric(rows)
    without = np.array([metric(np.delete(rows, row)) for row in rows])
    return examples * whole - (examples - 1) * without


def mcnemar(right: np.ndarray, other: np.ndarray) -> float:
    """Return p of no difference between two runs' right answers to the same examples, exactly (two-sided binomial)."""
    only, others = int((right & ~other).sum()), int((other & ~right).sum())
    return 1.0 if only + others == 0 else float(stats.binomtest(only, only + others).pvalue)


def holm(p: list[float]) -> list[float]:
    """Return p-values corrected for their number, as Holm does it: in their order, none above 1."""
    corrected, most = [0.0] * len(p), 0.0
    for place, index in enumerate(np.argsort(p, kind="stable")):
        most = max(most, min(1.0, (len(p) - place) * p[index]))
        corrected[index] = most
    return corrected
