"""PEFT methods in torch alone: one file a method, with one subclass of ``Method``; nothing lists them."""

import importlib
import pkgutil
from dataclasses import is_dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from methods.errors import MethodError

if TYPE_CHECKING:
    from methods.base import Method


class Methods(dict[str, type["Method"]]):
    """The usable methods by name. ``broken`` says in a line why a file gives none; asking for it raises that line."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: dict[str, str] = {}

    def __missing__(self, name: str) -> type["Method"]:
        raise MethodError(self.broken.get(name, f"method {name} is unknown; known: {', '.join(self)}"))


def find() -> Methods:
    """Return every method in this folder by its file's name, sorted."""
    methods = Methods()
    for name in sorted(module_info.name for module_info in pkgutil.iter_modules(__path__)):
        try:
            for cls in _defined_in(importlib.import_module(f"{__name__}.{name}")):
                methods[name] = cls
        except Exception as error:  # a file may fail in any way, and the other methods are still there
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            methods.broken[name] = f"method {name} cannot be used: methods/{name}.py does not import ({reason})"
    return methods


def _defined_in(module: ModuleType) -> list[type["Method"]]:
    from methods.base import Method  # here, so that methods.errors can be imported without torch

    classes = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Method)]
    classes = [cls for cls in classes if cls.__module__ == module.__name__ and cls is not Method]
    for cls in classes:
        if not is_dataclass(cls):
            raise TypeError(f"{cls.__name__} must be a dataclass")
    return classes
