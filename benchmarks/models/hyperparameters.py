"""A method from the settings that a config, or an adapter, has of it."""

from dataclasses import MISSING, fields
from typing import Any

import pydantic

import methods
from benchmarks import typed
from methods.base import Method


def method(name: str, chosen: dict[str, Any], where: str) -> Method:
    """Return the method ``name`` with the hyperparameters ``chosen``.

    Raises SuiteError for one that is missing, unknown or of another type, by its name below ``where``, and MethodError
    for one that the method cannot have.
    """
    cls = methods.find()[name]
    wanted = {field.name: (field.type, ... if field.default is MISSING else field.default) for field in fields(cls)}
    typed.read(pydantic.create_model(name, __base__=typed.Settings, **wanted), chosen, where)
    return cls(**chosen)
