"""The schedules are those of transformers, at every step, to the bit."""

import pytest
import torch
import transformers
from torch import nn

from benchmarks.training.schedules import scheduler


@pytest.mark.parametrize("name", ["linear", "cosine", "constant", "constant_with_warmup"])
@pytest.mark.parametrize(("warmup", "steps"), [(0, 7), (3, 20), (1, 1), (5, 5)])
def test_rates_are_those_of_transformers(name: str, warmup: int, steps: int) -> None:
    rates = []
    for made in (scheduler, transformers.get_scheduler):
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
        schedule = made(name, optimizer, warmup, steps)
        rates.append([])
        for _ in range(steps + 2):
            rates[-1].append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
    assert rates[0] == rates[1]
