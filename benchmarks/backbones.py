"""Pretrained encoders from the hub, a directory or a Python package, with the head left to the runs."""

import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any

import huggingface_hub
import safetensors
import torch
import transformers
from torch import nn

from benchmarks import attention
from benchmarks.errors import SuiteError, first_line

_WANTED = ["*.json", "*.txt", "*.model", "*.safetensors"]
_COMPUTES = ["*.safetensors", "config.json", "*token*.json", "vocab*", "merges.txt", "*.model"]


def locate(path: str) -> Path:
    """Return the directory of a backbone: ``package:NAME/SUB``, a directory, or a hub id, which is fetched."""
    if path.startswith("package:"):
        package, _, inside = path.removeprefix("package:").partition("/")
        spec = importlib.util.find_spec(package)
        if spec is None:
            raise SuiteError(
                f"the package {package} that ships this backbone is not installed: run make install, "
                "or pass backbone.path=DIR"
            )
        return Path(spec.submodule_search_locations[0]) / inside
    if Path(path).is_dir():
        return Path(path)
    try:
        return Path(huggingface_hub.snapshot_download(path, allow_patterns=_WANTED))
    except (OSError, ValueError, huggingface_hub.errors.HfHubHTTPError) as error:
        raise SuiteError(
            f"cannot fetch {path} from the hub ({type(error).__name__}: {first_line(error)}), and it is no directory: "
            "pass backbone.path=DIR with its files, or backbone=minilm, which a package ships"
        ) from error


@lru_cache(maxsize=8)
def fingerprint(directory: Path) -> str:
    """Return a hash of weights, config and tokenizer, so that a backbone is itself wherever it was read from."""
    if not any(directory.glob("*.safetensors")):
        raise SuiteError(f"{directory} holds no *.safetensors: pass a directory in the hub's layout")
    digest = hashlib.sha256()
    for file in sorted({file for pattern in _COMPUTES for file in directory.glob(pattern)}):
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:16]


def config_of(shape: dict[str, Any], outputs: int) -> transformers.PretrainedConfig:
    """Return the model configuration that a backbone's facts in conf/ describe."""
    facts = dict(shape)
    return transformers.AutoConfig.for_model(facts.pop("model_type"), num_labels=outputs, **facts)


def on_meta(shape: dict[str, Any], outputs: int) -> nn.Module:
    """Build a backbone at its real shape without weights, for counting."""
    with torch.device("meta"):
        return transformers.AutoModelForSequenceClassification.from_config(config_of(shape, outputs))


def tokenizer(directory: Path) -> Any:
    """Load a backbone's tokenizer."""
    return _read(transformers.AutoTokenizer, directory)


def load(
    directory: Path, shape: dict[str, Any] | None, head: list[str], outputs: int, dropout: float | None
) -> nn.Module:
    """Load a classifier in float32; checks it against the ``shape`` that its config states.

    Only the modules that ``head`` names may be without weights in the checkpoint. ``dropout`` replaces the model's own
    probabilities where it is not None.
    """
    config = _read(transformers.AutoConfig, directory, num_labels=outputs)
    for fact, value in (shape or {}).items():
        if getattr(config, fact, None) != value:
            raise SuiteError(
                f"{directory} has {fact} {getattr(config, fact, None)} where this backbone has {value}: "
                "use backbone=encoder for another model"
            )
    if dropout is not None:
        for name in [name for name in vars(config) if name.endswith(("dropout", "dropout_prob"))]:
            setattr(config, name, dropout)
    model, loading = _read(
        transformers.AutoModelForSequenceClassification,
        directory,
        config=config,
        attn_implementation=attention.NAME,
        dtype=torch.float32,
        ignore_mismatched_sizes=True,  # a head of another task, which the runs draw anew
        output_loading_info=True,
    )
    absent = {*loading["missing_keys"], *(name for name, *_ in loading["mismatched_keys"])}
    if random := sorted(name for name in absent if not name.startswith(tuple(f"{part}." for part in head))):
        raise SuiteError(
            f"{directory} holds no weights for {', '.join(random)}, which would be random and frozen: "
            "pass a whole checkpoint, or name the part in backbone.head to train it"
        )
    for part in head:
        if part not in dict(model.named_modules()):
            raise SuiteError(
                f"backbone.head names {part}, which {directory} has not: {', '.join(dict(model.named_children()))}"
            )
    return model


def _read(kind: Any, directory: Path, **settings: Any) -> Any:
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        return kind.from_pretrained(directory, **settings)
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise SuiteError(f"{directory} is no backbone that transformers reads: {first_line(error)}") from error


def fast_at_bf16(device: torch.device) -> bool:
    """Say whether the machine has bf16 matrix units of its own; without them bf16 is slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    units = torch.cpu.get_capabilities()
    return any(units.get(unit) for unit in ("avx512_bf16", "amx_bf16", "bf16"))
