"""The methods that peft has too, each in a file of the method's name; they are found without registration.

A file gives ``PEFT_TYPE``, and ``FLAG`` where a setting tells it from another method of the same type; ``MARK``, what
follows a module's name in the names of its tensors; ``Config``, the keys of adapter_config.json that it reads;
``HARMLESS``, keys that do not change what an adapter computes; ``settings(method)``, what peft's config says of a
method; and ``read(config, tensors, sites)``, which takes from the tensors what it reads and returns the method and what
it trained.
A method that peft does not keep as a plain LoRA also has ``write(method, trained, frozen, sites)``, which returns
settings and tensors. The names of tensors are those in peft's files.
"""

import importlib
import pkgutil
from types import ModuleType


def find() -> dict[str, ModuleType]:
    """Return every format by the name of its method, sorted."""
    return {
        info.name: importlib.import_module(f"{__name__}.{info.name}")
        for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name)
    }
