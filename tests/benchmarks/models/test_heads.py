"""A head is drawn as transformers draws it: N(0, std), biases 0, norms as they are; each run trains its own."""

import torch
from torch import nn

from benchmarks.models import heads
from benchmarks.models.heads import GroupHead
from methods.base import Tensors
from methods.dropout import Rows


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


def drawn(template: nn.Module, runs: int) -> list[Tensors]:
    return [
        {name: torch.randn(part.shape, generator=torch.Generator().manual_seed(run)) for name, part in named(template)}
        for run in range(runs)
    ]


def named(template: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return list(template.named_parameters())


def group(template: nn.Module, runs: list[Tensors]) -> tuple[GroupHead, Rows]:
    """Return the heads of several runs, in training, and the rows that are in the model: two of each run."""
    rows = Rows()
    head = GroupHead(template, runs, rows, torch.device("cpu"))
    rows.enter(torch.arange(len(runs))[:, None], 0, torch.arange(2 * len(runs)).view(len(runs), 2), 0)
    return head.train(), rows


def test_each_run_has_its_own_head_for_its_own_rows() -> None:
    template = nn.Linear(4, 3)
    runs, features = drawn(template, 3), torch.randn(6, 5, 4, generator=torch.Generator().manual_seed(9))
    head, _ = group(template, runs)
    assert {name: part.shape for name, part in head.trained.items()} == {"weight": (3, 3, 4), "bias": (3, 3)}
    out = head(features)
    assert out.shape == (6, 5, 3)
    for run, own in enumerate(runs):
        rows = slice(2 * run, 2 * run + 2)
        expected = nn.functional.linear(features[rows], own["weight"], own["bias"])
        torch.testing.assert_close(out[rows], expected)


def test_what_a_head_drops_is_by_row_in_training_and_nothing_elsewhere() -> None:
    template = nn.Sequential(nn.Dropout(0.5), nn.Linear(64, 1, bias=False))
    ones = [{"1.weight": torch.ones(1, 64)}] * 3
    head, rows = group(template, ones)
    keys = rows.keys
    out = head(torch.ones(6, 64)).flatten()
    assert out.unique().numel() > 3, "rows must differ in what is dropped"
    assert (out % 2 == 0).all() and (out != 64).any()
    assert torch.equal(rows.keys, keys)
    head.eval()
    assert head(torch.ones(6, 64)).flatten().tolist() == [64.0] * 6
    alone, one = group(template, ones[:1])
    one.keys = keys[2:4]
    torch.testing.assert_close(alone(torch.ones(2, 64)).flatten(), out[2:4])


def test_a_head_computes_in_float32_within_autocast() -> None:
    head, _ = group(nn.Linear(4, 3), drawn(nn.Linear(4, 3), 1))
    with torch.autocast("cpu", torch.bfloat16):
        assert head(torch.ones(2, 4, dtype=torch.bfloat16)).dtype == torch.float32
