"""Checks of single values; settings that belong together are read by ``typed``."""

from typing import Any

from benchmarks.errors import SuiteError


def whole(setting: str, value: Any, least: int) -> None:
    """Raise SuiteError unless a setting's value is a whole number of at least ``least``."""
    if not (is_number(value, int) and value >= least):
        raise SuiteError(f"{setting} must be a whole number of at least {least}, got {value}")


def is_number(value: Any, kind: type) -> bool:
    """Say whether a value is a whole number or, if ``kind`` is float, any number; true and false are not numbers."""
    return not isinstance(value, bool) and isinstance(value, int | kind)
