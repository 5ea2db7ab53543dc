"""Every method as conf/method/ gives it, and tiny random models to adapt. Needs nothing of benchmarks/."""

from pathlib import Path
from typing import Any

import torch
import transformers
import yaml
from torch import nn

from methods import find
from methods.base import Method
from methods.vb_lora import SELECTIONS

CONF = Path(__file__).parents[2] / "conf" / "method"
# By name: a method's file, and what the case changes in it. A way to train that the file leaves unused is a case too.
CASES: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in find()}
CASES |= {f"vb_lora, {selection}": ("vb_lora", {"selection": selection}) for selection in SELECTIONS}
CASES |= {"svft, random": ("svft", {"pattern": "random", "off_diagonals": 3})}
# The linear maps of ``bert`` without its head.
TARGETS = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]


def settings_of(case: str) -> dict[str, Any]:
    """Return a method's settings as its YAML file has them, with what the case changes."""
    file, changed = CASES[case]
    content = yaml.safe_load((CONF / f"{file}.yaml").read_text())
    return content.get("method", content) | changed


def built(settings: dict[str, Any]) -> Method:
    """Return the method with its settings, learning rates left out."""
    chosen = {key: value for key, value in settings.items() if key not in ("name", "lr", "lr_head")}
    return find()[settings["name"]](**chosen)


def bert(hidden: int = 256, intermediate: int = 512, layers: int = 1) -> nn.Module:
    """Build a random BERT classifier without dropout; its default sides suit the hyperparameters in conf/method."""
    torch.manual_seed(0)
    config = transformers.BertConfig(
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=2,
        vocab_size=100,
        max_position_embeddings=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = transformers.BertForSequenceClassification(config).eval()
    for parameter in model.parameters():
        if parameter.ndim == 1:  # biases, and gains of norms, are not all zero and one, as trained ones are not
            parameter.data += torch.empty_like(parameter).uniform_(-0.2, 0.2)
    return model


def batch() -> dict[str, torch.Tensor]:
    """Return six rows of at most 12 tokens for ``bert``, padded."""
    tokens = torch.randint(0, 100, (6, 12), generator=torch.Generator().manual_seed(5))
    mask = (torch.arange(12) < torch.tensor([12, 7, 12, 4, 9, 12])[:, None]).long()
    return {"input_ids": tokens, "attention_mask": mask}
