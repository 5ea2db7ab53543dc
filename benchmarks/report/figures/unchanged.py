"""A sheet's figures are drawn again only where what they show has changed: drawing takes longer than all else."""

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import benchmarks
from benchmarks.analysis.sheets import Sheet
from benchmarks.records import predictions, store
from benchmarks.records.files import write_atomic
from benchmarks.report import names

# What the figures of records are drawn by; a test holds it to what these modules import.
CODE = ("analysis", "records", "report/figures", "report/names.py", "tasks/scoring/glue.py", "tasks/scoring/shares.py")
_PACKAGE = Path(benchmarks.__file__).parent


def digest(sheet: Sheet, root: Path) -> str:
    """Return a hash of what a sheet's figures depend on: records, predictions, methods' looks, code, matplotlib.

    ``root`` is where the records and predictions lie.
    """
    drawn = sorted({row.method for row in sheet.rows})
    styles = names.styles(drawn)
    looks = [(method, names.title(method), styles[method]) for method in drawn]
    made = hashlib.sha256(f"matplotlib {version('matplotlib')}\n{looks!r}\n{sheet!r}".encode())
    for run in sheet.records:
        answers = predictions.place(store.path_of(run, root))
        made.update(answers.read_bytes() if answers.exists() else b"none")
    for file in _files():
        made.update(file.read_bytes())
    return made.hexdigest()


def _files() -> list[Path]:
    places = [_PACKAGE / name for name in CODE]
    return sorted(file for place in places for file in (place.rglob("*.py") if place.is_dir() else [place]))


def kept(stem: Path, made_of: str) -> list[Path] | None:
    """Return the figures that were drawn of the same things and are as they were written; None where one is not."""
    try:
        note = json.loads(_note(stem).read_text())
        files = {stem.parent / name: wanted for name, wanted in note["files"].items()}
        if note["made_of"] != made_of or any(_hash(path) != wanted for path, wanted in files.items()):
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # the note or a file is absent or damaged
        return None
    return [path for path in files if path.suffix == ".png"]


def keep(stem: Path, made_of: str, drawn: Sequence[Path]) -> None:
    """Note what figures, PNG files with a PDF and an SVG beside each, were drawn of."""
    files = [path.with_suffix(suffix) for path in drawn for suffix in (".png", ".pdf", ".svg")]
    note = {"made_of": made_of, "files": {path.name: _hash(path) for path in files}}
    write_atomic(_note(stem), json.dumps(note, indent=1).encode())


def _note(stem: Path) -> Path:
    return stem.with_name(f".{stem.name}.json")


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
