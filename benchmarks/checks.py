"""Checks of settings that a person may have mistyped: each raises SuiteError with what would be right."""

from typing import Any

from benchmarks.errors import SuiteError


def whole(setting: str, value: Any, least: int, null: bool = False) -> None:
    """Check a whole number of at least ``least``; ``null`` allows None too."""
    if (value is None and null) or (is_number(value, int) and value >= least):
        return
    raise SuiteError(f"{setting}={value} is no whole number of {least} or more{', or null' if null else ''}")


def number(
    setting: str, value: Any, least: float | None = None, below: float | None = None, null: bool = False
) -> None:
    """Check a number of at least ``least`` and under ``below``; ``null`` allows None too."""
    inside = is_number(value, float) and (least is None or value >= least) and (below is None or value < below)
    if inside or (value is None and null):
        return
    bounds = [f"{least} or more"] if least is not None else []
    bounds += [f"less than {below}"] if below is not None else []
    limits = f" of {', '.join(bounds)}" if bounds else ""
    raise SuiteError(f"{setting}={value} is no number{limits}{', or null' if null else ''}")


def is_number(value: Any, kind: type) -> bool:
    """Say whether a value is a whole number, or with ``kind`` float any number; yes and no are none."""
    return not isinstance(value, bool) and isinstance(value, int | kind)
