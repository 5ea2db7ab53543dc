"""Methods that peft has too: one file a method, of the method's name; nothing lists them.

A file gives ``PEFT_TYPE``; ``MARK``, what follows a module's name in the names of its tensors; ``SETTINGS``, the keys
of adapter_config.json that it needs; ``HARMLESS``, keys that do not change what an adapter computes; and
``read(config, tensors, sites)``, which takes from the tensors what it reads and returns the method and what it trained.
Where peft's format is another than a plain LoRA there is ``write(method, trained, frozen, sites)`` as well, which
returns settings and tensors. The names of tensors are those of peft's files.
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
