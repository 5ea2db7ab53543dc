"""What VB-LoRA stores in the place of its logits, and how its sub-vectors select from the bank while it is trained."""

import copy
import math
from statistics import NormalDist

import pytest
import scipy.stats
import torch

from methods.adapter import Adapter
from methods.base import Site
from methods.dropout import Rows
from methods.sites import find_sites
from methods.vb_lora import SELECTIONS, VBLoRA, gumbel_softmax, noisy_top_k, straight_through, top_k


@pytest.mark.parametrize(("vectors", "wanted"), [(256, torch.uint8), (257, torch.uint16)])
def test_the_last_vector_of_a_bank_can_be_stored(vectors: int, wanted: torch.dtype) -> None:
    method = VBLoRA(rank=1, vectors=vectors, vector_length=2, topk=2)
    logits = torch.zeros(3, vectors)
    logits[:, -1], logits[:, 0] = 5.0, 4.0
    packed = method.pack({"vector_bank": torch.zeros(vectors, 2), "logits": logits})
    assert packed["topk_indices"].dtype == wanted
    assert packed["topk_indices"].tolist() == [[vectors - 1, 0]] * 3
    assert method.unpack(packed)["logits"].argmax(-1).tolist() == [vectors - 1] * 3


def test_vb_lora_counts_an_index_as_a_byte_up_to_256_vectors():
    """h b + 1.5 n at k = 2, which is what the packed tensors take in 32-bit words; beyond, h b + 3 n."""
    sites = [Site("map", 64, 128, lambda: torch.zeros(128, 64))]
    n, b = 4 * (64 + 128) // 16, 16
    for h, count in ((256, 256 * b + 1.5 * n), (257, 257 * b + 3 * n)):
        method = VBLoRA(rank=4, vectors=h, vector_length=b, topk=2)
        trained = method.init(sites, torch.Generator().manual_seed(0))
        assert trained["vector_bank"].shape == (h, b)
        assert trained["logits"].shape == (n, h)
        assert method.stored_parameters(trained) == count
        packed = method.pack(trained)
        assert packed["topk_indices"].shape == (n, 2)
        assert packed["topk_weights"].shape == (n, 1)
        if h == 256:
            assert sum(t.numel() * t.element_size() for t in packed.values()) == 4 * count


def test_stored_weights_that_have_saturated_come_back():
    """A weight of exactly 1 leaves 0 for the others, whose logits are then -inf: still the same factors."""
    method = VBLoRA(rank=2, vectors=6, vector_length=8, topk=3)
    sites = [Site("map", 8, 24, lambda: torch.zeros(24, 8))]
    trained = method.init(sites, torch.Generator().manual_seed(0))
    trained["logits"] *= 1e5
    stored = method.pack(trained)
    assert (stored["topk_weights"][:, 0] == 1).any()
    factors = method.factors(trained, {}, sites)["map"]
    again = method.factors(method.unpack(stored), {}, sites)["map"]
    # one rounding of float32 in a weight, of numbers below 0.02
    torch.testing.assert_close(again.A, factors.A, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(again.B, factors.B, rtol=1e-6, atol=1e-8)


def test_stored_weights_that_round_to_more_than_one_come_back():
    weights = torch.tensor([[0.7, 0.3]]).nextafter(torch.tensor(1.0))
    assert weights.sum() > 1
    stored = {
        "vector_bank": torch.eye(4),
        "topk_indices": torch.tensor([[2, 0, 1]], dtype=torch.uint8),
        "topk_weights": weights,
    }
    logits = VBLoRA(rank=1, vectors=4, vector_length=4, topk=3).unpack(stored)["logits"]
    # two roundings of float32
    torch.testing.assert_close(logits.softmax(-1), torch.tensor([[0.3, 0.0, 0.7, 0.0]]), rtol=5e-7, atol=0)


def drawn(shape: tuple[int, ...], seeds: tuple[int, ...] = (0,), step: int = 0) -> torch.Tensor:
    rows = Rows()
    rows.enter(torch.tensor(seeds)[:, None], 0, torch.zeros(len(seeds), 1, dtype=torch.int64), step)
    return rows.noise({"noise": shape})["noise"]


def test_noise_is_uniform_and_never_0_or_1():
    noise = drawn((1000, 1000))
    assert 0 < noise.min() < 1e-5
    assert 1 - 1e-5 < noise.max() < 1
    # Kolmogorov and Smirnov's test, on as many as make the steps of float32 invisible; seeds are fixed
    assert scipy.stats.kstest(noise.flatten()[:100_000].double(), "uniform").pvalue > 0.01


def test_noise_depends_on_the_runs_seed_and_the_step_alone():
    shape = (50, 40)
    noise = drawn(shape, seeds=(3, 4), step=5)
    assert torch.equal(noise[1:], drawn(shape, seeds=(4,), step=5))
    others = [noise[1], drawn(shape, (3,), step=6)[0], drawn(shape, (2,), step=6)[0]]
    for other in others:
        assert not torch.equal(noise[0], other)
        assert abs(torch.corrcoef(torch.stack([noise[0].flatten(), other.flatten()]))[0, 1]) < 5 / 2000**0.5


def gumbel(u: float) -> float:
    return -math.log(-math.log(u))


def normal(u: float) -> float:
    return NormalDist().inv_cdf(u)


def softmax(values: list[float]) -> list[float]:
    total = sum(math.exp(value) for value in values)
    return [math.exp(value) / total for value in values]


@pytest.fixture
def case():
    """Five sub-vectors from a bank of six vectors of four, in float64: logits, bank, noise."""
    generator = torch.Generator().manual_seed(2)
    logits, bank = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((5, 6), (6, 4)))
    return logits.requires_grad_(), bank.requires_grad_(), drawn((5, 6))[0].double()


def test_noisy_top_k_is_the_softmax_of_the_k_largest_noisy_logits(case):
    logits, bank, noise = case
    made = noisy_top_k(logits, bank, 3, noise)
    tipped = 0
    for i, u in enumerate(noise.tolist()):
        noisy = [sigma + normal(p) for sigma, p in zip(logits[i].tolist(), u, strict=True)]
        chosen = sorted(range(6), key=noisy.__getitem__)[-3:]
        tipped += set(chosen) != set(logits[i].topk(3).indices.tolist())
        weights = softmax([noisy[j] for j in chosen])
        expected = sum(weight * bank[j] for weight, j in zip(weights, chosen, strict=True))
        # float64, of numbers near 1; two ways to compute a normal quantile differ by more than the last place
        torch.testing.assert_close(made[i], expected, rtol=1e-9, atol=1e-9)
    assert tipped > 0  # or the noise would choose nothing


def gumbel_weights(logits, noise) -> list[list[float]]:
    pairs = zip(logits.tolist(), noise.tolist(), strict=True)
    return [softmax([3 * (sigma + gumbel(p)) for sigma, p in zip(own, u, strict=True)]) for own, u in pairs]


def gradient_of(weights: list[float], pulls: list[float]) -> list[float]:
    """Return what a softmax of 3 sigma hands back to sigma, where the weights are pulled so."""
    mean = sum(w * pull for w, pull in zip(weights, pulls, strict=True))
    return [3 * w * (pull - mean) for w, pull in zip(weights, pulls, strict=True)]


@pytest.mark.parametrize("selection", [gumbel_softmax, straight_through])
def test_gumbel_selections_and_their_gradients(selection, case):
    logits, bank, noise = case
    cotangent = torch.randn(5, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    made = selection(logits, bank, 2, noise)
    (made * cotangent).sum().backward()
    soft = gumbel_weights(logits, noise)
    used = soft
    if selection is straight_through:
        used = [[float(weight == max(own)) for weight in own] for own in soft]
        for row in made:
            assert sum(torch.equal(row, vector) for vector in bank) == 1  # to the bit
    used = torch.tensor(used, dtype=torch.float64)
    torch.testing.assert_close(made, used @ bank, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(bank.grad, used.T @ cotangent, rtol=1e-12, atol=1e-12)
    pulls = (cotangent @ bank.T).tolist()
    expected = torch.tensor([gradient_of(*pair) for pair in zip(soft, pulls, strict=True)], dtype=torch.float64)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(logits.grad, expected, rtol=1e-9, atol=1e-12)


def test_straight_through_draws_a_vector_with_its_softmax_probability():
    """Gumbel-max: the largest of logits with Gumbel noise is j with probability softmax(logits)_j."""
    n, logits = 20_000, torch.tensor([0.0, 1.0, -1.0, 0.5])
    made = straight_through(logits.expand(n, 4), torch.eye(4), 1, drawn((n, 4))[0])
    assert scipy.stats.chisquare(made.sum(0), n * logits.softmax(0)).pvalue > 0.01


def test_the_bank_is_selected_whole_where_k_is_its_size(case):
    logits, bank, _ = case
    torch.testing.assert_close(top_k(logits, bank, 6), logits.softmax(-1) @ bank, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_run_answers_and_is_merged_and_stored_by_plain_top_k(selection, maps):
    plain, method = (VBLoRA(rank=2, vectors=6, vector_length=8, topk=2, selection=s) for s in (None, selection))
    sites = find_sites(maps, ["up", "mix", "down"], [])
    trained = method.init(sites, torch.Generator().manual_seed(0))
    trained["vector_bank"] *= 50
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(1))
    rows = Rows()
    adapter, other = copy.deepcopy(maps), copy.deepcopy(maps)
    own = Adapter(adapter, method, sites, [trained], {}, rows)
    Adapter(other, plain, sites, [trained], {}, rows)

    def step(number: int) -> torch.Tensor:
        rows.enter(torch.tensor([[7]]), 0, torch.arange(4)[None], number)
        return adapter.train()(x)

    first = step(1)
    assert torch.equal(step(1), first)
    expected = other(x)
    for differing in (step(2), expected):
        assert (differing - first).abs().max() > 1e-3
    assert torch.equal(adapter.eval()(x), expected)
    with own.hold():
        assert torch.equal(adapter.train()(x), expected)
    own.merge()
    # W + Delta W rounds once more than W x + Delta W x: some units in the last place of float32, through three layers
    torch.testing.assert_close(adapter(x), expected, rtol=1e-5, atol=1e-5)
    own.unmerge()
    packed, others = method.pack(trained), plain.pack(trained)
    assert packed.keys() == others.keys()
    assert all(torch.equal(packed[name], others[name]) for name in packed)
