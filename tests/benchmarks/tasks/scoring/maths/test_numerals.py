"""Numbers as people write them."""

import pytest

from benchmarks.tasks.scoring.maths import numerals


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("3½ apples", "7/2 apples"),
        ("½ an apple", "1/2 an apple"),
        ("3 1/2", "7/2"),
        ("1,000 and 1/4", "4001/4"),
        (r"2\frac{3}{4}", "11/4"),
        ("\u22125", "-5"),
        ("about \u20135", "about -5"),
        ("3\u20135", "3\u20135"),
        ("$10/hour", "$10/hour"),
    ],
)
def test_a_number_is_read_as_it_is_meant(written: str, read: str) -> None:
    assert numerals.plain(written) == read
