"""Which epoch of a run counts."""

import pytest

from benchmarks.records.schema import Epoch
from benchmarks.records.selection import summarise


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
