"""One record for each run, at a path made from the run's identity.

A record is written to a temporary file and renamed, so that a reader sees a whole record or none.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from benchmarks import typed
from benchmarks.errors import SuiteError
from benchmarks.records.faults import fault
from benchmarks.records.files import write_atomic
from benchmarks.records.schema import Record

_NAME = re.compile(r"[\w+-][\w.+-]{0,254}")  # of a folder or a file: neither hidden, nor "..", nor several


def identity_of(facts: dict[str, Any]) -> str:
    """Return a run's identity: a hash of its task, backbone, method, hyperparameters, seed, data and model revision."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def record_path(root: Path, task: str, backbone: str, method: str, targets: str, seed: int, identity: str) -> Path:
    """Return where the run's record lies below ``root``. Raises SuiteError for a name that no folder may have."""
    folder = method if targets == "-" else f"{method}-{targets.replace(',', '+')}"
    parts = [*task.split("/"), backbone, folder, f"seed{seed}-{identity}.json"]
    for part in parts:
        if not _NAME.fullmatch(part):
            raise SuiteError(
                f"{part!r} cannot name a folder of records: task, backbone, method and targets may have letters, "
                "digits and _ . -, and must not begin with a dot; backbone.name=NAME names a backbone"
            )
    return Path(root, "records", *parts)


def path_of(run: Record, root: Path) -> Path:
    """Return where a run's record lies below ``root``."""
    return record_path(root, run.task, run.backbone.name, run.method, run.targets, run.seed, run.identity)


def folder_of(record: Path) -> Path:
    """Return where a run leaves its other files, from its record's path: runs/a/b for records/a/b.json.

    Raises SuiteError for a path that is not a run's record.
    """
    root, below = _parted(record)
    return (root / "runs" / below).with_suffix("")


def _parted(record: Path) -> tuple[Path, Path]:
    """Return the folder that a record's records/ lies in, and the record's path below records/."""
    parts = record.parts if "records" in record.parts else record.absolute().parts
    if record.suffix != ".json" or "records" not in parts:
        raise SuiteError(f"{record} is not a run's record: name one of results/local/records/**/*.json")
    root = len(parts) - 1 - parts[::-1].index("records")
    return Path(*parts[:root]), Path(*parts[root + 1 :])


def files(folder: Path) -> list[Path]:
    """Return the records in a folder and those below it, sorted, without hidden ones, such as macOS's "._" files."""
    inside = sorted(folder.rglob("*.json"))
    return [path for path in inside if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def of_folder(folder: Path) -> Path | None:
    """Return the record of the run that left a folder; None if the folder was moved away from it."""
    folder = folder.absolute()
    roots = [root for root in folder.parents if root.name == "runs"]
    places = (root.parent / "records" / f"{folder.relative_to(root)}.json" for root in roots)
    return next((place for place in places if place.is_file()), None)


def write(path: Path, record: Record) -> None:
    """Write a record; the file is always whole or absent."""
    write_atomic(path, (record.model_dump_json(indent=1) + "\n").encode())


def read(path: Path, root: Path | None = None) -> Record:
    """Read one record, and check that it says of itself what its config, its epochs and its path do.

    ``root`` is the folder whose records/ it must lie in, whichever has one unless given. Raises SuiteError that names
    the file and what is wrong with it.
    """
    try:
        record = typed.read_json(Record, path)
        wrong = fault(record) or _misplaced(record, path, root)
        if wrong:
            raise SuiteError(f"{path}: {wrong}")
    except SuiteError as error:
        raise SuiteError(f"{error}: move the file away, and the same command trains that run again") from error
    return record


def _misplaced(record: Record, path: Path, root: Path | None) -> str | None:
    """Say how a record's identity or path differs from what its content gives, or return None.

    The identity hashes the config and what the run learnt from. Under it scores, costs and ``tuning`` may change, and
    so may the names of backbone and targets, which lie in the path.
    """
    begun = record.started_from
    # Of a run that begins from the best of several, the identity holds all of those, and the record the best alone.
    if begun is None or begun.runs == 1:
        fingerprints = [record.backbone.fingerprint, record.data.fingerprint, *([begun.identity] if begun else [])]
        identity = identity_of(record.config | {"fingerprints": fingerprints})
        if identity != record.identity:
            return f"its config and fingerprints give the identity {identity}, and it has {record.identity}"
    place = path_of(record, (_parted(path)[0] if root is None else root).absolute())
    return None if path.absolute() == place else f"it is the record of another path, {place}"
