"""Masks that depend on seed, epoch, example and place, and on nothing else.

All is drawn from fixed seeds, so a test passes always or never; 5 sigma are what chance would exceed once in 2 million.
"""

import pytest
import torch
from torch import nn

from methods.adapter import Adapter
from methods.base import MethodError
from methods.dropout import RowDropout, Rows
from methods.lora import LoRA
from methods.sites import find_sites

P = 0.1


@pytest.fixture(scope="module")
def rows():
    """One for all tests: its table of draws is large."""
    return Rows()


@pytest.fixture(scope="module")
def dropout(rows):
    return RowDropout(P, rows)


def enter(rows: Rows, seeds: list[int], examples: list[list[int]], epoch: int = 0) -> None:
    rows.enter(torch.tensor(seeds)[:, None], epoch, torch.tensor(examples), step=0)


def masks(dropout: RowDropout, seeds, examples, epoch: int = 0, tokens: int = 128, width: int = 64) -> torch.Tensor:
    """Return what is left of ones: (S, n, tokens, width)."""
    enter(dropout.rows, seeds, examples, epoch)
    x = torch.ones(len(seeds) * len(examples[0]), tokens, width)
    return dropout(x).unflatten(0, (len(seeds), -1))


def assert_independent(a: torch.Tensor, b: torch.Tensor) -> None:
    """The correlation of n pairs of independent entries has standard deviation 1 / sqrt(n)."""
    correlation = torch.corrcoef(torch.stack([a.flatten(), b.flatten()]).double())[0, 1]
    assert abs(correlation) < 5 / a.numel() ** 0.5


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_keep_rate_and_scale(rows, p):
    mask = masks(RowDropout(p, rows), [3], [list(range(32))])
    assert set(mask.unique().tolist()) == {0.0, torch.tensor(1 / (1 - p)).item()}
    sigma = (p * (1 - p) / mask.numel()) ** 0.5
    assert abs((mask == 0).double().mean() - p) < 5 * sigma
    for row in mask[0]:
        assert abs((row == 0).double().mean() - p) < 5 * (p * (1 - p) / row.numel()) ** 0.5


def test_gradients_pass_where_entries_are_kept(dropout):
    x = torch.ones(2, 16, requires_grad=True)
    enter(dropout.rows, [0], [[4, 5]])
    y = dropout(x)
    y.sum().backward()
    assert torch.equal(x.grad, y)


def test_runs_examples_epochs_and_places_draw_independent_masks(rows, dropout):
    examples = list(range(16))
    first, second = masks(dropout, [0, 1], [examples, examples])
    assert_independent(first, second)
    assert_independent(first[:-1], first[1:])
    assert_independent(first, masks(dropout, [0], [examples], epoch=1)[0])
    assert_independent(first, masks(RowDropout(P, rows), [0], [examples])[0])


def test_a_mask_does_not_depend_on_the_batch(dropout):
    alone = masks(dropout, [5], [[42]], epoch=3)[0, 0]
    assert torch.equal(masks(dropout, [5], [[7, 42, 9]], epoch=3)[0, 1], alone)
    assert torch.equal(masks(dropout, [1, 5], [[42, 8], [11, 42]], epoch=3)[1, 1], alone)
    torch.manual_seed(99)
    assert torch.equal(masks(dropout, [5], [[42]], epoch=3)[0, 0], alone)


def test_a_mask_does_not_depend_on_the_process(dropout):
    """Places are numbered in the order of building, so a model built anew has the same ones."""
    again = Rows()
    rebuilt = [RowDropout(P, again) for _ in range(dropout.place)][-1]
    assert torch.equal(masks(rebuilt, [5], [[42]]), masks(dropout, [5], [[42]]))


def test_padding_leaves_the_mask_of_the_tokens_before_it(dropout):
    short = masks(dropout, [5], [[1, 2]], tokens=7)
    long = masks(dropout, [5], [[1, 2]], tokens=12)
    assert torch.equal(long[:, :, :7], short)


def square(dropout: RowDropout, seeds, examples, tokens: int, epoch: int = 0) -> torch.Tensor:
    enter(dropout.rows, seeds, examples, epoch)
    return dropout.square(torch.ones(len(seeds) * len(examples[0]), 4, tokens, tokens)).unflatten(0, (len(seeds), -1))


def test_attention_masks(rows, dropout):
    short, long = (square(dropout, [5, 6], [[1, 2], [1, 2]], tokens) for tokens in (48, 64))
    assert torch.equal(long[..., :48, :48], short)
    assert torch.equal(square(dropout, [6], [[9, 2, 1]], 48)[0, 1], short[1, 1])
    assert abs((long == 0).double().mean() - P) < 5 * (P * (1 - P) / long.numel()) ** 0.5
    assert_independent(long[0], long[1])
    assert_independent(long[:, 0], long[:, 1])
    assert_independent(long[:, :, 0], long[:, :, 1])
    assert_independent(long[:, :, :, 0], long[:, :, :, 1])
    assert_independent(long, square(dropout, [5, 6], [[1, 2], [1, 2]], 64, epoch=1))
    assert_independent(long, square(RowDropout(P, rows), [5, 6], [[1, 2], [1, 2]], 64))


def test_without_training_or_probability_it_is_the_identity(rows):
    x = torch.randn(2, 3)
    assert RowDropout(P, rows).eval()(x) is x
    assert RowDropout(0.0, rows)(x) is x


def test_a_row_wider_than_the_table_is_refused(dropout):
    enter(dropout.rows, [0], [[0]])
    widest = 1 << 22
    assert dropout(torch.ones(1, widest)).shape == (1, widest)
    with pytest.raises(ValueError, match=f"must have at most {widest} entries, got {widest + 1}"):
        dropout(torch.ones(1, widest + 1))


def test_install_replaces_every_dropout(rows):
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.3), nn.Sequential(nn.Dropout(0.0)))
    rows.install(model)
    installed = [m for m in model.modules() if isinstance(m, RowDropout)]
    assert [m.p for m in installed] == [0.3, 0.0]
    assert len({m.place for m in installed}) == 2
    assert not any(isinstance(m, nn.Dropout) for m in model.modules())


def test_a_methods_dropout_is_on_the_adapters_input(maps, randomised):
    """y = W x + (alpha / r) B A dropout(x); each site is a place of its own."""
    method = LoRA(rank=2, alpha=2, dropout=0.5)
    sites = find_sites(maps, ["up"], [])
    run, rows = randomised(method, sites, 1), Rows()
    x = torch.randn(6, 8)
    base = maps.up(x)
    Adapter(maps, method, sites, [run], {}, rows)
    enter(rows, [3], [[0, 1, 2, 3, 4, 5]])
    maps.train()(x)
    change = maps.up(x) - base
    dropped = RowDropout(0.5, rows)
    dropped.place = 1
    expected = dropped(x) @ run["up.A"].T @ run["up.B"].T
    # float32 rounding of sums of 8 terms near 1
    torch.testing.assert_close(change, expected, rtol=1e-5, atol=1e-6)
    maps.eval()
    torch.testing.assert_close(maps.up(x) - base, x @ run["up.A"].T @ run["up.B"].T, rtol=1e-5, atol=1e-6)


def test_attention_weights_are_refused_outside_of_square(dropout):
    enter(dropout.rows, [0], [[0]])
    weights = torch.ones(1, 2, 3, 3)
    assert dropout.square(weights).shape == weights.shape
    with pytest.raises(MethodError, match=r"backbone\.dropout=0"):
        dropout(weights)


def test_a_row_wider_than_the_table_is_dropped_all_over(rows):
    """As one of Llama2's down_proj is: 528 tokens of 11,008 or 13,824 entries."""
    for width in (11008, 13824):
        narrow, wide = (masks(RowDropout(P, rows), [0], [[0]], tokens=tokens, width=width)[0, 0] for tokens in (8, 528))
        rows._places = 0
        assert wide.shape == (528, width)
        share = (wide == 0).double().mean().item()
        assert abs(share - P) < 5 * (P * (1 - P) / wide.numel()) ** 0.5
        later = (wide[400:] == 0).double().flatten() - P  # of another window, so it does not follow from the first
        first = (wide[: len(wide) - 400] == 0).double().flatten() - P
        assert abs((later * first).mean()) < 5 * P * (1 - P) / later.numel() ** 0.5
        assert narrow.shape == (8, width)


def test_a_wide_rows_mask_does_not_depend_on_how_long_it_is(dropout):
    short, long = (masks(dropout, [0], [[3]], tokens=tokens, width=11008)[0, 0] for tokens in (100, 500))
    assert torch.equal(short, long[:100])


def test_a_model_that_drops_nothing_holds_no_table() -> None:
    rows = Rows()
    rows.install(nn.Sequential(nn.Dropout(0.0)))
    assert rows._drawn is None
    rows.install(nn.Sequential(nn.Dropout(0.1)))
    assert len(rows._drawn) > 1 << 24
