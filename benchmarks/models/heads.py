"""S classification heads in place of one, so that every run of a group trains its own."""

import copy

import torch
from torch import Tensor, nn

from methods.base import Tensors
from methods.dropout import Rows


class GroupHead(nn.Module):
    """Applies run s's copy of ``template`` to run s's rows of the stacked batch, in float32."""

    def __init__(self, template: nn.Module, runs: list[Tensors], rows: Rows, device: torch.device) -> None:
        super().__init__()
        object.__setattr__(self, "_template", copy.deepcopy(template).float())
        self._rows = rows
        rows.install(self._template)
        self.trained = {name: nn.Parameter(torch.stack([run[name] for run in runs]).to(device)) for name in runs[0]}

    def forward(self, features: Tensor) -> Tensor:
        """Map features (S * n, ...) to (S * n, ...) through each run's weights."""
        runs = len(next(iter(self.trained.values())))
        # Nothing is dropped outside training, but vmap still needs a key for every row.
        keys = self._rows.keys if self.training else torch.zeros(len(features), device=features.device)
        self._template.train(self.training)

        def of_run(weights: Tensors, rows: Tensor, row_keys: Tensor) -> Tensor:
            self._rows.keys = row_keys
            return torch.func.functional_call(self._template, weights, (rows,))

        with torch.autocast(features.device.type, enabled=False):
            stacked = features.float().unflatten(0, (runs, -1))
            out = torch.func.vmap(of_run)(self.trained, stacked, keys.unflatten(0, (runs, -1)))
        self._rows.keys = keys
        return out.flatten(0, 1)


def init(template: nn.Module, std: float, generator: torch.Generator) -> Tensors:
    """Draw one run's head as the code of RoBERTa and BERT does: matrices N(0, std), biases 0; norms are kept."""
    drawn = {}
    for name, parameter in template.named_parameters():
        if parameter.ndim > 1:
            drawn[name] = torch.empty(parameter.shape).normal_(0.0, std, generator=generator)
        else:
            drawn[name] = torch.zeros(parameter.shape) if name.endswith("bias") else parameter.detach().float().clone()
    return drawn
