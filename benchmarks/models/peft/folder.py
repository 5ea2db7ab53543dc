"""An adapter folder as peft 0.21.2 lays it out: adapter_config.json and adapter_model.safetensors."""

import json
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pydantic
import safetensors
import safetensors.torch
from torch import Tensor

from benchmarks import typed
from benchmarks.errors import SuiteError
from benchmarks.models import adapter_files as adapters
from benchmarks.records.files import write_atomic
from methods.base import Tensors

SHARED = "base_model."  # before the name of a tensor that all modules share
MODEL = "base_model.model."  # before the name of a module of the backbone
_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


Count = Annotated[int, pydantic.Field(ge=1)]


class Config(typed.Facts):
    """What every adapter_config.json says; a format's own ``Config`` adds what its method needs."""

    peft_type: str
    task_type: str | None = None
    base_model_name_or_path: str | None = None


def write(directory: Path, config: dict[str, Any], tensors: Tensors) -> None:
    """Write both files. While they are replaced there is no config, so that nobody reads an old file with a new one."""
    (directory / _CONFIG).unlink(missing_ok=True)
    write_atomic(directory / _WEIGHTS, adapters.to_bytes(tensors))
    write_atomic(directory / _CONFIG, (json.dumps(config, indent=2, sort_keys=True) + "\n").encode())


C = TypeVar("C", bound=Config)


def read_config(directory: Path, model: type[C] = Config) -> C:
    """Return the config. Raises SuiteError for a folder without one, or for one that lacks what ``model`` wants."""
    try:
        return typed.read_json(model, directory / _CONFIG)
    except SuiteError as error:
        raise SuiteError(f"{error}: pass an adapter of peft, a folder with {_CONFIG} and {_WEIGHTS}") from error


def read_tensors(directory: Path) -> Tensors:
    """Return the tensors. Raises SuiteError for a folder without them, or for numbers that are not finite."""
    try:
        tensors = safetensors.torch.load_file(directory / _WEIGHTS)
    except (OSError, safetensors.SafetensorError) as error:
        raise SuiteError(f"{directory / _WEIGHTS} cannot be read ({error}): the adapter is incomplete") from error
    for name, tensor in sorted(tensors.items()):
        if not tensor.isfinite().all():
            raise SuiteError(f"{directory / _WEIGHTS} must hold finite numbers, and {name} has others")
    return tensors


def take(tensors: Tensors, name: str, *shape: int) -> Tensor:
    """Remove a tensor from those that were read, and return it. Raises SuiteError if it is missing or misshaped."""
    if name not in tensors:
        raise SuiteError(f"{_WEIGHTS} lacks {name}: the adapter is incomplete")
    if tensors[name].shape != shape:
        raise SuiteError(
            f"{name} is {list(tensors[name].shape)} in {_WEIGHTS}, but by task, backbone and {_CONFIG} it must be "
            f"{list(shape)}: say the task and backbone that the adapter was trained with"
        )
    return tensors.pop(name)
