"""PEFT methods in torch alone: one file a method, with one subclass of ``Method``; nothing lists them."""

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from methods.base import Method


def find() -> dict[str, type["Method"]]:
    """Return every method in this folder by its file's name, sorted."""
    from methods.base import Method  # here, so that methods.errors can be imported without torch

    found = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for value in vars(module).values():
            own = isinstance(value, type) and value.__module__ == module.__name__
            if own and issubclass(value, Method) and value is not Method:
                found[module_info.name] = value
    return dict(sorted(found.items()))
