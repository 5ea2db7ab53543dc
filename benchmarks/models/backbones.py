"""Pretrained models, loaded for a task; a head, if there is one, is left to the runs."""

import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

from benchmarks.errors import SuiteError
from benchmarks.models import attention, files, quantization
from benchmarks.models.pretrained import read
from benchmarks.tasks.base import Task


def config_of(shape: dict[str, Any], **settings: Any) -> transformers.PretrainedConfig:
    """Return the model configuration that a backbone's ``shape`` in conf/ describes."""
    facts = dict(shape)
    return transformers.AutoConfig.for_model(facts.pop("model_type"), **facts, **settings)


def on_meta(shape: dict[str, Any], task: type[Task] | Task) -> nn.Module:
    """Build a backbone at its real shape without weights, for counting."""
    with torch.device("meta"):
        return getattr(transformers, task.auto_class).from_config(config_of(shape), trust_remote_code=False)


def context(directory: Path, shape: dict[str, Any] | None) -> int:
    """Return how many tokens a backbone can take: what its ``shape`` states, or its config."""
    stated = (shape or {}).get("max_position_embeddings")
    if stated is None:
        stated = getattr(read(transformers.AutoConfig, directory).get_text_config(), "max_position_embeddings", None)
    if stated is None:
        raise SuiteError(
            f"the config of {directory} does not state how many tokens it can take (max_position_embeddings): such a "
            "backbone cannot be used"
        )
    return stated


def tokenizer(directory: Path) -> Any:
    """Load a backbone's tokenizer."""
    return read(transformers.AutoTokenizer, directory)


def positions(config: transformers.PretrainedConfig, task: Task) -> int | None:
    """Return how many tokens a model can take at once; None where its config does not say.

    RoBERTa and its kin count places from after the padding's on, so that two of 514 serve no token.
    """
    stated = getattr(config.get_text_config(), "max_position_embeddings", None)
    if stated is None or not task.has_head:
        return stated
    with torch.device("meta"):
        model = transformers.AutoModel.from_config(config, trust_remote_code=False)
    tables = [module for name, module in model.named_modules() if name.endswith("position_embeddings")]
    paddings = [table.padding_idx for table in tables if getattr(table, "padding_idx", None) is not None]
    return stated - (paddings[0] + 1 if paddings else 0)


def load(
    directory: Path,
    task: Task,
    shape: dict[str, Any] | None,
    head: list[str],
    dropout: float | None,
    random: bool = False,
    quantized: dict[str, Any] | None = None,
) -> nn.Module:
    """Load a model for a task, in float32. Raises SuiteError where its config contradicts ``shape``.

    Only the modules that ``head`` names may lack weights in the checkpoint. ``dropout`` replaces the model's dropout
    probabilities where it is not None. A ``random`` backbone has that shape, and weights drawn from seed 0.
    ``quantized`` is what ``quantization.settings`` gives.
    """
    config = configuration(directory, task, shape, dropout, random)
    settings = {"config": config, "attn_implementation": attention.NAME, "dtype": torch.float32}
    if random:
        model = _drawn(task, settings, quantized, head)
    else:
        model = _pretrained(directory, task, settings | (quantized or {}), head)
    quantization.keep_layout(model)
    if not task.has_head:
        # Torch multiplies a slice of activations as a batch, and copies the whole vocabulary's matrix for each row.
        model.get_output_embeddings().register_forward_pre_hook(lambda module, args: (args[0].contiguous(),))
    return model


def configuration(
    directory: Path, task: Task, shape: dict[str, Any] | None, dropout: float | None = None, random: bool = False
) -> transformers.PretrainedConfig:
    """Return the configuration that ``load`` gives a model. Raises SuiteError where it contradicts ``shape``."""
    if random:
        config = config_of(shape, **task.model_settings)
    else:
        config = read(transformers.AutoConfig, directory, **task.model_settings)
    for fact, value in (shape or {}).items():
        if getattr(config, fact, None) != value:
            raise SuiteError(
                f"{directory} has {fact} {getattr(config, fact, None)} where this backbone has {value}: "
                "use backbone=encoder or backbone=decoder for another model"
            )
    if dropout is not None:
        for name in [name for name in vars(config) if name.endswith(("dropout", "dropout_prob", "pdrop"))]:
            setattr(config, name, dropout)
    return config


def _drawn(task: Task, settings: dict[str, Any], quantized: dict[str, Any] | None, head: list[str]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = getattr(transformers, task.auto_class).from_config(**settings, trust_remote_code=False)
    if not quantized:
        return model
    with tempfile.TemporaryDirectory() as drawn:  # transformers quantises only what it reads
        model.save_pretrained(drawn)
        del model
        return _pretrained(Path(drawn), task, settings | quantized, head)


def _pretrained(directory: Path, task: Task, settings: dict[str, Any], head: list[str]) -> nn.Module:
    files.weights(directory)
    if named := getattr(settings["config"], "transformers_weights", None):
        raise SuiteError(f"the config.json of {directory} reads weights from {named}: take out transformers_weights")
    model, loading = read(
        getattr(transformers, task.auto_class),
        directory,
        **settings,
        use_safetensors=True,  # and so just the files that the fingerprint covers
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
                f"backbone.head names {part}, which {directory} does not have; it has "
                f"{', '.join(dict(model.named_children()))}"
            )
    return model
