"""Where the files of a backbone lie, and which backbone they are.

Neither torch nor transformers is imported here: a job whose runs are all done needs no more of its backbone than this.
"""

import hashlib
import importlib.util
import json
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import huggingface_hub

from benchmarks.errors import SuiteError, first_line

_TOKENIZER = ["*token*.json", "vocab*", "merges.txt", "*.model"]
_IDENTIFYING = ["*.safetensors", "config.json", *_TOKENIZER]
_FETCHED = ["*.json", "*.txt", "*.model", "*.safetensors"]
_FETCHED_OF_RANDOM = [*_TOKENIZER, "config.json"]


def locate(path: str, cache: Path, random: bool = False) -> Path:
    """Return the directory of a backbone: ``package:NAME/SUB``, a directory, or an id on the hub, which is fetched.

    A path that ends in .gguf is unpacked into a directory below ``cache``. For a ``random`` backbone, whose weights
    are drawn, only the tokenizer and the config are fetched.
    """
    place = _find(path, random)
    return _unpacked(place, cache / "backbones") if place.suffix == ".gguf" else place


def fingerprint(directory: Path, drawn: dict[str, Any] | None = None) -> str:
    """Return a hash of weights, config and tokenizer, which is the same wherever a backbone is read from.

    ``drawn`` is the shape of a backbone whose weights are drawn: it stands in the place of weights and config.
    """
    if drawn is None:
        return _of_weights(directory)
    facts = f"{json.dumps(drawn, sort_keys=True)} {_hash(directory, _TOKENIZER)}"
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def _find(path: str, random: bool) -> Path:
    if path.startswith("package:"):
        return _in_package(*path.removeprefix("package:").split("/", 1))
    if Path(path).is_dir() or (path.endswith(".gguf") and Path(path).is_file()):
        return Path(path)
    try:
        return Path(huggingface_hub.snapshot_download(path, allow_patterns=_FETCHED_OF_RANDOM if random else _FETCHED))
    except huggingface_hub.errors.GatedRepoError as error:
        raise SuiteError(
            f"{path} is gated: accept its licence at {huggingface_hub.constants.ENDPOINT}/{path} and log in "
            "(`hf auth login`, or HF_TOKEN in the environment), or pass backbone.path=DIR with its files"
        ) from error
    except (OSError, ValueError, huggingface_hub.errors.HfHubHTTPError) as error:
        raise SuiteError(
            f"cannot fetch {path} from the hub ({type(error).__name__}: {first_line(error)}), and there is no "
            "directory of that name: pass backbone.path=DIR with its files, or backbone=minilm or smollm2-135m, which "
            "packages ship"
        ) from error


def _in_package(package: str, inside: str = "") -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None:
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
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()[:16]
    target = cache / f"{file.stem}-{digest}-transformers-{version('transformers')}"
    if not target.is_dir():
        from benchmarks.models import gguf  # imports transformers

        gguf.unpack(file, target)
    return target


@lru_cache(maxsize=8)
def _of_weights(directory: Path) -> str:
    if not any(directory.glob("*.safetensors")):
        raise SuiteError(f"{directory} holds no *.safetensors: pass a directory in the hub's layout")
    return _hash(directory, _IDENTIFYING)


def _hash(directory: Path, patterns: list[str]) -> str:
    digest = hashlib.sha256()
    for file in sorted({file for pattern in patterns for file in directory.glob(pattern)}):
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:16]
