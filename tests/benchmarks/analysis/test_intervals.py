"""Intervals that cover what they say, tests that err as often as they say; against scipy and simulated truths."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.analysis import intervals

RUNS = 1000


@pytest.mark.parametrize("statistic", [np.mean, np.median])
@pytest.mark.parametrize("seeds", [3, 5])
def test_an_interval_over_seeds_covers_the_truth(seeds: int, statistic) -> None:
    random = np.random.default_rng(1)
    made = [intervals.over_seeds(random.normal(70.0, 0.7, seeds), statistic) for _ in range(RUNS)]
    assert 930 <= sum(interval.holds(70.0) for interval in made) <= 970


def test_of_a_mean_it_is_students() -> None:
    scores = np.array([86.6, 87.1, 85.9, 86.4, 87.7])
    own = intervals.over_seeds(scores, np.mean)
    low, high = stats.t.interval(0.95, 4, scores.mean(), stats.sem(scores))
    assert (own.low, own.high) == (pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.02))
    assert own.value == scores.mean()


def test_the_variance_of_crossed_seeds_and_examples_is_that_of_sums_of_squares() -> None:
    """The same two-way analysis from sums of squares over the grand, row and column totals."""
    table = np.array([[1.0, 0.0, 2.0, 1.0, 5.0], [0.0, 0.0, 1.0, 3.0, 4.0], [2.0, -1.0, 1.0, 1.0, 6.0]])
    seeds, examples = table.shape
    grand = table.sum() ** 2 / table.size
    by_seed = (table.sum(1) ** 2).sum() / examples - grand
    by_example = (table.sum(0) ** 2).sum() / seeds - grand
    rest = (table**2).sum() - grand - by_seed - by_example
    a, b, c = by_seed / (seeds - 1), by_example / (examples - 1), rest / ((seeds - 1) * (examples - 1))
    variance = max((a + b - c) / table.size, a / table.size, b / table.size)
    parts = [(a, seeds - 1), (b, examples - 1), (c, (seeds - 1) * (examples - 1))]
    freedom = variance**2 / sum((square / table.size) ** 2 / degrees for square, degrees in parts)
    one = max(a - c, 0) / examples + max(b - c, 0) / seeds + c
    own = intervals.paired(table)
    assert own.error == pytest.approx(variance**0.5)
    assert own.freedom == pytest.approx(freedom)
    assert own.effect == pytest.approx(table.mean() / one**0.5)
    assert own.p == pytest.approx(2 * stats.t.sf(table.mean() / variance**0.5, freedom))
    assert own.interval.high - own.interval.value == pytest.approx(stats.t.ppf(0.975, freedom) * variance**0.5)


def test_differences_without_any_error_are_certain() -> None:
    sure = intervals.Difference(intervals.Interval(0.5, 0.5, 0.5), 0.0, 0.0, 1.0, 0.0)
    none = intervals.Difference(intervals.Interval(0.0, 0.0, 0.0), 1.0, 0.0, 1.0, 0.0)
    assert intervals.mean_of([sure, sure]).p == 0.0
    assert intervals.mean_of([none, none]).p == 1.0
    assert intervals.mean_of([sure, none]).interval == intervals.Interval(0.25, 0.25, 0.25)


def simulated(random: np.random.Generator, effect: float, seeds: int = 5, examples: int = 277) -> np.ndarray:
    """Return differences of two methods whose seeds differ as a whole, as fine-tuned models' do."""
    hard = random.normal(0, 0.3, examples)
    shift = random.normal(0, 0.02, (2, seeds, 1))
    rights = [random.random((seeds, examples)) < np.clip(0.7 + hard + own, 0, 1) for own in shift]
    return rights[0].astype(float) - rights[1] + effect


@pytest.mark.parametrize("seeds", [3, 5])
def test_no_difference_is_rarely_called_one(seeds: int) -> None:
    random = np.random.default_rng(3)
    called = sum(intervals.paired(simulated(random, 0.0, seeds)).p < 0.05 for _ in range(RUNS))
    assert called <= 70
    assert called >= 10  # and the test is no stone


def test_a_difference_is_found_and_its_interval_covers_it() -> None:
    random = np.random.default_rng(4)
    made = [intervals.paired(simulated(random, 0.08)) for _ in range(RUNS)]
    assert sum(own.p < 0.05 for own in made) > 800
    assert 930 <= sum(own.interval.holds(0.08) for own in made) <= 985
    assert all((own.p < 0.05) == (not own.interval.holds(0.0)) for own in made)
    assert all(own.effect > 0 for own in made if own.interval.value > 0)


def test_of_one_seed_it_is_the_paired_t_test() -> None:
    random = np.random.default_rng(5)
    one, other = random.normal(0.2, 1, (2, 60))
    own = intervals.paired((one - other)[None])
    assert own.p == pytest.approx(stats.ttest_rel(one, other).pvalue)
    assert own.interval.value == pytest.approx((one - other).mean())


def test_no_difference_on_several_tasks_is_rarely_called_one() -> None:
    random = np.random.default_rng(8)
    called = 0
    for _ in range(RUNS):
        tasks = [intervals.paired(simulated(random, 0.0, 3, examples)) for examples in (100, 277)]
        called += intervals.mean_of(tasks).p < 0.05
    assert 10 <= called <= 70


def test_the_same_answers_are_no_difference() -> None:
    own = intervals.paired(np.zeros((3, 50)))
    assert (own.p, own.effect, own.interval.low, own.interval.high) == (1.0, 0.0, 0.0, 0.0)


def test_pseudo_values_of_an_accuracy_are_the_right_answers() -> None:
    right = np.random.default_rng(6).random(50) < 0.6
    values = intervals.pseudo_values(right.mean(), np.array([np.delete(right, row).mean() for row in range(50)]))
    np.testing.assert_allclose(values, right, atol=1e-9)


def test_pseudo_values_of_a_correlation_average_to_it() -> None:
    random = np.random.default_rng(7)
    x = random.normal(size=200)
    y = x + random.normal(size=200)
    without = [stats.pearsonr(np.delete(x, row), np.delete(y, row)).statistic for row in range(200)]
    np.testing.assert_allclose(intervals.correlations_without_each(x, y), without, rtol=1e-12)
    values = intervals.pseudo_values(stats.pearsonr(x, y).statistic, np.array(without))
    assert values.mean() == pytest.approx(stats.pearsonr(x, y).statistic, abs=0.01)
    error = values.std(ddof=1) / 200**0.5
    assert error == pytest.approx((1 - values.mean() ** 2) / 200**0.5, rel=0.35)  # as theory has it for normals


def test_a_correlation_without_one_example_is_nan_where_the_rest_is_constant() -> None:
    one, other = np.array([0.1, 0.1, 0.7, 0.1]), np.array([1.0, 2.0, 3.0, 5.0])
    assert np.isnan(intervals.correlations_without_each(one, other)).tolist() == [False, False, True, False]
    assert np.isnan(intervals.correlations_without_each(np.full(4, 0.1), other)).all()
    assert np.isnan(intervals.correlations_without_each(other, np.full(4, 0.5))).all()


@pytest.mark.parametrize("statistic", [np.mean, np.median])
def test_draws_around_seeds_have_the_interval_over_seeds(statistic: intervals.Statistic) -> None:
    scores = np.array([0.5, 0.8, 0.6])
    drawn = intervals.around(np.random.default_rng(1), np.tile(scores, (400_000, 1)), statistic)
    known = intervals.over_seeds(scores, statistic)
    assert np.quantile(drawn, [0.025, 0.975]) == pytest.approx([known.low, known.high], rel=0.03)


def test_mcnemar_is_the_exact_binomial_test() -> None:
    right = np.array([True] * 14 + [False] * 5 + [True] * 20)
    other = np.array([False] * 14 + [True] * 5 + [True] * 20)
    assert intervals.mcnemar(right, other) == pytest.approx(stats.binomtest(14, 19).pvalue)
    assert intervals.mcnemar(right, right) == 1.0


def test_holms_correction() -> None:
    assert intervals.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert intervals.holm([0.5, 0.9]) == [1.0, 1.0]
    assert intervals.holm([]) == []


@pytest.mark.parametrize(("seeds", "examples"), [(1, 400), (3, 400), (20, 400), (5, 4000)])
def test_an_effect_is_in_units_of_one_cell_however_many_there_are(seeds: int, examples: int) -> None:
    random = np.random.default_rng(9)
    found = [
        intervals.paired(
            0.1
            + random.normal(0, 0.02, (seeds, 1))
            + random.normal(0, 0.3, examples)
            + random.normal(0, 0.3, (seeds, examples))
        ).effect
        for _ in range(60)
    ]
    assert np.mean(found) == pytest.approx(0.1 / (0.02**2 + 2 * 0.3**2) ** 0.5, rel=0.15)


def test_few_examples_that_all_differ_alike_are_no_proof() -> None:
    assert intervals.paired(np.ones((1, 2))).p == 0.5
    assert intervals.paired(np.ones((1, 20))).p < 1e-5


def seeds_of(kind: str, random: np.random.Generator, count: int) -> tuple[np.ndarray, float, float]:
    """Return scores of some seeds with the true mean and median of their distribution, in the unit of a table."""
    if kind == "collapsing":  # one seed in ten answers one class alone
        return np.where(random.random(count) < 0.1, 68.4, random.normal(85, 0.5, count)), 83.34, 84.93
    if kind == "skewed":
        return 85 - random.gamma(2, 0.5, count), 84.0, 84.161
    scores = random.normal(85, 0.5, count)
    return (scores.round(1) if kind == "rounded" else scores), 85.0, 85.0


@pytest.mark.parametrize("kind", ["normal", "rounded", "skewed"])
@pytest.mark.parametrize("count", [3, 5])
def test_the_interval_of_a_mean_or_a_median_covers_the_truth(kind: str, count: int) -> None:
    random, of_mean, of_median = np.random.default_rng(11), 0, 0
    for _ in range(2000):
        scores, mean, median = seeds_of(kind, random, count)
        of_mean += intervals.over_seeds(scores, np.mean).holds(mean)
        of_median += intervals.over_seeds(scores, np.median).holds(median)
    assert 0.88 < of_mean / 2000 < 0.975 and 0.90 < of_median / 2000 < 0.985


@pytest.mark.parametrize("count", [3, 5])
def test_with_seeds_that_collapse_it_covers_the_median_and_not_the_mean(count: int) -> None:
    """What every table with a collapsed run says of itself."""
    random, of_mean, of_median = np.random.default_rng(12), 0, 0
    for _ in range(2000):
        scores, mean, median = seeds_of("collapsing", random, count)
        of_mean += intervals.over_seeds(scores, np.mean).holds(mean)
        of_median += intervals.over_seeds(scores, np.median).holds(median)
    assert of_mean / 2000 < 0.5 and of_median / 2000 > 0.93


@pytest.mark.parametrize(("seeds", "least", "most"), [(1, 0.08, 0.25), (3, 0.0, 0.06), (5, 0.0, 0.065)])
def test_one_seed_each_tells_methods_apart_that_are_alike(seeds: int, least: float, most: float) -> None:
    """Two methods alike, each seed with an accuracy of its own: 0.85 with a deviation of 0.01, on 400 rows."""
    random, called = np.random.default_rng(13), 0
    for _ in range(1000):
        hard = random.normal(0, 1, 400)  # rows are as hard for one as for the other
        answers = [hard < random.normal(1.04, 0.045, (seeds, 1)) + random.normal(0, 0.3, (seeds, 400)) for _ in "ab"]
        called += intervals.paired(answers[0].astype(float) - answers[1]).p < 0.05
    assert least <= called / 1000 < most
