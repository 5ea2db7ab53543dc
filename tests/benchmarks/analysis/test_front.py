"""Which rows are on the front of few bytes and high scores, and how likely they are to be there."""

from pathlib import Path

import numpy as np
import pytest
from support.answers import LABELS, ROWS, leave
from support.record_factory import make_record, save

from benchmarks.analysis import front, sheets


def test_a_point_that_another_beats_is_not_on_the_front() -> None:
    points = [(0.0, 50.0), (10.0, 60.0), (20.0, 60.0), (20.0, 70.0), (30.0, 69.0), (40.0, 71.0)]
    assert front.front(points) == [True, True, False, True, False, True]


def test_points_that_are_alike_do_not_beat_each_other() -> None:
    assert front.front([(10.0, 60.0), (10.0, 60.0)]) == [True, True]
    assert front.front([]) == []


def standing(root: Path, **scores: list[float]) -> front.Front:
    """Return how rows of these bytes ("b10") and held-out scores by seed stand."""
    for name, by_seed in scores.items():
        size = int(name.removeprefix("b"))
        save(root, *(make_record(method=name, seed=n, best=s, adapter_bytes=size) for n, s in enumerate(by_seed)))
    (sheet,) = sheets.sheets_of(sheets.load(root))
    return front.of_sheet(sheet, root)


def test_a_row_that_is_better_by_far_is_on_the_front_for_sure(tmp_path: Path) -> None:
    made = standing(tmp_path, b10=[0.5, 0.501, 0.502], b20=[0.8, 0.801, 0.802], b30=[0.6, 0.601, 0.602])
    assert made.samples == "seeds"
    assert [(each.stored, each.on) for each in made.standings] == [(10, True), (20, True), (30, False)]
    assert [each.chance for each in made.standings] == [1.0, 1.0, 0.0]


def test_of_two_rows_that_score_alike_the_larger_is_on_the_front_half_of_the_time(tmp_path: Path) -> None:
    small, large = standing(tmp_path, b10=[0.5, 0.6, 0.7], b20=[0.5, 0.6, 0.7]).standings
    assert small.chance == 1.0
    assert large.chance == pytest.approx(0.5, abs=0.04)  # three deviations of 2,000 draws


def test_the_chance_of_a_difference_is_that_of_its_distribution(tmp_path: Path) -> None:
    """Of many seeds, whose average is as good as normal: 0.01 apart, each with an error of 0.01 / sqrt(2)."""
    scores = np.random.default_rng(0).normal(size=400)
    scores = (scores - np.mean(scores)) / np.std(scores, ddof=1) * 0.01 * (400 / 2 / (np.pi / 2)) ** 0.5
    scores -= np.median(scores)
    _, large = standing(tmp_path, b10=list(0.5 + scores), b20=list(0.51 + scores)).standings
    assert large.chance == pytest.approx(0.8413, abs=0.04)  # that a normal number is above -1


def test_one_seed_has_no_chance(tmp_path: Path) -> None:
    made = standing(tmp_path, b10=[0.5], b20=[0.6, 0.7])
    assert made.samples == "" and [each.chance for each in made.standings] == [None, None]


def test_rows_of_dev_are_a_sample_too_and_shared_by_all(tmp_path: Path) -> None:
    """Two methods that differ on few rows of dev, alike for every seed: only the rows of dev make it uncertain."""
    wrong = np.where(np.arange(ROWS) < 40, 1 - LABELS, LABELS)
    fewer = np.where((np.arange(ROWS) >= 2) & (np.arange(ROWS) < 40), 1 - LABELS, LABELS)
    leave(tmp_path, "a", [wrong] * 3, adapter_bytes=10)
    leave(tmp_path, "b", [fewer] * 3, adapter_bytes=20)
    (sheet,) = sheets.sheets_of(sheets.load(tmp_path))
    made = front.of_sheet(sheet, tmp_path)
    assert made.samples == "seeds and rows of dev"
    # b is on it unless neither of the 2 rows is drawn.
    assert made.standings[1].chance == pytest.approx(1 - (1 - 2 / ROWS) ** ROWS, abs=0.03)
