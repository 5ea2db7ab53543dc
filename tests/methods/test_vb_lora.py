"""What VB-LoRA stores in the place of its logits."""

import torch

from methods.base import Site
from methods.vb_lora import VBLoRA


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
