"""Typed reading of what people write: settings of a command line, and files."""

import textwrap
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks.errors import SuiteError, nearest

# What pydantic calls an error, and how one would say what must hold.
_MUST = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "too_short": "must have at least {min_length}",
    "too_long": "must have at most {max_length}",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be {expected}",
    "missing": "is missing",
}


class Settings(BaseModel):
    """Strict base: an unknown key or a value of another type is an error; true is not 1, and "3" is not 3."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Facts(Settings):
    """Strict base for a part of a file: keys beyond those that are read are kept, unread."""

    model_config = ConfigDict(extra="allow")


T = TypeVar("T", bound=BaseModel)


def read(model: type[T], facts: Any, where: str) -> T:
    """Return ``facts`` as a model. Raises SuiteError with the key below ``where``, what must hold and its value."""
    try:
        return model.model_validate(facts)
    except ValidationError as error:
        raise SuiteError(complaint(error, model, where)) from error


def read_json(model: type[T], path: Path) -> T:
    """Return what a JSON file holds as a model. Raises SuiteError that names the file and what is wrong."""
    try:
        return model.model_validate_json(path.read_bytes(), strict=True)
    except OSError as error:
        raise SuiteError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise SuiteError(f"{path}: {complaint(error, model, '')}") from error


def complaint(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """Say in one line what is wrong first. ``where`` is what the keys lie below, or empty."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in (where, *first["loc"]) if part != "") or "it"
    if first["type"] == "json_invalid":
        return f"{key} is not JSON: {first['ctx']['error']}"
    if first["type"] == "extra_forbidden":
        known = _fields(model, first["loc"][:-1])
        return f"{key} is not a setting; nearest: {nearest(str(first['loc'][-1]), known)}; known: {', '.join(known)}"
    if first["type"] == "value_error":
        return f"{key} {first['ctx']['error']}"
    must = _MUST.get(first["type"])
    must = must.format(**first.get("ctx", {})) if must else f"is wrong ({first['msg']})"
    if first["type"] == "literal_error":
        must = must.replace("False", "false")  # as YAML has it
    given = "" if first["type"] == "missing" else f", got {_shown(first['input'])}"
    if first["type"] == "string_type" and isinstance(first["input"], bool):
        given += ", which YAML also makes of yes, no, on and off: put the word in quotes"
    return f"{key} {must}{', or null' if _nullable(model, first['loc']) else ''}{given}"


def _model_at(model: type[BaseModel], place: tuple[int | str, ...]) -> type[BaseModel] | None:
    """Return the model that holds the fields below ``place``; None where those are keys or items of something plain."""
    for part in place:
        field = model.model_fields.get(part)
        inner = [kind for kind in _kinds(field.annotation) if _is_model(kind)] if field else []
        if not inner:
            return None
        (model,) = inner
    return model


def _fields(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    inner = _model_at(model, place)
    return list(inner.model_fields) if inner else []


def _nullable(model: type[BaseModel], place: tuple[int | str, ...]) -> bool:
    inner = _model_at(model, place[:-1]) if place else None
    field = inner.model_fields.get(place[-1]) if inner else None
    return field is not None and type(None) in _kinds(field.annotation)


def _kinds(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) or (annotation,)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _shown(value: Any) -> str:
    """Write a value as YAML would have it, and no more of a long one than tells which it is."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return textwrap.shorten(str(value), 200, placeholder="...")
