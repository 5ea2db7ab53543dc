"""Where conf/ and results/ lie, what can be chosen in conf/, and how a config is composed."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from omegaconf import DictConfig

_HOUSE = Path(__file__).resolve().parents[1]
CONF = _HOUSE / "conf"
PUBLISHED = _HOUSE / "results" / "published"  # the papers' figures
ROOT = Path("results")  # the committed results, below the folder that a command is run in
LOCAL = ROOT / "local"  # what one's own runs leave
GROUPS = ("task", "backbone", "method", "experiment")


def composed(overrides: list[str], name: str = "run") -> "DictConfig":
    """Return the config that conf/``name``.yaml and a command line's overrides make."""
    from hydra import compose, initialize_config_dir  # here, so that commands that compose nothing start quickly

    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(name, overrides)


def options(group: str) -> list[str]:
    """Return the names of a group's files, such as glue/mrpc of the tasks."""
    return sorted(str(file.relative_to(CONF / group).with_suffix("")) for file in (CONF / group).rglob("*.yaml"))


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
