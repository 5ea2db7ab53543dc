"""What training and decoding use of a task is declared in its base classes."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import benchmarks
from benchmarks.tasks.base import Task
from benchmarks.tasks.text import Text

HOUSE = Path(benchmarks.__path__[0])
SETTINGS = {HOUSE / "training" / "job.py", HOUSE / "training" / "settings.py"}  # whose tasks are parts of a config
TASKS = [HOUSE / "tasks" / name for name in ("rows.py", "tokens.py")]
FILES = {*(HOUSE / "training").rglob("*.py"), *(HOUSE / "models").rglob("*.py"), *TASKS} - SETTINGS


def declared(cls: type) -> set[str]:
    return {name for base in cls.__mro__[:-1] for name in (*vars(base), *vars(base).get("__annotations__", {}))}


def uses(node: ast.AST) -> Iterator[str]:
    """Yield the attributes that code uses of ``task`` and of ``anything.task``."""
    if isinstance(node, ast.FunctionDef) and any(is_other(argument) for argument in node.args.args):
        return
    if isinstance(node, ast.Attribute):
        value = node.value
        if "task" in (getattr(value, "id", None), getattr(value, "attr", None)):
            yield node.attr
    for child in ast.iter_child_nodes(node):
        yield from uses(child)


def is_other(argument: ast.arg) -> bool:
    """Say whether an argument called task is something else, such as a task of a progress bar."""
    words = set(re.findall(r"[\w.]+", ast.unparse(argument.annotation or ast.Constant(None))))
    return argument.arg == "task" and not {"Task", "Text"} & words


def test_what_is_used_of_a_task_is_declared() -> None:
    used = {file.relative_to(HOUSE): set(uses(ast.parse(file.read_text()))) for file in FILES}
    everything = set().union(*used.values())
    assert {"collate", "loss", "predict", "score", "ready", "encode", "decode", "half_by", "auto_class"} <= everything
    undeclared = {str(file): names - declared(Text) for file, names in used.items() if names - declared(Text)}
    assert undeclared == {}


def test_what_every_task_must_define_is_abstract() -> None:
    assert Task.__abstractmethods__ == {
        "columns", "half_by", "fault", "ready", "encode", "labels_of", "sizes_of", "collate", "loss", "predict", "score"
    }  # fmt: skip
    assert Text.__abstractmethods__ == {
        "columns", "half_by", "fault", "instances", "prompt_tokens", "pairs", "clean", "mark"
    }  # fmt: skip
