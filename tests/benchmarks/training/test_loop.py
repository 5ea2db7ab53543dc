"""What an epoch's order is, how dev is halved, and which epoch counts."""

from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from support import tiny

from benchmarks.records.schema import Epoch
from benchmarks.records.selection import summarise
from benchmarks.tasks import order
from benchmarks.tasks import rows as data
from benchmarks.tasks.build import build

LENGTHS = np.random.default_rng(0).integers(5, 100, 1003)


def history(*epochs: tuple[float, float, float]) -> list[Epoch]:
    return [
        Epoch(epoch=number, train_loss=0.5, scores={"other": 1 - score, "primary": score}, halves=(first, second))
        for number, (score, first, second) in enumerate(epochs, 1)
    ]


def test_best_is_the_highest_and_last_the_last() -> None:
    scores = summarise(history((0.5, 0.5, 0.5), (0.8, 0.8, 0.8), (0.6, 0.6, 0.6)), "primary")
    assert (scores.primary, scores.best, scores.best_epoch, scores.last) == ("primary", 0.8, 2, 0.6)


def test_of_epochs_that_tie_the_earliest_is_best() -> None:
    scores = summarise(history((0.1, 0, 0), (0.7, 0, 0), (0.7, 0, 0)), "primary")
    assert (scores.best_epoch, scores.last) == (2, 0.7)


def test_held_out_chooses_on_one_half_and_scores_the_other_both_ways() -> None:
    # The first half chooses epoch 2, where the second has 0.3; the second chooses epoch 3, where the first has 0.2.
    scores = summarise(history((0.5, 0.4, 0.5), (0.6, 0.9, 0.3), (0.5, 0.2, 0.8)), "primary")
    assert scores.held_out == pytest.approx((0.3 + 0.2) / 2)
    assert scores.best == 0.6


def test_held_out_takes_the_earliest_of_ties_too() -> None:
    scores = summarise(history((0.5, 0.6, 0.1), (0.5, 0.6, 0.9), (0.5, 0.0, 0.9)), "primary")
    assert scores.held_out == pytest.approx((0.1 + 0.6) / 2)


def test_a_negative_score_can_be_the_best() -> None:
    assert summarise(history((-0.5, -0.5, -0.5), (-0.2, -0.3, -0.1)), "primary").best == -0.2


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


@pytest.mark.usefixtures("own_datasets_cache")
def test_halves_are_fixed_by_the_row_alone(glue: Path, tmp_path: Path) -> None:
    config = tiny.compose(tiny.job("head", tmp_path, "embedded", tmp_path))
    task = build(OmegaConf.to_container(config.task, resolve=True))
    rows = data.load(task, "embedded", tmp_path).splits["validation"]
    halves = data.halves(task, rows)
    assert set(halves.tolist()) == {0, 1}
    assert 0.4 < halves.mean() < 0.6
    order = np.random.default_rng(0).permutation(len(rows))
    assert data.halves(task, rows.select(order)).tolist() == halves[order].tolist()
    other = data.load(task, str(glue), tmp_path).splits["validation"]
    assert data.halves(task, other).tolist() == halves[: len(other)].tolist()
