"""Where conf/ and results/ lie, what can be chosen in conf/, and how a config is composed."""

import copy
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from benchmarks.errors import SuiteError, nearest

if TYPE_CHECKING:
    from omegaconf import DictConfig

_HOUSE = Path(__file__).resolve().parents[1]
CONF = _HOUSE / "conf"
PUBLISHED = _HOUSE / "results" / "published"  # the papers' figures
ROOT = Path("results")  # the committed results, below the folder that a command is run in
LOCAL = ROOT / "local"  # what one's own runs leave
_PATH = re.compile(r"^([\w.+/]+=)(~[^'\",()]*|[\w./-][^'\",{}\[\]()]*=[^'\",{}\[\]()]*)$")
# Hydra's options, but for those that would put another config in the place of conf/run.yaml.
_FLAGS = ("--multirun", "-m", "--cfg", "-c", "--resolve", "--package", "-p", "--info", "-i", "--run", "-r")
_FLAGS += ("--help", "-h", "--hydra-help", "--version", "--shell-completion", "-sc")
GROUPS = ("task", "backbone", "method", "experiment")


def composed(overrides: list[str], name: str = "run") -> "DictConfig":
    """Return the config that conf/``name``.yaml and a command line's overrides make, as a copy of the caller's own."""
    _check_groups(overrides)
    return copy.deepcopy(_composed(CONF, name, tuple(overrides)))


@cache  # to compose takes a tenth of a second, and papers print each other's rows
def _composed(folder: Path, name: str, overrides: tuple[str, ...]) -> "DictConfig":
    from hydra import compose, initialize_config_dir  # here, so that commands that compose nothing start quickly

    with initialize_config_dir(str(folder), version_base="1.3"):
        return compose(name, quoted(list(overrides)))


def launcher(name: str, overrides: list[str]) -> dict[str, Any]:
    """Return the settings of one of Hydra's launchers, with ``overrides`` of hydra.launcher and of conf/run.yaml."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(CONF), job_name="reproduce", version_base="1.3"):
        config = compose("run", quoted([f"hydra/launcher={name}", *overrides]), return_hydra_config=True)
    return OmegaConf.to_container(config.hydra.launcher, resolve=True)


def quoted(arguments: list[str]) -> list[str]:
    """Put paths that begin with ~ or hold a = in quotes, without which Hydra's grammar cannot read them."""
    return [_PATH.sub(r"\1'\2'", argument) for argument in arguments]


def options(group: str) -> list[str]:
    """Return the names of a group's files, such as glue/mrpc of the tasks."""
    return sorted(str(file.relative_to(CONF / group).with_suffix("")) for file in (CONF / group).rglob("*.yaml"))


def listed(group: str) -> str:
    """Return what a group offers, for a message."""
    return f"known: {', '.join(options(group))}"


def check(arguments: list[str]) -> None:
    """Raise SuiteError for arguments that Hydra would ignore, or answer with a traceback."""
    given = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    flags = {argument.partition("=")[0] for argument in arguments}
    for flag in sorted(flag for flag in flags if flag.startswith("-") and flag not in _FLAGS):
        raise SuiteError(f"{flag} is not an option; nearest: {nearest(flag, _FLAGS)}; settings are KEY=VALUE")
    sweeps = bool(flags & {"--multirun", "-m"})
    if sweeps and flags & {"--cfg", "-c"}:
        raise SuiteError("--cfg shows one run: leave --multirun out, and give each setting one value")
    _check_groups(arguments)
    if flags & {"--help", "--hydra-help", "-h"} or (sweeps and "experiment" in given):
        return
    for group in ("task", "method"):
        if group not in given:
            name = given.get("experiment")
            sweep = f", or --multirun for all that experiment={name} names" if name else ""
            raise SuiteError(f"no {group} was given: say {group}=NAME{sweep}; {listed(group)}")


def _check_groups(arguments: list[str]) -> None:
    """Raise SuiteError for a group that is null, or a recipe that is not there: Hydra has a traceback for either."""
    for group, _, names in (argument.partition("=") for argument in arguments):
        if group in ("task", "backbone", "method", "recipe"):
            for name in names.split(","):
                _check_name(group, name)


def _check_name(group: str, name: str) -> None:
    if name == "null":
        without = "'~recipe' does without one" if group == "recipe" else listed(group)
        raise SuiteError(f"{group}=null does not name a {group}: {without}")
    if group == "recipe" and name not in (known := options("recipe")):
        raise SuiteError(f"recipe={name} is unknown; nearest: {nearest(name, known)}; {listed('recipe')}")


def facts(group: str, name: str) -> dict[str, Any]:
    """Return what a group's file says, over what the files in its defaults say; references are not resolved."""
    from omegaconf import OmegaConf

    def merged(name: str) -> "DictConfig":
        content = OmegaConf.load(CONF / group / f"{name}.yaml")
        # A default that is no text overrides another group's, as an experiment may.
        named = [default for default in content.pop("defaults", []) if isinstance(default, str)]
        below = [merged(default.removeprefix(f"/{group}/")) for default in named if default != "_self_"]
        return OmegaConf.merge(*below, content.get(group, content))

    return OmegaConf.to_container(merged(name))


def settings(name: str = "run") -> list[str]:
    """Return every key that conf/``name``.yaml, or a file of its groups, gives a value, as a command line writes it."""
    files = [CONF / f"{name}.yaml"]
    if name == "run":
        files += [file for group in GROUPS for file in (CONF / group).rglob("*.yaml")]
    return [key for file in files for key in _keys(file)]


def _keys(file: Path) -> Iterator[str]:
    text = file.read_text()
    alone = file.parent == CONF or "@package _global_" in text
    package = "" if alone else f"{file.relative_to(CONF).parts[0]}."
    yield from (package + key for key in _dotted(yaml.safe_load(text)))


def _dotted(content: dict) -> Iterator[str]:
    for key, value in content.items():
        if key not in ("defaults", "hydra"):
            yield key
            if isinstance(value, dict):
                yield from (f"{key}.{inner}" for inner in _dotted(value))
