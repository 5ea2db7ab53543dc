"""Training changes what a method trains, and no byte of the backbone besides."""

import copy

import pytest
import torch
from accelerate import Accelerator
from support import method_cases

from benchmarks.tasks.classification import Classification
from benchmarks.training.group import Adaptation, RunGroup
from benchmarks.training.passes import Batch
from benchmarks.training.settings import RunSettings, TrainSettings
from methods.base import digest
from methods.sites import find_sites

TASK = Classification(
    name="made-up",
    dataset="",
    config="",
    train="",
    validation="",
    text=["sentence"],
    label="label",
    labels=["no", "yes"],
    metric="accuracy",
    primary="accuracy",
)


def digests(tensors) -> dict[str, str]:
    return {name: digest(tensor) for name, tensor in tensors}


@pytest.mark.parametrize("case", method_cases.CASES)
def test_training_leaves_the_backbones_bytes(case: str) -> None:
    settings = method_cases.settings_of(case)
    method, backbone, inputs = method_cases.built(settings), method_cases.bert(), method_cases.batch()
    sites = find_sites(backbone, method_cases.TARGETS, ["classifier"]) if method.adapts_sites else []
    before = copy.deepcopy(backbone.state_dict())
    frozen = method.frozen(sites)
    frozen_before = digests(frozen.items())
    group = RunGroup(
        Adaptation(backbone, ["classifier"], method, sites, frozen),
        [RunSettings(seed=0, lr=settings["lr"], lr_head=settings["lr_head"])],
        TrainSettings(
            epochs=1,
            batch_size=6,
            max_length=12,
            schedule="constant",
            warmup_ratio=0.0,
            weight_decay=0.0,
            max_grad_norm=1.0,
        ),
        rows=18,
        accelerator=Accelerator(cpu=True),
        precision="fp32",
    )
    start = {name: p.clone() for name, p in (group.adapter.run(0) | group.head(0)).items()}
    batch = Batch(inputs, torch.tensor([0, 1, 1, 0, 1, 0]), torch.full((1, 6), 1 / 6), torch.arange(6)[None])
    for _ in range(3):
        assert group.step(TASK, [batch], epoch=0, alive=[True]).isfinite().all()

    for name, tensor in (group.adapter.run(0) | group.head(0)).items():
        assert torch.equal(tensor, start[name]) != method.trains_head, name
    after = digests(backbone.state_dict().items())
    kept = {name: digest(tensor) for name, tensor in before.items() if not name.startswith("classifier")}
    changed = {name for name in kept if after[name] != kept[name]}
    assert after.keys() == kept.keys()
    if method.trains_backbone:
        assert {name for name, _ in backbone.named_parameters()} <= changed
    else:
        assert not changed
    assert digests(group.adapter.frozen.items()) == frozen_before
