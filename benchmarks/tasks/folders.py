"""A split's rows from a directory: in the hub's layout, as ``save_to_disk`` writes, or as GLUE and E2E ship theirs."""

import csv
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import yaml
from datasets.packaged_modules.csv.csv import CsvConfig

from benchmarks import hub
from benchmarks.errors import SuiteError
from benchmarks.records.files import check_not_pointer
from benchmarks.tasks.base import Source

_READERS = {".parquet": "parquet", ".arrow": "arrow", ".json": "json", ".jsonl": "json", ".csv": "csv", ".tsv": "csv"}

# What the files of a split are called beside the split's name: by GLUE, and by E2E.
_STEMS = {
    "train": ("trainset",),
    "validation": ("dev", "devset"),
    "validation_matched": ("dev_matched",),
    "test": ("testset_w_refs",),
}
# GLUE's folders, by the config of the hub's set.
_GLUE = {"cola": "CoLA", "sst2": "SST-2", "mrpc": "MRPC", "stsb": "STS-B", "qnli": "QNLI", "rte": "RTE", "mnli": "MNLI"}
_COLA = ["source", "label", "mark", "sentence"]  # the columns of CoLA's files, which have no header
# What GLUE's and E2E's files call the hub's columns, where they differ.
_COLUMNS = {
    "meaning_representation": ("mr",),
    "human_reference": ("ref",),
    "sentence1": ("#1 String",),
    "sentence2": ("#2 String",),
    "premise": ("sentence1",),
    "hypothesis": ("sentence2",),
    "label": ("Quality", "score", "gold_label"),
}


def read(place: Path, source: Source, cache: Path) -> datasets.Dataset:
    """Return the rows of a source's split, which may be a slice such as train[:90%].

    What ``datasets`` makes of the files is kept below ``cache`` by a hash of their contents. Raises SuiteError for
    files that are Git LFS pointers or may belong to several sets, and what ``datasets`` raises for those that it
    cannot read.
    """
    split = re.match(r"\w*", source.split)[0]
    stated = _stated(place, source.config)
    files = [] if stated is not None else _files_of(place, source.config, split)
    home = place if stated is None else _without_links(place, cache)
    how: dict[str, Any] = {"path": str(home), "name": source.config}
    if stated is not None and "data_files" in stated and "data_dir" not in stated:
        how["data_files"] = stated["data_files"]  # or datasets looks for the first config's, which may not be here
    if files:
        how = {"path": _READERS[files[0].suffix], "data_files": {split: [str(file.resolve()) for file in files]}}
        how |= {"sep": "\t"} if files[0].suffix == ".tsv" else {}
    config = datasets.load_dataset_builder(**how).config
    used = [Path(file) for named in config.data_files.values() for file in named]
    for file in used:
        check_not_pointer(file)
    if stated is None:
        _check_one_set(place, config.data_files)
    how |= _csv_settings(config, source)
    kept = cache / "datasets" / _hash([*used, *place.glob("README.md")], place)
    builder = datasets.load_dataset_builder(**how, cache_dir=str(kept))
    builder.download_and_prepare()
    rows = builder.as_dataset(source.split)
    return _with_hub_columns(rows, source.columns) if files else rows


def patterns(place: Path, config: str) -> list[str] | None:
    """Return which of a data set's files a config needs, by its README.md; None where that does not state them."""
    stated = _stated(place, config)
    if stated is None or "data_files" not in stated:
        return None
    files, folder = stated["data_files"], stated.get("data_dir")
    named = [entry.get("path") if isinstance(entry, Mapping) else entry for entry in _listed(files)]
    paths = [str(path) for entry in named for path in _listed(entry)]
    return ["README.md", *(f"{folder}/{path}" if folder else path for path in paths)]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _stated(place: Path, config: str) -> Mapping[str, Any] | None:
    """Return what the README.md of a directory states of a config's files; None where it does not."""
    try:
        head = (place / "README.md").read_text(encoding="utf-8-sig").split("---")
        facts = yaml.safe_load(head[1]) if len(head) > 2 and not head[0].strip() else None
    except (OSError, ValueError, yaml.YAMLError):
        return None
    configs = facts.get("configs") if isinstance(facts, Mapping) else None
    for each in configs if isinstance(configs, list) else []:
        if isinstance(each, Mapping) and each.get("config_name") == config:
            return each
    return None


def _files_of(place: Path, config: str, split: str) -> list[Path]:
    """Return the files that are named after a split, of a directory whose README.md does not state them."""
    inside = [place / config, place / _GLUE.get(config, config)]
    stems = "|".join((split, *_STEMS.get(split, ())))
    for folder in [*inside, *([place] if config == "default" else [])]:
        for below in (folder, *(folder / stem for stem in stems.split("|"))):
            pattern = re.compile(rf"({stems})(-\d+(-of-\d+)?)?\.\w+" if below == folder else r"(data-)?\d.*")
            named = [file for file in _data_files(below) if pattern.fullmatch(file.name)]
            if named:
                return named
        if split == "train" and (folder / "state.json").is_file():  # one set that save_to_disk has written
            return [file for file in _data_files(folder) if file.suffix == ".arrow"]
    return []


def _data_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("[!.]*") if file.suffix in _READERS and file.is_file())


def _check_one_set(place: Path, files: Mapping[Any, Sequence[str]]) -> None:
    """Raise SuiteError where the files of a split may be those of several sets: they differ in more than a number."""
    for split, named in files.items():
        below = [Path(os.path.relpath(file, place.resolve())) for file in named]
        kinds = {file.with_name(re.sub(r"(^|[-_.])\d+(-of-\d+)?(?=\.)", "#", file.name)) for file in below}
        if len(kinds) > 1:
            folders = {file.parent for file in below}
            which = ", ".join(str(path) for path in sorted(folders if len(folders) > 1 else below))
            raise SuiteError(
                f"{place} holds several sets, and it is unclear which one to read as {split}: {which}; "
                f"pass the folder of one as data.root=DIR"
            )


def _csv_settings(config: Any, source: Source) -> dict[str, Any]:
    """Return how a CSV file is read: "NA" and "null" are words; of a TSV, as GLUE's, quotes are part of the text."""
    if not isinstance(config, CsvConfig):
        return {}
    settings: dict[str, Any] = {"keep_default_na": False}
    if config.sep == "\t" and config.quoting == csv.QUOTE_MINIMAL:
        settings["quoting"] = csv.QUOTE_NONE
    (first, *_), *_ = config.data_files.values()
    with open(first, encoding="utf-8", errors="replace") as file:
        header = file.readline().rstrip("\n").split("\t")
    if source.config == "cola" and len(header) == len(_COLA) and "sentence" not in header:
        settings["column_names"] = _COLA
    return settings


def _with_hub_columns(rows: datasets.Dataset, wanted: list[str]) -> datasets.Dataset:
    """Return rows with the hub's names for columns that GLUE's and E2E's files call otherwise."""
    there = set(rows.column_names)
    named = {column: next((n for n in _COLUMNS.get(column, ()) if n in there), None) for column in wanted}
    return rows.rename_columns({name: column for column, name in named.items() if name and column not in there})


def _without_links(place: Path, cache: Path) -> Path:
    """Return a directory, or a copy of one that holds symbolic links, as the hub's cache does.

    ``datasets`` goes by the name that a link points to, which in the hub's cache says neither split nor format.
    """
    if not any(Path(folder, name).is_symlink() for folder, below, files in os.walk(place) for name in below + files):
        return place
    files = [Path(folder, name) for folder, _, names in os.walk(place, followlinks=True) for name in sorted(names)]
    copy = cache / "datasets" / "copies" / _hash(files, place)
    if not copy.is_dir():
        copy.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=copy.parent) as scratch:
            made = shutil.copytree(place, Path(scratch) / "made")
            try:
                os.replace(made, copy)
            except OSError:
                if not copy.is_dir():  # that is, no other process was first
                    raise
    return copy


def _hash(files: Sequence[Path], place: Path) -> str:
    """Return a hash of files' paths, as seen from ``place``, and contents, wherever links lead."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{os.path.relpath(file, place)} {hub.digest(file).hex()}\n".encode())
    return digest.hexdigest()[:16]
