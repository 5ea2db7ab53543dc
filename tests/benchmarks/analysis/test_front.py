"""Which rows are on the front of few numbers and high scores."""

from benchmarks.analysis.front import front


def test_a_point_that_another_beats_is_not_on_the_front() -> None:
    points = [(0.0, 50.0), (10.0, 60.0), (20.0, 60.0), (20.0, 70.0), (30.0, 69.0), (40.0, 71.0)]
    assert front(points) == [True, True, False, True, False, True]


def test_points_that_are_alike_do_not_beat_each_other() -> None:
    assert front([(10.0, 60.0), (10.0, 60.0)]) == [True, True]
