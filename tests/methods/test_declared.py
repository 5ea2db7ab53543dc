"""What is read of a method's file without torch is what its class has."""

import dataclasses
import shutil
from pathlib import Path
from typing import ClassVar, get_origin

import pytest

import methods
from benchmarks import conf
from benchmarks.report import inventory
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


def test_a_list_of_methods_has_the_others(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "broken.py").write_text("def factors(:")
    monkeypatch.setattr(conf, "CONF", Path(shutil.copytree(conf.CONF, tmp_path / "conf")))
    (conf.CONF / "method" / "broken.yaml").write_text("name: broken\nrank: 2\n")
    names, _, stored, *_ = (column.cells for column in inventory.methods().columns)
    cells = dict(zip(names, stored, strict=True))
    assert cells["lora"] == "rank * sides"
    assert "methods/broken.py does not read (invalid syntax" in cells["broken"]
