"""Rows from the hub, a directory or the suite's own grammar; tokens; batches in each run's own order."""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import datasets
import huggingface_hub
import numpy as np
import torch
from torch import Tensor

from benchmarks import embedded
from benchmarks.errors import SuiteError, first_line
from benchmarks.tasks import Task

_POOL = 50


@dataclass(frozen=True)
class Rows:
    """A task's two splits with their labels checked; ``fingerprint`` hashes every text and label."""

    source: str
    dataset: str
    fingerprint: str
    splits: dict[str, datasets.Dataset]


def load(task: Task, root: str | None, cache: Path) -> Rows:
    """Load a task's rows: from the hub (root None), ``embedded``, or a directory in the hub's layout."""
    datasets.disable_progress_bars()
    huggingface_hub.utils.logging.set_verbosity_error()
    if root is None:
        source, place = "hub", task.dataset
    elif root == "embedded":
        source, place = "embedded", str(embedded.write(cache, task.dataset.rpartition("/")[2]))
    else:
        source, place = "directory", _directory(root, task)
    # datasets tells directories apart by their name alone, and would serve one's cached rows for another's.
    own_cache = None if source == "hub" else str(cache / "datasets" / _files_of(Path(place)))
    names = {"train": task.train, "validation": task.validation}
    try:
        loaded = {
            split: datasets.load_dataset(place, task.config, split=name, cache_dir=own_cache)
            for split, name in names.items()
        }
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        reason = first_line(error.__cause__ or error)
        raise SuiteError(
            f"cannot read {task.dataset} ({task.config}) from {place}: {reason}; "
            "pass data.root=DIR with the set in the hub's layout (its README.md names the configs), or "
            "data.root=embedded for the suite's own rows"
        ) from error
    for split, rows in loaded.items():
        _check(task, rows, f"{place} ({task.config}, {split})")
    kept = {split: rows.select_columns([*task.text, task.label]) for split, rows in loaded.items()}
    digest = hashlib.sha256()
    for rows in kept.values():
        for row in _rows(rows):
            digest.update(row)
    return Rows(source, f"{task.dataset}/{task.config}", digest.hexdigest()[:16], kept)


def _directory(root: str, task: Task) -> str:
    inside = Path(root) / task.dataset.rpartition("/")[2]
    place = inside if inside.is_dir() else Path(root)
    if not place.is_dir():
        raise SuiteError(f"data.root={root} is no directory: pass one that holds {inside.name}/{task.config}/*.parquet")
    return str(place)


def _files_of(directory: Path) -> str:
    """Return a hash that changes when a file of the directory does."""
    files = sorted(file for file in directory.rglob("*") if file.is_file())
    seen = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16]


def _check(task: Task, rows: datasets.Dataset, place: str) -> None:
    missing = [column for column in [*task.text, task.label] if column not in rows.column_names]
    if missing:
        raise SuiteError(
            f"{place} has no column {', '.join(missing)}: {task.name} needs {', '.join([*task.text, task.label])}, "
            f"there are {', '.join(rows.column_names)}"
        )
    for column in task.text:
        for number, text in enumerate(rows[column][:]):
            if not isinstance(text, str):
                raise SuiteError(f"{place} row {number} has {text!r} for {column}: {task.name} needs a text")
    allowed = range(len(task.labels)) if task.labels else None
    for number, label in enumerate(rows[task.label][:]):
        if allowed is None and not (isinstance(label, int | float) and math.isfinite(label)):
            raise SuiteError(f"{place} row {number} has the label {label!r}: {task.name} needs a number")
        if allowed is not None and label not in allowed:
            raise SuiteError(
                f"{place} row {number} has the label {label!r}: {task.name} has 0 to {len(allowed) - 1} "
                f"({', '.join(task.labels)})"
            )


def halves(rows: datasets.Dataset) -> np.ndarray:
    """Return (rows,) of 0 and 1: the half of dev that each row is in, by a hash of the row itself."""
    return np.array([hashlib.sha256(row).digest()[0] & 1 for row in _rows(rows)])


def _rows(rows: datasets.Dataset) -> list[bytes]:
    """Return each row's texts and label as bytes, the same wherever it was read from."""
    columns = (rows[name][:] for name in rows.column_names)
    return [json.dumps(row).encode() for row in zip(*columns, strict=True)]


def tokenise(rows: Rows, split: str, task: Task, tokenizer, backbone: str, max_length: int) -> list[dict]:
    """Return a dict of token lists per row, cached on disk by rows, length and the backbone's fingerprint."""
    key = hashlib.sha256(f"{rows.fingerprint} {split} {max_length} {backbone}".encode()).hexdigest()[:32]

    def encode(batch: dict) -> dict:
        return dict(tokenizer(*(batch[column] for column in task.text), truncation=True, max_length=max_length))

    encoded = rows.splits[split].map(
        encode, batched=True, remove_columns=rows.splits[split].column_names, new_fingerprint=key
    )
    return encoded.to_list()


def order(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Return an epoch's batches of row numbers in the order of a run: shuffled, then bucketed by length.

    Which rank of length comes when depends on the epoch alone, so that the runs of a group, which hold different rows,
    hold rows of about one length at a time; the rows depend on the run's seed.
    """
    shuffled = np.random.default_rng([seed, epoch]).permutation(len(lengths))
    pools = [shuffled[i : i + _POOL * batch_size] for i in range(0, len(shuffled), _POOL * batch_size)]
    batches = [
        by_length[i : i + batch_size]
        for by_length in (pool[np.argsort(lengths[pool], kind="stable")] for pool in pools)
        for i in range(0, len(by_length), batch_size)
    ]
    return [batches[i] for i in np.random.default_rng(epoch).permutation(len(batches))]


def collate(examples: list[dict], tokenizer, device: torch.device) -> dict[str, Tensor]:
    """Pad token lists to the longest of the batch. Returns (rows, tokens) tensors."""
    return dict(tokenizer.pad(examples, return_tensors="pt").to(device))
