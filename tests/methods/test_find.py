"""A method's file that fails takes only itself away: it is named when it is asked for, and the others train."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import methods
from methods.errors import MethodError

USABLE = list(methods.find())
BROKEN = {
    "import no_such_package": "ModuleNotFoundError: No module named 'no_such_package'",
    "def factors(:\n    pass": "SyntaxError: invalid syntax (broken.py, line 1)",
    "rank = 1 / 0": "ZeroDivisionError: division by zero",
    "raise ValueError('two\\nlines')": "ValueError: two lines",
    "from methods.base import Method\nclass Broken(Method):\n    rank: int": "TypeError: Broken must be a dataclass",
}


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a file of a method that lies beside the others, as far as Python is concerned."""
    folder = tmp_path / "methods"
    folder.mkdir()
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(folder)])
    yield folder / "broken.py"
    sys.modules.pop("methods.broken", None)


@pytest.mark.parametrize("source", BROKEN)
def test_a_file_that_fails_is_named_with_its_reason_when_it_is_asked_for(source: str, broken: Path) -> None:
    broken.write_text(source)
    known = methods.find()
    assert list(known) == USABLE
    line = f"method broken cannot be used: methods/broken.py does not import ({BROKEN[source]})"
    assert known.broken == {"broken": line}
    with pytest.raises(MethodError) as raised:
        known["broken"]
    assert str(raised.value) == line


def test_an_unknown_method_is_one_line() -> None:
    assert methods.find().broken == {}
    with pytest.raises(MethodError, match=r"^method loar is unknown; known: bitfit, dora, fourierft, full, head, "):
        methods.find()["loar"]
