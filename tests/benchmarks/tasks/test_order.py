"""An epoch's batches: all rows once, of about one length at a time, in an order that the seed decides."""

import numpy as np
import pytest

from benchmarks.tasks import order

LENGTHS = np.random.default_rng(0).integers(5, 100, 1003)


@pytest.mark.parametrize("size", [1, 8, 32, 5000])
def test_an_epoch_is_a_permutation_of_all_rows(size: int) -> None:
    for seed, epoch in ((0, 0), (0, 1), (7, 0)):
        batches = order.batches(LENGTHS, size, seed, epoch)
        assert len(batches) == -(-len(LENGTHS) // size)
        assert sorted(np.concatenate(batches)) == list(range(len(LENGTHS)))
        assert max(map(len, batches)) <= size


def test_orders_differ_by_seed_and_by_epoch_and_are_the_same_twice() -> None:
    def flat(seed: int, epoch: int) -> list[int]:
        return np.concatenate(order.batches(LENGTHS, 32, seed, epoch)).tolist()

    assert flat(0, 0) == flat(0, 0)
    for other in (flat(1, 0), flat(0, 1), flat(1, 1)):
        # Rows are sorted by length within a pool, so about ten of one length share ten places.
        assert sum(a == b for a, b in zip(flat(0, 0), other, strict=True)) < len(LENGTHS) / 5


def padding(batches: list[np.ndarray]) -> int:
    return sum(int(LENGTHS[rows].max() * len(rows) - LENGTHS[rows].sum()) for rows in batches)


def test_batches_hold_rows_of_about_one_length() -> None:
    shuffled = np.random.default_rng(1).permutation(len(LENGTHS))
    at_random = [shuffled[i : i + 32] for i in range(0, len(shuffled), 32)]
    assert padding(order.batches(LENGTHS, 32, 0, 0)) < padding(at_random) / 10
    # But not in the order of their lengths.
    means = [LENGTHS[rows].mean() for rows in order.batches(LENGTHS, 32, 0, 0)]
    assert abs(np.corrcoef(means, range(len(means)))[0, 1]) < 0.6


def test_the_runs_of_a_group_hold_batches_of_one_size_and_about_one_length_at_a_time() -> None:
    first, second = (order.batches(LENGTHS, 32, seed, 3) for seed in (0, 1))
    assert [len(rows) for rows in first] == [len(rows) for rows in second]
    gap = np.array([LENGTHS[a].mean() - LENGTHS[b].mean() for a, b in zip(first, second, strict=True)])
    assert np.abs(gap).max() < 10  # of lengths from 5 to 99
