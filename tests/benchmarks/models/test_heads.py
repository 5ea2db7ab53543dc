"""A head is drawn as transformers draws it: matrices N(0, std), biases 0, norms as they are."""

import torch
from torch import nn

from benchmarks.models import heads


def test_matrices_are_drawn_biases_are_zero_and_norms_are_kept() -> None:
    template = nn.Sequential(nn.Linear(200, 100), nn.LayerNorm(100), nn.Linear(100, 3))
    nn.init.uniform_(template[1].weight, 2.0, 3.0)
    drawn = heads.init(template, 0.02, torch.Generator().manual_seed(0))
    assert drawn.keys() == dict(template.named_parameters()).keys()
    assert [drawn[name].tolist() for name in ("0.bias", "2.bias")] == [[0.0] * 100, [0.0] * 3]
    assert drawn["1.bias"].tolist() == [0.0] * 100
    assert torch.equal(drawn["1.weight"], template[1].weight)
    assert abs(drawn["0.weight"].mean()) < 1e-3
    assert 0.0195 < drawn["0.weight"].std() < 0.0205
    again, other = (heads.init(template, 0.02, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert torch.equal(again["0.weight"], drawn["0.weight"])
    assert not torch.equal(other["0.weight"], drawn["0.weight"])
