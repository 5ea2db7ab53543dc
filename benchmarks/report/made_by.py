"""The command that makes a cell's runs again, from their records, and whether it asks for what the records hold."""

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from benchmarks import conf
from benchmarks.analysis.sheets import leaves
from benchmarks.command import bad_input, line_of
from benchmarks.errors import SuiteError
from benchmarks.papers.published import NO_TARGETS
from benchmarks.records.schema import Record
from benchmarks.training import job
from benchmarks.training.settings import JobSettings

_BARE = re.compile(r"[A-Za-z_][\w./:-]*")  # a text that Hydra reads as one without quotes
_NOT_TEXT = ("null", "true", "false", "nan", "inf")  # what it reads as something else
_PARTS = ("task", "method", "train", "backbone", "start")  # of a record's config
_ENOUGH = 3  # differing settings that a fault names


@dataclass(frozen=True)
class Command:
    """A line for a shell, in which DIR stands for a directory of data.

    ``fault`` says why there is none, or in what it departs from the records; it is empty where a run of the line has
    the settings that the records hold.
    """

    line: str
    fault: str


def command(runs: Sequence[Record]) -> Command:
    """Return what makes runs again that differ in the seed alone.

    Beside the choices it names each setting in which they differ from conf/, and how many rows they took.
    """
    run = runs[0]
    try:
        chosen = _choices(run)
        differing = [f"{key}={_written(value)}" for key, value in _differing(run, chosen).items()]
        left = _differing(run, [*chosen, *differing]) if differing else {}
    except bad_input() as error:
        return Command("", line_of(error))
    seeds = f"seeds=[{','.join(str(run.seed) for run in runs)}]"
    words = [*chosen, seeds, *differing, *_data(run), f"precision={run.environment.precision}"]
    fault = f"it has another {', '.join(list(left)[:_ENOUGH])}" if left else ""
    return Command(shlex.join(["python", "scripts/train.py", *words]), fault)


def _choices(run: Record) -> list[str]:
    """Return what chooses a run's task, backbone, method and targets. Raises SuiteError for an unknown one."""
    if run.method not in conf.options("method"):
        raise SuiteError(f"there is no method {run.method} here")
    if run.task not in conf.options("task"):
        raise SuiteError(f"there is no task {run.task} here")
    chosen = [f"task={run.task}", *_backbone(run), f"method={run.method}"]
    if run.targets == NO_TARGETS:
        return chosen
    return [*chosen, "targets=" + (f"[{run.targets}]" if "," in run.targets else run.targets)]


def _backbone(run: Record) -> list[str]:
    """Return what chooses a run's backbone: the file in conf/backbone of its name or its path, and what differs."""
    name, path, known = run.backbone.name, run.backbone.path, conf.options("backbone")
    if name in known:
        return [f"backbone={name}", *([] if _path(name) == path else [f"backbone.path={_written(path)}"])]
    for option in known:
        if _path(option) == path:
            return [f"backbone={option}", f"backbone.name={_written(name)}"]
    raise SuiteError(f"no file in conf/backbone has the name {name} or the path {path}")


@cache
def _path(backbone: str) -> str | None:
    return conf.facts("backbone", backbone).get("path")


def _differing(run: Record, words: list[str]) -> dict[str, Any]:
    """Return the settings in which a run differs from what a command asks for, as the run has them."""
    settings = _read(tuple(words))
    recorded, asked = _settings(run.config), _settings(_asked(settings, adapting=run.targets != NO_TARGETS))
    keys = sorted(key for key in recorded.keys() | asked.keys() if recorded.get(key) != asked.get(key))
    grid = {"grid": None} if settings.grid else {}
    return grid | {key: recorded.get(key) for key in keys}


@cache  # the runs of a grid differ in little, and to compose takes a tenth of a second
def _read(words: tuple[str, ...]) -> JobSettings:
    return job.read(conf.composed(list(words)))


def _asked(settings: JobSettings, adapting: bool) -> dict[str, Any]:
    return settings.run_config(settings.points[0].method, settings.target_names() if adapting else [])


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a run's config by dotted key; one that is null is the same as none."""
    return dict(leaves({part: config[part] for part in _PARTS if part in config}))


def _data(run: Record) -> Iterable[str]:
    if run.data.source != "hub":
        yield "data.root=" + ("embedded" if run.data.source == "embedded" else "DIR")
    yield f"data.train_rows={run.data.train_rows}"
    yield f"data.validation_rows={run.data.validation_rows}"


def _written(value: Any) -> str:
    """Write a setting as Hydra reads it."""
    if isinstance(value, str) and _BARE.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return json.dumps(value, ensure_ascii=False)
