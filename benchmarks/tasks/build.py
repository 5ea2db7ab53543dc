"""Builds a task from its settings. Its class is defined in the module with the name of its kind."""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from typing import Any

from benchmarks import tasks, typed
from benchmarks.errors import SuiteError, nearest
from benchmarks.tasks.base import Task


def build(settings: Mapping[str, Any]) -> Task:
    """Return the task that a file in conf/task describes; ``kind`` names the module that defines its class.

    Raises SuiteError for an unknown kind, and for a setting that is unknown, missing or out of range.
    """
    settings = dict(settings)
    kind = settings.pop("kind", None)
    task_class = _class_of(str(kind))
    if task_class is None:
        raise SuiteError(
            f"task.kind={kind} is unknown; nearest: {nearest(str(kind), kinds())}; available: {', '.join(kinds())}"
        )
    return typed.read(task_class, settings, "task")


def of_record(settings: Mapping[str, Any]) -> Task:
    """Return the task of a run from ``config["task"]`` of its record.

    A record does not say the kind, since it is not part of a run's identity: it is inferred as the kind that has
    exactly these settings. Raises SuiteError if there is none.
    """
    if "kind" in settings:
        return build(settings)
    for kind in kinds():
        fields = _class_of(kind).model_fields
        required = {name for name, field in fields.items() if field.is_required()}
        if required <= settings.keys() <= fields.keys():
            return build({**settings, "kind": kind})
    raise SuiteError(
        f"a record's task has the settings {', '.join(sorted(settings))}, which fit no kind of task: "
        f"{', '.join(kinds())}"
    )


def kinds() -> list[str]:
    """Return the kinds of task, sorted."""
    return sorted(name for name in _modules() if _class_of(name))


def _class_of(kind: str) -> type[Task] | None:
    """Return the task class that the module ``kind`` names after itself; None if there is no such module or class."""
    if kind not in _modules():
        return None
    named = getattr(importlib.import_module(f"{tasks.__name__}.{kind}"), kind.capitalize(), None)
    return named if inspect.isclass(named) and issubclass(named, Task) and not inspect.isabstract(named) else None


def _modules() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(tasks.__path__)]
