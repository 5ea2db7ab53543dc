"""What is written is read by type, and what is wrong with it is one line in plain words."""

from typing import Literal

import pytest
from pydantic import Field

from benchmarks import typed
from benchmarks.errors import SuiteError


class Inner(typed.Settings):
    """Settings below a key."""

    count: int = Field(ge=1)
    rate: float | None = Field(None, gt=0)


class Outer(typed.Settings):
    """Settings of all kinds."""

    inner: Inner
    save: bool = False
    kind: Literal["a", "b"] | None = None
    names: list[str] = Field(default_factory=list)


WRONG = [
    ({"inner": {"count": 0}}, "job.inner.count must be at least 1, got 0"),
    ({"inner": {"count": "3"}}, "job.inner.count must be a whole number, got 3"),
    ({"inner": {"count": True}}, "job.inner.count must be a whole number, got true"),
    ({"inner": {"count": 1, "rate": 0}}, "job.inner.rate must be more than 0.0, or null, got 0"),
    ({"inner": {"count": 1, "rate": float("nan")}}, "job.inner.rate must be a finite number, or null, got nan"),
    ({"inner": {"count": 1, "rat": 1}}, "job.inner.rat is not a setting; nearest: rate; known: count, rate"),
    ({"inner": {}}, "job.inner.count is missing"),
    ({"inner": 3}, "job.inner must be a mapping, got 3"),
    ({"inner": {"count": 1}, "save": "no"}, "job.save must be true or false, got no"),
    ({"inner": {"count": 1}, "kind": "c"}, "job.kind must be 'a' or 'b', or null, got c"),
    ({"inner": {"count": 1}, "names": "a"}, "job.names must be a list, got a"),
    ({"inner": {"count": 1}, "names": ["a", 1]}, "job.names.1 must be text, got 1"),
]


@pytest.mark.parametrize(("facts", "line"), WRONG, ids=[line for _, line in WRONG])
def test_what_is_wrong_is_one_line(facts: dict, line: str) -> None:
    with pytest.raises(SuiteError) as caught:
        typed.read(Outer, facts, "job")
    assert str(caught.value) == line


def test_what_is_right_is_read() -> None:
    read = typed.read(Outer, {"inner": {"count": 2, "rate": 1}, "kind": "a"}, "job")
    assert (read.inner.count, read.inner.rate, read.save, read.kind) == (2, 1.0, False, "a")
