"""A task's rows: read from the hub, a directory or the embedded data sets, checked, and encoded as tokens."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import datasets
import huggingface_hub
import numpy as np

from benchmarks.errors import SuiteError, first_line
from benchmarks.tasks import embedded
from benchmarks.tasks.base import Source, Task
from benchmarks.tasks.text import Instance, Text

_ALL: Mapping[str, int | None] = MappingProxyType({})


@dataclass(frozen=True)
class Rows:
    """A task's splits, whose rows have been checked; ``fingerprint`` hashes every row."""

    source: str
    dataset: str
    fingerprint: str
    splits: dict[str, datasets.Dataset]


def load(task: Task, root: str | None, cache: Path, sizes: Mapping[str, int | None] = _ALL) -> Rows:
    """Load a task's rows. ``root``: None for the hub, "embedded", or a directory in the hub's layout.

    ``sizes`` says how many rows of a split are taken, a fixed sample; None takes all. Raises SuiteError for rows that
    cannot be read, or that the task finds fault with.
    """
    datasets.disable_progress_bars()
    huggingface_hub.utils.logging.set_verbosity_error()
    kept = {split: _read(source, split, root, cache, task.name) for split, source in task.sources.items()}
    for split, size in sizes.items():
        if size is not None:
            kept[split] = kept[split].select(_sample(len(kept[split]), size, f"data.{split}_rows"))
    digest = hashlib.sha256()
    for rows in kept.values():
        for row in _rows(rows):
            digest.update(row)
    origin = {None: "hub", "embedded": "embedded"}.get(root, "directory")
    return Rows(origin, f"{task.dataset}/{task.config}", digest.hexdigest()[:16], kept)


def _read(source: Source, split: str, root: str | None, cache: Path, needs: str) -> datasets.Dataset:
    """Return one split's checked rows, with the columns that the source names; ``needs`` is who needs them."""
    if root is None:
        place = source.dataset
    elif root == "embedded":
        place = str(embedded.write(cache, source.dataset.rpartition("/")[2]))
    else:
        place = _directory(root, source)
    # datasets tells directories apart by name alone, and would return the cached rows of another one.
    cache_of_place = None if root is None else str(cache / "datasets" / _files_of(Path(place)))
    revision = source.revision if root is None else None
    try:
        rows = datasets.load_dataset(
            place, source.config, split=source.split, revision=revision, cache_dir=cache_of_place
        )
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = first_line(error.__cause__ or error)
        raise SuiteError(
            f"cannot read {source.dataset} ({source.config}) from {place}: {reason}; "
            f"pass data.root=DIR that holds {source.dataset.rpartition('/')[2]}/ in the hub's layout (its README.md "
            "names the configs), or that folder, or data.root=embedded for the suite's own rows"
        ) from error
    _check(source, rows, f"{place} ({source.config}, {split})", needs)
    return rows.select_columns(source.columns)


def _directory(root: str, source: Source) -> str:
    inside = Path(root) / source.dataset.rpartition("/")[2]
    place = inside if inside.is_dir() else Path(root)
    if not place.is_dir():
        raise SuiteError(
            f"data.root={root} is not a directory: pass one that holds {inside.name}/{source.config}/*.parquet"
        )
    return str(place)


def _files_of(directory: Path) -> str:
    """Return a hash that changes when a file of the directory does."""
    files = sorted(file for file in directory.rglob("*") if file.is_file())
    seen = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16]


def _check(source: Source, rows: datasets.Dataset, place: str, needs: str) -> None:
    missing = [column for column in source.columns if column not in rows.column_names]
    if missing:
        raise SuiteError(
            f"{place} has no column {', '.join(missing)}: {needs} needs {', '.join(source.columns)}; "
            f"existing: {', '.join(rows.column_names)}"
        )
    for number, values in enumerate(zip(*(rows[column][:] for column in source.columns), strict=True)):
        if fault := source.fault(dict(zip(source.columns, values, strict=True))):
            raise SuiteError(f"{place} row {number} has {fault}")


def _sample(there: int, wanted: int, setting: str) -> list[int]:
    """Return ``wanted`` of ``there`` row numbers, sorted; the same ones for the same two numbers."""
    if not 0 < wanted <= there:
        raise SuiteError(f"{setting} must be from 1 to {there}, or null for all, got {wanted}")
    return sorted(np.random.default_rng(0).permutation(there)[:wanted].tolist())


def instances(rows: Rows, task: Text) -> dict[str, list[Instance]]:
    """Return what is to be answered, by set: a fixed sample of ``task.decode.instances``, or all."""
    by_set, wanted = task.instances(rows.splits), task.decode.instances
    if wanted is None:
        return by_set
    return {
        name: [asked[i] for i in _sample(len(asked), wanted, "task.decode.instances")] for name, asked in by_set.items()
    }


def halves(task: Task, rows: datasets.Dataset) -> np.ndarray:
    """Return (rows,) of 0 and 1: the half of dev that each row is in, by a hash of its ``task.half_by`` columns."""
    deciding = rows.select_columns(task.half_by)
    return np.array([hashlib.sha256(row).digest()[0] & 1 for row in _rows(deciding)])


def _rows(rows: datasets.Dataset) -> list[bytes]:
    """Return each row's values as bytes, which are the same wherever the row was read from."""
    columns = (rows[name][:] for name in rows.column_names)
    return [json.dumps(row).encode() for row in zip(*columns, strict=True)]


def tokenise(rows: Rows, split: str, task: Task, tokenizer, backbone: str, max_length: int) -> list[dict]:
    """Return each row's tokens and labels, cached on disk by rows, task, length and the backbone's fingerprint."""
    facts = f"{rows.fingerprint} {split} {task.model_dump_json()} {max_length} {backbone}"
    encoded = rows.splits[split].map(
        lambda batch: task.encode(batch, tokenizer, max_length),
        batched=True,
        remove_columns=rows.splits[split].column_names,
        new_fingerprint=hashlib.sha256(facts.encode()).hexdigest()[:32],
    )
    return encoded.to_list()
