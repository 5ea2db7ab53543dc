"""One record for each run, at a path made from the run's identity.

A record is written to a temporary file and renamed, so that a reader sees a whole record or none.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmarks.errors import SuiteError
from benchmarks.records.files import write_atomic
from benchmarks.records.schema import Record


def identity_of(facts: dict[str, Any]) -> str:
    """Return a run's identity: a hash of its task, backbone, method, hyperparameters, seed, data and model revision."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def record_path(root: Path, task: str, backbone: str, method: str, targets: str, seed: int, identity: str) -> Path:
    """Return the path of a run's record below ``root``."""
    folder = method if targets == "-" else f"{method}-{targets.replace(',', '+')}"
    return root / "records" / task / backbone / folder / f"seed{seed}-{identity}.json"


def folder_of(record: Path) -> Path:
    """Return where a run leaves its other files, from its record's path: runs/a/b for records/a/b.json.

    Raises SuiteError for a path that is not a run's record.
    """
    parts = record.parts
    if record.suffix != ".json" or "records" not in parts:
        raise SuiteError(f"{record} is not a run's record: name one of results/local/records/**/*.json")
    root = len(parts) - 1 - parts[::-1].index("records")
    return Path(*parts[:root], "runs", *parts[root + 1 :]).with_suffix("")


def of_folder(folder: Path) -> Path | None:
    """Return the record of the run that left a folder; None if the folder was moved away from it."""
    folder = folder.absolute()
    roots = [root for root in folder.parents if root.name == "runs"]
    places = (root.parent / "records" / f"{folder.relative_to(root)}.json" for root in roots)
    return next((place for place in places if place.is_file()), None)


def write(path: Path, record: Record) -> None:
    """Write a record; the file is always whole or absent."""
    write_atomic(path, (record.model_dump_json(indent=1) + "\n").encode())


def read(path: Path) -> Record:
    """Return a record from its file. Raises SuiteError for a file that cannot be read."""
    try:
        return Record.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        raise SuiteError(
            f"{path} is not a readable record ({reason}): move it away, and the same command trains that run again"
        ) from error
