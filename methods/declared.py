"""What a method's file says of the method in plain values, read without importing torch."""

import ast
from functools import cache
from pathlib import Path
from typing import Any

from methods.errors import MethodError

_FOLDER = Path(__file__).parent
_PLAIN = (ast.Name, ast.expr_context, ast.Constant, ast.JoinedStr, ast.FormattedValue, ast.Tuple, ast.Dict)


def facts(name: str) -> dict[str, Any]:
    """Return what methods/``name``.py assigns to a method's class, such as ``adapts_sites`` and ``formula``.

    What it leaves out is as in ``methods.base.Method``. Only plain values are there: text, numbers, yes and no, and
    tuples and mappings of them. Raises MethodError for a file that is absent, cannot be read or has no method.
    """
    return _of_class("base") | _of_class(name)


def title(name: str) -> str:
    """Return the method's name as its paper prints it, with which the docstring of methods/``name``.py begins.

    "VB-LoRA: Li, Han and Ji, ..." gives VB-LoRA, and "1LoRA: ..." gives 1LoRA, of one_lora. Where the docstring begins
    otherwise, as a baseline's does, it is ``name``. Raises MethodError for a file that is absent or cannot be read.
    """
    printed = (ast.get_docstring(_parsed(name)) or "").partition(":")[0]
    return printed if _letters(printed) == _letters(name) else name


def source(name: str) -> str:
    """Return where a method comes from, in one line: the first paragraph of the docstring of methods/``name``.py.

    Raises MethodError for a file that is absent or cannot be read.
    """
    return " ".join((ast.get_docstring(_parsed(name)) or name).split("\n\n")[0].split())


def _letters(text: str) -> str:
    """Return a name's letters. A 1 is spelt out, since no file of Python's begins with a digit."""
    return "".join(character for character in text.lower().replace("1", "one") if character.isalnum())


def _parsed(name: str) -> ast.Module:
    try:
        return _tree((_FOLDER / f"{name}.py").read_text())
    except (OSError, SyntaxError, ValueError) as error:
        raise MethodError(f"method {name} cannot be used: methods/{name}.py does not read ({error})") from error


@cache  # a sheet asks for the same facts in each of its tables and figures
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


def _of_class(name: str) -> dict[str, Any]:
    declared = _in_class(_parsed(name))
    if declared is None:
        raise MethodError(f"method {name} cannot be used: methods/{name}.py has no subclass of Method")
    return declared


@cache
def _in_class(tree: ast.Module) -> dict[str, Any] | None:
    """Return what a file assigns to its subclass of Method; None where it has none."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and "Method" in _names(node):
            return _assigned(node.body, _assigned(tree.body, {}))
    return None


def _names(node: ast.ClassDef) -> list[str]:
    """Return the name of a class and those of its bases."""
    return [node.name, *(base.id for base in node.bases if isinstance(base, ast.Name))]


def _assigned(body: list[ast.stmt], known: dict[str, Any]) -> dict[str, Any]:
    """Return the plain values that statements assign, which may use values that are ``known`` or assigned before."""
    values: dict[str, Any] = {}
    for node in body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value and _is_plain(node.value, known | values):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            statement = ast.fix_missing_locations(ast.Module([ast.Assign(targets, node.value)], []))
            scope = {"__builtins__": {}} | known | values
            exec(compile(statement, str(_FOLDER), "exec"), scope)  # no calls and no attributes: see _PLAIN
            stored = [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
            values |= {target: scope[target] for target in stored}
    return values


def _is_plain(value: ast.expr, known: dict[str, Any]) -> bool:
    parts = list(ast.walk(value))
    return all(isinstance(part, _PLAIN) for part in parts) and all(
        part.id in known for part in parts if isinstance(part, ast.Name)
    )
