"""What is read of a method's file without torch is what its class has."""

import dataclasses
import shutil
from pathlib import Path
from typing import ClassVar, get_origin

import pytest

import methods
from methods import declared
from methods.base import Method
from methods.errors import MethodError

METHODS = methods.find()
DECLARED = [name for name, kind in Method.__annotations__.items() if get_origin(kind) is ClassVar]


@pytest.mark.parametrize("name", METHODS)
def test_facts_are_the_classes(name: str) -> None:
    assert {"adapts_sites", "formula", "readings"} <= set(DECLARED)
    facts = declared.facts(name)
    assert {key: facts[key] for key in DECLARED} == {key: getattr(METHODS[name], key) for key in DECLARED}
    defaults = {f.name: f.default for f in dataclasses.fields(METHODS[name]) if f.default is not dataclasses.MISSING}
    assert {key: facts[key] for key in defaults} == defaults


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of methods/ that is read in its place."""
    copy = Path(shutil.copytree(declared._FOLDER, tmp_path / "methods"))
    monkeypatch.setattr(declared, "_FOLDER", copy)
    return copy


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"def factors(:", "does not read (invalid syntax"),
        (b"name = '\xff'", "does not read ("),
        (b"rank = 3", "has no subclass of Method"),
        (None, "does not read ([Errno 2] No such file"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(source: bytes | None, reason: str, folder: Path) -> None:
    if source is not None:
        (folder / "broken.py").write_bytes(source)
    with pytest.raises(MethodError) as raised:
        declared.facts("broken")
    assert f"method broken cannot be used: methods/broken.py {reason}" in str(raised.value)
    assert declared.facts("lora")["formula"] == "rank * sides"


def test_a_title_is_what_the_docstring_begins_with_if_it_is_the_methods_name(folder: Path) -> None:
    (folder / "new_one.py").write_text('"""New-One: someone, 2030."""\n')
    (folder / "one_more.py").write_text('"""1-More: someone, 2030."""\n')
    (folder / "other.py").write_text('"""A method that is new: see there."""\n')
    assert [declared.title(name) for name in ("new_one", "one_more", "other")] == ["New-One", "1-More", "other"]
    assert declared.title("vb_lora") == "VB-LoRA"
    with pytest.raises(MethodError, match=r"methods/absent\.py does not read"):
        declared.title("absent")
