"""The learning rates that a job tries: those that its grid names, or factors on those that its method has."""

import itertools
import math
from typing import Any

from benchmarks import checks
from benchmarks.errors import SuiteError
from benchmarks.tasks.base import Task
from benchmarks.training.settings import JobSettings, Point
from methods.base import Method

_DIGITS = 12  # of a scaled rate, so that it is one number whatever the last bits of a product are


def points_of(settings: JobSettings, task: Task, method: Method) -> list[Point]:
    """Return the points of a job's ``grid`` or ``tune.grid``; where it has neither, the job as it is written.

    Raises SuiteError for rates or factors that cannot be tried.
    """
    points = settings.points if settings.tune is None else _multiplied(settings, task, method)
    for point in points:
        check_rates(point.method, point.label or "method")
    return points


def check_rates(method: dict[str, Any], where: str) -> None:
    """Raise SuiteError where a method's settings have a learning rate that is not one."""
    for rate in [*_parts(method.get("lr")), method.get("lr_head")]:  # which are not there where they are null
        if not (checks.is_number(rate, float) and 0 <= rate < math.inf):
            raise SuiteError(f"{where}: a learning rate must be a finite number of at least 0, got {rate}")


def _multiplied(settings: JobSettings, task: Task, method: Method) -> list[Point]:
    written, name = settings.method, settings.method["name"]
    check_rates(written, "tune.grid")
    # A rate that moves nothing would give runs that are one run by other names.
    adapter = any(_parts(written["lr"])) and (method.adapts_sites or method.trains_backbone)
    moves = {"lr": adapter, "lr_head": written["lr_head"] > 0 and method.trains_head and task.has_head}
    if not any(moves.values()):
        raise SuiteError(f"method={name} has no learning rate on {task.name}: leave tune.grid out")
    for key, factors in settings.tune.items():
        _check_factors(key, factors)
        if not moves[key]:
            (other,) = moves.keys() - {key}
            raise SuiteError(
                f"tune.grid has {key}, but method={name} trains nothing at that rate on {task.name}: tune {other} alone"
            )
    return [
        _at(written, dict(zip(settings.tune, factors, strict=True)))
        for factors in itertools.product(*settings.tune.values())
    ]


def _at(method: dict[str, Any], factors: dict[str, float]) -> Point:
    if all(factor == 1 for factor in factors.values()):
        return Point(method=method)
    factors = {"lr": 1.0, "lr_head": 1.0} | factors
    return Point(method=method | {key: scaled(method[key], factor) for key, factor in factors.items()}, factors=factors)


def _check_factors(key: str, factors: Any) -> None:
    example = "say tune.grid={lr:[0.3,1,3],lr_head:[0.3,1,3]}"
    if key not in ("lr", "lr_head"):
        raise SuiteError(f"tune.grid may hold lr and lr_head alone, got {key}: {example}")
    if not isinstance(factors, list):
        raise SuiteError(f"tune.grid: {key} must be a list of factors, got {factors}: {example}")
    for factor in factors:
        if not (checks.is_number(factor, float) and 0 < factor < math.inf):
            raise SuiteError(f"tune.grid: a factor of {key} must be a finite number above 0, got {factor}")
    for factor in factors:
        if factors.count(factor) > 1:
            raise SuiteError(f"tune.grid: {key} has the factor {factor} twice: give each factor once")
    if 1 not in factors:
        raise SuiteError(
            f"tune.grid: the factors of {key} must include 1, the default that a tuned score stands beside, "
            f"got {factors}"
        )


def scaled(rate: float | dict[str, float], factor: float) -> float | dict[str, float]:
    """Return a learning rate, or each kind's, times a factor; a factor of 1 leaves it as it is written."""
    if isinstance(rate, dict):
        return {kind: scaled(part, factor) for kind, part in rate.items()}
    return rate if factor == 1 else float(f"{rate * factor:.{_DIGITS}g}")


def _parts(rate: Any) -> list[Any]:
    return list(rate.values()) if isinstance(rate, dict) else [rate]
