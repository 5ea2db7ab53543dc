"""Where the files of a backbone lie, and which backbone they are.

Neither torch nor transformers is imported here: a job whose runs are all done needs no more of its backbone than this.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import hub
from benchmarks.errors import SuiteError
from benchmarks.records.files import check_not_pointer

_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_TOKENIZER = ["*token*.json", "vocab*", "merges.txt", "*.model"]
_FETCHED_OF_RANDOM = [*_TOKENIZER, "config.json"]
_FETCHED = ["*.json", "*.txt", "*.model", _WEIGHTS, "model-*.safetensors"]
_SEAL = "unpacked-from"  # the file that says what a directory was unpacked from, and what was in it then


def locate(path: str, cache: Path, random: bool = False, revision: str | None = None) -> Path:
    """Return the directory of a backbone: ``package:NAME/SUB``, a directory, or an id on the hub, which is fetched.

    A path that ends in .gguf is unpacked into a directory below ``cache``. For a ``random`` backbone, whose weights
    are drawn, only the tokenizer and the config are fetched. ``revision`` is the hub's; None for main.
    """
    place = _find(path, random, revision)
    return _unpacked(place, cache / "backbones") if place.suffix == ".gguf" else place


def fingerprint(directory: Path, drawn: dict[str, Any] | None = None) -> str:
    """Return a hash of weights, config and tokenizer, which is the same wherever a backbone is read from.

    ``drawn`` is the shape of a backbone whose weights are drawn: it stands in the place of weights and config.
    """
    if drawn is None:
        return _of_weights(directory)
    facts = f"{json.dumps(drawn, sort_keys=True)} {_hash(_matching(directory, _TOKENIZER))}"
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def weights(directory: Path) -> list[Path]:
    """Return the files of a backbone's weights: the very ones that transformers reads where it may read no pickles.

    Raises SuiteError where there are none, and where transformers would add an adapter to them.
    """
    if adapter := next((file for file in directory.glob("adapter_*") if file.suffix != ".md"), None):
        raise SuiteError(
            f"{adapter} is part of an adapter, which would change the weights beside it: move the adapter to another "
            "directory, or merge it and save the whole model"
        )
    if (directory / _WEIGHTS).is_file():
        return [directory / _WEIGHTS]
    if (directory / _INDEX).is_file():
        return _indexed(directory / _INDEX)
    others = sorted(file.name for file in directory.glob("*") if file.suffix in (".bin", ".safetensors", ".pt", ".pth"))
    there = f"only {', '.join(others)}" if others else "no weights"
    raise SuiteError(
        f"{directory} holds {there}, and weights are read from {_WEIGHTS} (or the files of {_INDEX}) alone: load the "
        "model with transformers, and save_pretrained(DIR) writes them so"
    )


def _indexed(index: Path) -> list[Path]:
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise SuiteError(f"{index} is not an index of weights: it must hold a weight_map") from error
    lacking = sorted(name for name in names if Path(name).name != name or not (index.parent / name).is_file())
    if lacking or not names:
        raise SuiteError(f"{index} names files that are not beside it: {', '.join(lacking) or 'none at all'}")
    return [index.parent / name for name in names]


def _seal(directory: Path, name: str) -> None:
    """Leave in an unpacked directory a note of its ``name`` and of what it holds, to tell later whether it is whole."""
    (directory / _SEAL).write_text(_sealed(directory, name), encoding="utf-8")


def _sealed(directory: Path, name: str) -> str:
    return f"{name} {_of_weights(directory)}\n"


def _is_whole(directory: Path) -> bool:
    try:
        return (directory / _SEAL).read_text(encoding="utf-8") == _sealed(directory, directory.name)
    except (OSError, ValueError, SuiteError):
        return False


def _find(path: str, random: bool, revision: str | None) -> Path:
    if path.startswith("package:"):
        return _in_package(*path.removeprefix("package:").split("/", 1))
    place = Path(path).expanduser()
    if place.is_dir() or (place.suffix == ".gguf" and place.is_file()):
        return place
    try:
        return hub.snapshot(path, "model", revision, tuple(_FETCHED_OF_RANDOM if random else _FETCHED))
    except hub.Unfetched as error:
        raise SuiteError(
            f"{error}; or pass backbone.path=DIR with its files, since there is no directory {path}, or "
            "backbone=minilm or smollm2-135m, which packages ship"
        ) from error


def _in_package(package: str, inside: str = "") -> Path:
    # Of a dotted name find_spec would import the first part, and paths come from files of others too.
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise SuiteError(
            f"the package {package}, which ships this backbone, is not installed: run make install, "
            "or pass backbone.path=DIR"
        )
    place = Path(spec.submodule_search_locations[0]) / inside
    if not place.exists():
        raise SuiteError(f"the package {package} does not ship {inside}: look into {place.parent}")
    return place


def _unpacked(file: Path, cache: Path) -> Path:
    """Return a directory in the hub's layout with what a GGUF file holds."""
    check_not_pointer(file)
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()[:16]
    target = cache / f"{file.stem}-{digest}-transformers-{version('transformers')}"
    if target.is_dir() and not _is_whole(target):
        print(f"{target} is damaged, or was left by an older version: it is unpacked again", file=sys.stderr)
        shutil.rmtree(target)
        _of_weights.cache_clear()
    if not target.is_dir():
        _unpack(file, target)
    return target


def _unpack(file: Path, target: Path) -> None:
    """Unpack a GGUF file into ``target``, which is whole or absent; another process may be the one that leaves it."""
    from benchmarks.models import gguf  # imports transformers

    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch) / "made"
        gguf.unpack(file, made)
        _seal(made, target.name)
        try:
            os.replace(made, target)
        except OSError:
            if not target.is_dir():  # that is, no other process was first
                raise


@lru_cache(maxsize=8)
def _of_weights(directory: Path) -> str:
    return _hash({*weights(directory), *_matching(directory, ["config.json", *_TOKENIZER])})


def _matching(directory: Path, patterns: list[str]) -> set[Path]:
    return {file for pattern in patterns for file in directory.glob(pattern)}


def _hash(files: set[Path]) -> str:
    digest = hashlib.sha256()
    for file in sorted(files):
        check_not_pointer(file)
        digest.update(hub.digest(file))
    return digest.hexdigest()[:16]
