"""The Pareto front: which of several methods no other one beats with as few numbers."""

from collections.abc import Sequence


def front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Say of each point, (what it stores, its score), whether it is on the front.

    It is where no other point stores as little or less and scores as high or higher, and differs in one of the two.
    """
    return [not any(_beats(other, point) for other in points) for point in points]


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one != other and one[0] <= other[0] and one[1] >= other[1]
