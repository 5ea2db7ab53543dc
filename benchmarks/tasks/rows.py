"""A task's rows: read from the hub, a directory or the embedded data sets, and checked."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import datasets
import huggingface_hub
import numpy as np

from benchmarks import hub
from benchmarks.errors import SuiteError, first_line
from benchmarks.tasks import embedded, folders
from benchmarks.tasks.base import Source, Task
from benchmarks.tasks.text import Instance, Text

_ALL: Mapping[str, int | None] = MappingProxyType({})


@dataclass(frozen=True)
class Rows:
    """A task's splits, whose rows have been checked; ``fingerprint`` hashes every row.

    ``revision`` is the commit of rows from the hub. Their tokens are kept below ``cache``, if it is given.
    """

    source: str
    dataset: str
    fingerprint: str
    splits: dict[str, datasets.Dataset]
    cache: Path | None = None
    revision: str | None = None


Load = Callable[[Task, str | None, Path, Mapping[str, int | None]], Rows]


def load(task: Task, root: str | None, cache: Path, sizes: Mapping[str, int | None] = _ALL) -> Rows:
    """Load a task's rows. ``root``: None for the hub, "embedded", or a directory in the hub's layout.

    ``sizes`` says how many rows of a split are taken, a fixed sample; None takes all. Raises SuiteError for rows that
    cannot be read, or that the task finds fault with.
    """
    datasets.disable_progress_bars()
    huggingface_hub.utils.logging.set_verbosity_error()
    splits = {split: _read(source, split, root, cache, task.name) for split, source in task.sources.items()}
    for split, size in sizes.items():
        if size is not None:
            splits[split] = splits[split].select(_sample(len(splits[split]), size, f"data.{split}_rows"))
    digest = hashlib.sha256()
    for rows in splits.values():
        for row in _rows(rows):
            digest.update(row)
    origin = {None: "hub", "embedded": "embedded"}.get(root, "directory")
    commit = hub.commit_of(folder_of(task.sources["train"], root, cache)) if root is None else None
    return Rows(origin, f"{task.dataset}/{task.config}", digest.hexdigest()[:16], splits, cache, commit)


def loading_once() -> Load:
    """Return what loads as ``load`` does and keeps the rows, for jobs that share them."""
    kept: dict[tuple[Any, ...], Rows] = {}

    def load_or_take(task: Task, root: str | None, cache: Path, sizes: Mapping[str, int | None] = _ALL) -> Rows:
        key = (task.model_dump_json(), root, cache, *sizes.items())
        if key not in kept:
            kept[key] = load(task, root, cache, sizes)
        return kept[key]

    return load_or_take


def _read(source: Source, split: str, root: str | None, cache: Path, needs: str) -> datasets.Dataset:
    """Return one split's checked rows, with the columns that the source names; ``needs`` is who needs them."""
    place = folder_of(source, root, cache)
    try:
        rows = folders.read(place, source, cache)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = first_line(error.__cause__ or error)
        raise SuiteError(
            f"cannot read {source.dataset} ({source.config}) from {place}: {reason}; {_wanted(source)}"
        ) from error
    where = f"{source.dataset if root is None else place} ({source.config}, {split})"
    rows = _settled(source, rows, where)
    _check(source, rows, where, needs)
    rows = rows.select_columns(source.columns)
    if source.keeps is None:
        return rows
    kept = [number for number, row in enumerate(rows) if source.keeps(row)]
    if not kept:
        raise SuiteError(f"{where} has no row that task.most_characters leaves in: raise it")
    return rows.select(kept)


def folder_of(source: Source, root: str | None, cache: Path) -> Path:
    """Return the folder of a data set's files; of one on the hub, that of the hub's client."""
    if root == "embedded":
        return embedded.write(cache, source.dataset.rpartition("/")[2])
    if root is not None:
        return _directory(root, source)
    try:
        about = hub.snapshot(source.dataset, "dataset", source.revision, ("README.md",))
        needed = folders.patterns(about, source.config)
        return hub.snapshot(source.dataset, "dataset", source.revision, needed and tuple(needed))
    except hub.Unfetched as error:
        raise SuiteError(f"{error}; {_wanted(source)}") from error


def _wanted(source: Source) -> str:
    """Say what a person can pass in the place of a set that cannot be read."""
    name, split = source.dataset.rpartition("/")[2], re.match(r"\w*", source.split)[0]
    entry = f"{{config_name: {source.config}, data_files: [{{split: {split}, path: FILE}}]}}"
    return (
        f"pass data.root=DIR that holds {name}/, or that folder, with {source.config}/{split}.parquet, .jsonl, .csv or "
        f".tsv, or with a README.md that begins with the lines `---`, `configs: [{entry}]`, `---`; or "
        "data.root=embedded for the suite's own rows"
    )


def _directory(root: str, source: Source) -> Path:
    place = Path(root).expanduser()
    inside = place / source.dataset.rpartition("/")[2]
    if not place.is_dir():
        raise SuiteError(f"data.root={root} is not a directory: {_wanted(source)}")
    return inside if inside.is_dir() else place


def _settled(source: Source, rows: datasets.Dataset, where: str) -> datasets.Dataset:
    """Return rows with empty texts where optional ones are missing, and with the task's ids of classes."""
    for column in source.optional:
        values = rows[column][:] if column in rows.column_names else [None] * len(rows)
        rows = _replaced(rows, column, ["" if value is None else value for value in values])
    for column, names in source.classes.items():
        if column in rows.column_names:
            rows = _replaced(rows, column, _ids(rows, column, names, where))
    return rows


def _replaced(rows: datasets.Dataset, column: str, values: list) -> datasets.Dataset:
    there = column in rows.column_names
    if there and rows[column][:] == values:
        return rows
    return (rows.remove_columns(column) if there else rows).add_column(column, values)


def _ids(rows: datasets.Dataset, column: str, names: list[str], where: str) -> list:
    """Return the values of a column of classes, each class by its id among ``names`` wherever it has a name."""
    values, theirs = rows[column][:], getattr(rows.features[column], "names", None)
    numbers = {str(number): number for number in range(len(names))}
    if theirs is not None and theirs != list(numbers):
        if sorted(theirs) != sorted(names):
            raise SuiteError(
                f"{where} names its classes {', '.join(theirs)}: they must have the task's names, {', '.join(names)}"
            )
        values = [theirs[value] if value in range(len(theirs)) else value for value in values]
    ids = numbers | {name: number for number, name in enumerate(names)}
    for number, value in enumerate(values):
        if isinstance(value, str) and value not in ids:
            raise SuiteError(
                f"{where} row {number} has the {column} {value!r}, which must be {' or '.join(names)}, or 0 to "
                f"{len(names) - 1}"
            )
    return [ids[value] if isinstance(value, str) else value for value in values]


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
