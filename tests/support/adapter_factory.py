"""Adapters as a run leaves them, of random numbers, without the run; and the logits that they give."""

from dataclasses import fields
from pathlib import Path

import torch
import transformers
from omegaconf import OmegaConf
from support import tiny
from torch import Tensor, nn

import methods
from benchmarks.models import adapter_files as adapters
from benchmarks.models import backbones, counting, files, heads, saved
from benchmarks.tasks.build import build
from methods.adapter import Adapter
from methods.dropout import Rows
from methods.sites import find_sites

ADAPTING = [name for name, method in methods.find().items() if method.adapts_sites]
PRODUCTS = [n for n in ADAPTING if methods.find()[n].low_rank and not methods.find()[n].scales]
LLAMA = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def job(method: str, backbone: Path, root: Path, *overrides: str) -> list[str]:
    """Return the overrides of a job on one of the tiny backbones, on all its maps."""
    kind = transformers.AutoConfig.from_pretrained(backbone).model_type
    if kind == "bert":
        return tiny.job(method, backbone, "embedded", root, "targets=all", *overrides)
    plain = ["backbone.fused=null", f"backbone.targets={{all:[{','.join(LLAMA)}]}}"] if kind == "llama" else []
    return tiny.writing_job(method, backbone, "embedded", root, *plain, *overrides)


def leave(method: str, backbone: Path, root: Path, *overrides: str) -> Path:
    """Leave the adapter of a run that was never made, far from where its method starts; return its folder."""
    config = tiny.compose(job(method, backbone, root, *overrides))
    task = build(OmegaConf.to_container(config.task, resolve=True))
    names = config.backbone.targets[config.targets] if isinstance(config.targets, str) else config.targets
    targets, head, fused = list(names), list(config.backbone.head), config.backbone.fused
    model = backbones.load(backbone, task, None, head, None)
    cls = methods.find()[method]
    made = cls(**{field.name: config.method[field.name] for field in fields(cls)})
    sites = find_sites(model, targets, head, fused, made.adapts_norms) if made.adapts_sites else []
    generator = torch.Generator().manual_seed(1)
    of_head = counting.head_of(model, head)
    body = {name: weight for name, weight in model.named_parameters() if name not in of_head}
    trained = {
        name: (tensor + 0.1 * torch.randn(tensor.shape, generator=generator)).detach()
        for name, tensor in (body if made.trains_backbone else made.init(sites, generator)).items()
    }
    drawn = {name: heads.init(model.get_submodule(name), 0.2, generator) for name in head}
    directory = root / "runs" / method / "adapter"
    adapters.save(
        directory=directory,
        name=method,
        method=made,
        trained=trained,
        head={f"{name}.{key}": tensor for name, tensors in drawn.items() for key, tensor in tensors.items()},
        frozen=made.frozen(sites),
        sites=sites,
        backbone=saved.backbone_facts(
            OmegaConf.to_container(config.backbone, resolve=True), files.fingerprint(backbone)
        ),
        facts={
            "task": OmegaConf.to_container(config.task, resolve=True),
            "train": OmegaConf.to_container(config.train, resolve=True),
            "targets": targets if made.adapts_sites else [],
            "precision": "fp32",
            "seed": 0,
        },
        resumable=True,
    )
    return directory


def logits(model: nn.Module) -> Tensor:
    """Return a model's logits of three texts, two of them padded."""
    tokens = torch.randint(0, 100, (3, 9), generator=torch.Generator().manual_seed(5))
    mask = (torch.arange(9) < torch.tensor([9, 6, 4])[:, None]).long()
    with torch.no_grad():
        found = model(input_ids=tokens, attention_mask=mask).logits
    # What stands at a padded place is no answer, and attention functions differ in it.
    return found[mask.bool()] if found.ndim == 3 else found


def own_logits(directory: Path, cache: Path, adapted: bool = True) -> Tensor:
    """Return the logits of an adapter's model, or of its backbone alone."""
    opened = saved.load(saved.find(directory), cache)
    if adapted:
        Adapter(opened.model, opened.method, opened.sites, [opened.trained], opened.frozen, Rows())
    return logits(opened.model)
