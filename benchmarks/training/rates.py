"""What the runs of a group differ in beside the seed: learning rates by name, or factors on those that a method has."""

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig, OmegaConf

from benchmarks import checks
from benchmarks.errors import SuiteError
from benchmarks.tasks.base import Task
from methods.base import Method

_RATES = ("method.lr", "method.lr_head")
_EXAMPLE = "say tune.grid={lr:[0.3,1,3],lr_head:[0.3,1,3]}"
_DIGITS = 12  # of a scaled rate, so that it is one number whatever the last bits of a product are


@dataclass(frozen=True)
class Point:
    """Settings by dotted key that stand in the place of the job's own.

    ``factors`` are there where the point is a configuration of a tuning and not the default one: by what its learning
    rates are the default ones multiplied.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    factors: dict[str, float] | None = None


def points_of(config: DictConfig, task: Task, method: Method) -> list[Point]:
    """Return the points of a job's ``grid`` or ``tune.grid``; where it has neither, the job as it is.

    Raises SuiteError for what cannot be tried.
    """
    if not OmegaConf.is_dict(config.tune):
        raise SuiteError(f"tune={config.tune} has no grid: {_EXAMPLE}")
    if config.tune.grid is None:
        return _named(config)
    if config.grid:
        raise SuiteError("grid and tune.grid are both given: grid names rates and tune.grid multiplies them; null one")
    return _multiplied(config, task, method)


def check_rates(method: dict[str, Any], where: str) -> None:
    """Raise SuiteError where a method's settings have a learning rate that is none."""
    for rate in [*_parts(method.get("lr")), method.get("lr_head")]:  # which are not there where they are null
        if not (checks.is_number(rate, float) and rate >= 0):
            raise SuiteError(f"{where}: the learning rate {rate} is no number of 0 or more")


def _named(config: DictConfig) -> list[Point]:
    if config.grid and not OmegaConf.is_dict(config.grid):
        raise SuiteError(f"grid={config.grid} names no rates: say grid={{method.lr:[1e-3,3e-3]}}")
    grid = OmegaConf.to_container(config.grid, resolve=True) if config.grid else {}
    for key, values in grid.items():
        if not any(key == rate or key.startswith(f"{rate}.") for rate in _RATES):
            raise SuiteError(
                f"grid has {key}: the runs of a group differ in {' and '.join(_RATES)} alone; sweep others"
            )
        if OmegaConf.select(config, key) is None:
            raise SuiteError(f"grid has {key}, which is no setting of {config.method.name}")
        if not isinstance(values, list):
            raise SuiteError(f"grid has {key}: {values}, which is no list: say grid={{{key}:[1e-3,3e-3]}}")
    return [Point(settings) for settings in _product(grid)]


def _multiplied(config: DictConfig, task: Task, method: Method) -> list[Point]:
    grid = OmegaConf.to_container(config.tune.grid, resolve=True) if OmegaConf.is_dict(config.tune.grid) else {}
    if not grid:
        raise SuiteError(f"tune.grid={config.tune.grid} multiplies no rates: {_EXAMPLE}")
    own = OmegaConf.to_container(config.method, resolve=True)
    check_rates(own, "tune.grid")
    # A rate that moves nothing would give runs that are one run by other names.
    adapter = any(_parts(own["lr"])) and (method.adapts_sites or method.trains_backbone)
    moves = {"lr": adapter, "lr_head": own["lr_head"] > 0 and method.trains_head and task.has_head}
    if not any(moves.values()):
        raise SuiteError(f"method={own['name']} has no learning rate on {task.name}: leave tune.grid out")
    for key, factors in grid.items():
        _check_factors(key, factors)
        if not moves[key]:
            (other,) = moves.keys() - {key}
            raise SuiteError(
                f"tune.grid has {key}, at which method={own['name']} trains nothing on {task.name}: "
                f"leave it out and tune {other}"
            )
    return [_at(own, factors) for factors in _product(grid)]


def _at(own: dict[str, Any], factors: dict[str, float]) -> Point:
    if all(factor == 1 for factor in factors.values()):
        return Point()
    factors = {"lr": 1.0, "lr_head": 1.0} | factors
    # Both are written down, since a recipe may have one follow the other.
    return Point({f"method.{key}": scaled(own[key], factor) for key, factor in factors.items()}, factors)


def _check_factors(key: str, factors: Any) -> None:
    if key not in ("lr", "lr_head"):
        raise SuiteError(f"tune.grid has {key}, and multiplies lr and lr_head alone: {_EXAMPLE}")
    if not isinstance(factors, list):
        raise SuiteError(f"tune.grid has {key}: {factors}, which is no list of factors: {_EXAMPLE}")
    for factor in factors:
        if not (checks.is_number(factor, float) and 0 < factor < math.inf):
            raise SuiteError(f"tune.grid has {key}: {factor}, which is no factor above 0")
    for factor in factors:
        if factors.count(factor) > 1:
            raise SuiteError(f"tune.grid has {key}: {factor} twice: give each factor once")
    if 1 not in factors:
        raise SuiteError(f"tune.grid has {key}: {factors} without 1, the default that a tuned score stands beside")


def _product(grid: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def scaled(rate: float | dict[str, float], factor: float) -> float | dict[str, float]:
    """Return a learning rate, or each kind's, times a factor; a factor of 1 leaves it as it is written."""
    if isinstance(rate, dict):
        return {kind: scaled(own, factor) for kind, own in rate.items()}
    return rate if factor == 1 else float(f"{rate * factor:.{_DIGITS}g}")


def _parts(rate: Any) -> list[Any]:
    return list(rate.values()) if isinstance(rate, dict) else [rate]
