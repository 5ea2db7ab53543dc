"""Pretrained models from the hub, a directory or a Python package, with a head, if any, left to the runs."""

import hashlib
import importlib.util
import json
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import huggingface_hub
import safetensors
import torch
import transformers
from torch import nn

from benchmarks.errors import SuiteError, first_line
from benchmarks.models import attention, quantization
from benchmarks.tasks.base import Task

_WANTED = ["*.json", "*.txt", "*.model", "*.safetensors"]
_TOKENIZER = ["*token*.json", "vocab*", "merges.txt", "*.model"]
_COMPUTES = ["*.safetensors", "config.json", *_TOKENIZER]


def locate(path: str, cache: Path, random: bool = False) -> Path:
    """Return the directory of a backbone: ``package:NAME/SUB``, a directory, or a hub id, which is fetched.

    A path that ends in .gguf is unpacked to such a directory below ``cache``. Of a ``random`` backbone the tokenizer
    alone is taken.
    """
    found = _find(path, random)
    return _unpacked(found, cache / "backbones") if found.suffix == ".gguf" else found


def _find(path: str, random: bool) -> Path:
    if path.startswith("package:"):
        package, _, inside = path.removeprefix("package:").partition("/")
        spec = importlib.util.find_spec(package)
        if spec is None:
            raise SuiteError(
                f"the package {package} that ships this backbone is not installed: run make install, "
                "or pass backbone.path=DIR"
            )
        place = Path(spec.submodule_search_locations[0]) / inside
        if not place.exists():
            raise SuiteError(f"the package {package} ships no {inside}: look into {place.parent}")
        return place
    if Path(path).is_dir() or (path.endswith(".gguf") and Path(path).is_file()):
        return Path(path)
    wanted = [*_TOKENIZER, "config.json"] if random else _WANTED
    try:
        return Path(huggingface_hub.snapshot_download(path, allow_patterns=wanted))
    except huggingface_hub.errors.GatedRepoError as error:
        raise SuiteError(
            f"{path} is gated: accept its licence at {huggingface_hub.constants.ENDPOINT}/{path} and log in "
            "(`hf auth login`, or HF_TOKEN in the environment), or pass backbone.path=DIR with its files"
        ) from error
    except (OSError, ValueError, huggingface_hub.errors.HfHubHTTPError) as error:
        raise SuiteError(
            f"cannot fetch {path} from the hub ({type(error).__name__}: {first_line(error)}), and it is no directory: "
            "pass backbone.path=DIR with its files, or backbone=minilm or smollm2-135m, which packages ship"
        ) from error


def _unpacked(file: Path, cache: Path) -> Path:
    """Return a directory in the hub's layout with a GGUF file's weights, in float32, and its tokenizer."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()[:16]
    target = cache / f"{file.stem}-{digest}-transformers-{transformers.__version__}"
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    settings = {"gguf_file": file.name}
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        made = Path(scratch) / "made"
        _read(transformers.AutoTokenizer, file.parent, **settings).save_pretrained(made)
        read = _read(transformers.AutoModelForCausalLM, file.parent, dtype=torch.float32, **settings)
        # What was read says that it is quantised, and refuses to be saved, though its weights are plain now.
        plain = type(read)(_read(transformers.AutoConfig, file.parent, **settings))
        plain.load_state_dict(read.state_dict())
        plain.save_pretrained(made)
        try:
            os.replace(made, target)
        except OSError:
            if not target.is_dir():  # another process was first otherwise
                raise
    return target


@lru_cache(maxsize=8)
def fingerprint(directory: Path) -> str:
    """Return a hash of weights, config and tokenizer, so that a backbone is itself wherever it was read from."""
    if not any(directory.glob("*.safetensors")):
        raise SuiteError(f"{directory} holds no *.safetensors: pass a directory in the hub's layout")
    return _hash(directory, _COMPUTES)


def fingerprint_of_random(directory: Path, shape: dict[str, Any]) -> str:
    """Return a hash of what random weights are drawn by, and of the tokenizer."""
    drawn_by = f"{json.dumps(shape, sort_keys=True)} {_hash(directory, _TOKENIZER)}"
    return hashlib.sha256(drawn_by.encode()).hexdigest()[:16]


def _hash(directory: Path, patterns: list[str]) -> str:
    digest = hashlib.sha256()
    for file in sorted({file for pattern in patterns for file in directory.glob(pattern)}):
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:16]


def config_of(shape: dict[str, Any], **settings: Any) -> transformers.PretrainedConfig:
    """Return the model configuration that a backbone's facts in conf/ describe."""
    facts = dict(shape)
    return transformers.AutoConfig.for_model(facts.pop("model_type"), **facts, **settings)


def on_meta(shape: dict[str, Any], task: type[Task] | Task) -> nn.Module:
    """Build a backbone at its real shape without weights, for counting."""
    with torch.device("meta"):
        return getattr(transformers, task.auto_class).from_config(config_of(shape))


def context(directory: Path, shape: dict[str, Any] | None) -> int:
    """Return how many tokens a backbone can take: what its ``shape`` states, or its own config."""
    stated = (shape or {}).get("max_position_embeddings")
    if stated is None:
        stated = getattr(_read(transformers.AutoConfig, directory).get_text_config(), "max_position_embeddings", None)
    if stated is None:
        raise SuiteError(
            f"the config of {directory} does not state how many tokens it can take (max_position_embeddings): such a "
            "backbone cannot be used"
        )
    return stated


def tokenizer(directory: Path) -> Any:
    """Load a backbone's tokenizer."""
    return _read(transformers.AutoTokenizer, directory)


def load(
    directory: Path,
    task: Task,
    shape: dict[str, Any] | None,
    head: list[str],
    dropout: float | None,
    random: bool = False,
    quantized: dict[str, Any] | None = None,
) -> nn.Module:
    """Load a task's kind of model in float32; checks it against the ``shape`` that its config states.

    Only the modules that ``head`` names may be without weights in the checkpoint. ``dropout`` replaces the model's own
    probabilities where it is not None. A ``random`` one has that shape, and weights drawn from seed 0. ``quantized``
    is what transformers needs to be told to quantise the linear maps.
    """
    if random:
        config = config_of(shape, **task.model_settings)
    else:
        config = _read(transformers.AutoConfig, directory, **task.model_settings)
    for fact, value in (shape or {}).items():
        if getattr(config, fact, None) != value:
            raise SuiteError(
                f"{directory} has {fact} {getattr(config, fact, None)} where this backbone has {value}: "
                "use backbone=encoder or backbone=decoder for another model"
            )
    if dropout is not None:
        for name in [name for name in vars(config) if name.endswith(("dropout", "dropout_prob", "pdrop"))]:
            setattr(config, name, dropout)
    settings = {"config": config, "attn_implementation": attention.NAME, "dtype": torch.float32}
    if random:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = getattr(transformers, task.auto_class).from_config(**settings)
    if random and quantized:
        with tempfile.TemporaryDirectory() as drawn:  # transformers quantises what it reads
            model.save_pretrained(drawn)
            del model
            model = _pretrained(Path(drawn), task, settings | quantized, head)
    elif not random:
        model = _pretrained(directory, task, settings | (quantized or {}), head)
    quantization.keep_layout(model)
    if not task.has_head:
        # Torch multiplies a slice of activations as a batch, and copies the whole vocabulary's matrix for each row.
        model.get_output_embeddings().register_forward_pre_hook(lambda module, args: (args[0].contiguous(),))
    return model


def _pretrained(directory: Path, task: Task, settings: dict[str, Any], head: list[str]) -> nn.Module:
    model, loading = _read(
        getattr(transformers, task.auto_class),
        directory,
        **settings,
        ignore_mismatched_sizes=True,  # a head of another task, which the runs draw anew
        output_loading_info=True,
    )
    absent = {*loading["missing_keys"], *(name for name, *_ in loading["mismatched_keys"])}
    if missing := sorted(name for name in absent if not name.startswith(tuple(f"{part}." for part in head))):
        raise SuiteError(
            f"{directory} holds no weights for {', '.join(missing)}, which would be random and frozen: "
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
    except KeyError as error:  # a model that looks its attention up in a list of its own
        raise SuiteError(f"{directory} is a model whose attention the suite cannot replace ({error})") from error
    except (OSError, ValueError, ImportError, safetensors.SafetensorError) as error:
        raise SuiteError(f"{directory} is no backbone that transformers reads: {first_line(error)}") from error


def fast_at_bf16(device: torch.device) -> bool:
    """Say whether the machine has bf16 matrix units of its own; without them bf16 is slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    units = torch.cpu.get_capabilities()
    return any(units.get(unit) for unit in ("avx512_bf16", "amx_bf16", "bf16"))
