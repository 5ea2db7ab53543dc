"""PEFT methods, in torch alone: one file for each method, with one subclass of ``Method``. No list names them."""

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from methods.base import Method


def find() -> dict[str, type["Method"]]:
    """Return the class of every method in this folder by the name of its file, sorted."""
    from methods.base import Method  # here, so that methods.errors can be imported without torch

    by_name = {}
    for file in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{file.name}")
        for value in vars(module).values():
            defined_here = isinstance(value, type) and value.__module__ == module.__name__
            if defined_here and issubclass(value, Method) and value is not Method:
                by_name[file.name] = value
    return dict(sorted(by_name.items()))
