"""How the learning rate goes over a run: the factor on it at each step.

transformers has these too, and a test holds them to its own, to the bit. To import them takes a second, in every
process that trains: they come with its Trainer, and so with peft and with what compiles.
"""

import math
from collections.abc import Callable
from functools import partial

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def scheduler(name: str, optimizer: Optimizer, warmup: int, steps: int) -> LambdaLR:
    """Return what sets the rates over ``steps`` steps, of which the first ``warmup`` lead up to the full rate.

    ``name`` is linear or cosine, which go down to 0; constant_with_warmup; or constant, which has no warm-up.
    """
    factor = _after(name, warmup, steps)
    return LambdaLR(optimizer, factor if name == "constant" else partial(_warmed_up, factor, warmup))


def _warmed_up(after: Callable[[int], float], warmup: int, step: int) -> float:
    return step / max(1, warmup) if step < warmup else after(step)


def _after(name: str, warmup: int, steps: int) -> Callable[[int], float]:
    """Return the factor at a step after the warm-up."""
    rest = max(1, steps - warmup)
    return {
        "linear": lambda step: max(0.0, (steps - step) / rest),
        "cosine": lambda step: max(0.0, 0.5 * (1.0 + math.cos(math.pi * ((step - warmup) / rest)))),
        "constant": lambda step: 1.0,
        "constant_with_warmup": lambda step: 1.0,
    }[name]
