"""What is read of a method's file without torch is what its class has."""

import dataclasses
from typing import ClassVar, get_origin

import pytest

import methods
from methods import declared
from methods.base import Method

METHODS = methods.find()
DECLARED = [name for name, kind in Method.__annotations__.items() if get_origin(kind) is ClassVar]


@pytest.mark.parametrize("name", METHODS)
def test_facts_are_the_classes(name: str) -> None:
    assert {"adapts_sites", "formula", "readings"} <= set(DECLARED)
    facts = declared.facts(name)
    assert {key: facts[key] for key in DECLARED} == {key: getattr(METHODS[name], key) for key in DECLARED}
    defaults = {f.name: f.default for f in dataclasses.fields(METHODS[name]) if f.default is not dataclasses.MISSING}
    assert {key: facts[key] for key in defaults} == defaults
