"""Formulas of counts are arithmetic on names, and nothing else."""

import pytest

from methods import formulas
from methods.errors import MethodError

NAMES = {"rank": 2, "maps": 2, "sides": 28, "outputs": 14, "hidden": 6}


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("rank * sides", 2 * 28),
        ("rank ** 2 * maps", 8),
        ("2 * rank * hidden + outputs", 2 * 2 * 6 + 14),
        ("-(rank - 3) / 4", 0.25),
        ("maps * (1 / 4 if hidden <= 256 else 1)", 0.5),
        ("maps * (1 / 4 if hidden > 256 else 1)", 2),
    ],
)
def test_a_formula_is_arithmetic(formula: str, value: float) -> None:
    assert formulas.value(formula, NAMES) == value


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("rang * sides", "rang is neither arithmetic nor one of rank, maps, sides, outputs, hidden"),
        ("__import__('os').getpid()", "__import__('os').getpid() is neither"),
        ("rank.bit_length", "rank.bit_length is neither"),
        ("().__class__.__base__.__subclasses__()", "is neither"),
        ("[rank for rank in (1,)][0]", "is neither"),
        ("'a' * rank", "'a' is neither"),
        ("rank % 2", "rank % 2 is neither"),
        ("1 < rank < 3", "1 < rank < 3 is neither"),
        ("rank / 0", "division by zero"),
        ("9 ** 9 ** 9 ** 9", "math range error"),
        ("rank *", "invalid syntax"),
        ("", "invalid syntax"),
    ],
)
def test_a_formula_of_anything_else_is_one_line(formula: str, reason: str) -> None:
    with pytest.raises(MethodError) as raised:
        formulas.value(formula, NAMES)
    line = str(raised.value)
    assert line.startswith(f"the formula {formula} has no value: ")
    assert reason in line
    assert "\n" not in line
