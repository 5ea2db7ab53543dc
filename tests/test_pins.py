"""Whatever the suite needs has an exact pin in constraints.txt that all who need it can live with."""

import tomllib
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks import conf

HOUSE = conf.CONF.parent


def _asked() -> list[str]:
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    return [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]


def _closure(pins: dict[str, str]) -> list[tuple[str, Requirement]]:
    """Return who asks for what: the suite, and what is installed, at its pinned version, of all that it needs."""
    found, seen = [], set()
    ahead = [("the suite", Requirement(asked)) for asked in _asked()]
    while ahead:
        who, need = ahead.pop()
        found.append((who, need))
        name = canonicalize_name(need.name)
        extras = need.extras or {""}
        if (name, frozenset(extras)) in seen:
            continue
        seen.add((name, frozenset(extras)))
        try:
            further = map(Requirement, (requires(name) or []) if version(name) == pins.get(name) else [])
        except PackageNotFoundError:  # an extra that is not installed
            continue
        ahead += [
            (name, each)
            for each in further
            if not each.marker or any(each.marker.evaluate({"extra": e}) for e in extras)
        ]
    return found


def test_every_requirement_has_a_pin_that_fits() -> None:
    lines = (HOUSE / "constraints.txt").read_text().splitlines()
    pins = {canonicalize_name(name): pin for name, _, pin in (line.partition("==") for line in lines)}
    assert len(pins) == len(lines)
    assert lines == sorted(lines, key=str.lower)
    asked = [(who, need, canonicalize_name(need.name)) for who, need in _closure(pins)]
    assert len(asked) > 3 * len(_asked())
    assert not {f"{name}, for {who}" for who, _, name in asked if name not in pins}
    unfit = [
        (who, need, name) for who, need, name in asked if not need.specifier.contains(pins[name], prereleases=True)
    ]
    assert not [f"{who} needs {need}, pinned is {pins[name]}" for who, need, name in unfit]
