"""Maps that are applied to the same x are computed at once, with the outputs and gradients of each by itself."""

import copy

import pytest
import torch
from torch import Tensor, nn

from methods import adapter as adapters
from methods.adapter import Adapter
from methods.dropout import Rows
from methods.lora import LoRA
from methods.product import adapted
from methods.sites import find_sites, share_their_input
from methods.tied_lora import TiedLoRA

NAMES = ["query", "key", "value"]
ROWS, WIDTH = 4, 6


class Attention(nn.Module):
    """The three maps of attention, of which the last two may see another x, as in a decoder with an encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in NAMES)

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        seen = x if other is None else other
        return self.query(x) * self.key(seen) + self.value(seen)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the maps of each call of the function that computes them."""
    counted: list[int] = []
    monkeypatch.setattr(adapters, "adapted", lambda x, maps: counted.append(len(maps)) or adapted(x, maps))
    return counted


def outcome(model: Attention, method: LoRA | TiedLoRA, *given: Tensor, times: int = 1) -> tuple[Tensor, list[Tensor]]:
    """Return what an adapted copy of the model makes of the last call, and the gradients of x and what is trained."""
    torch.manual_seed(1)
    own = copy.deepcopy(model).requires_grad_(False)
    sites = find_sites(own, NAMES, [])
    run = {name: torch.randn_like(tensor) for name, tensor in method.init(sites, None).items()}
    adapter = Adapter(own, method, sites, [run], method.frozen(sites), Rows())
    x, *other = (tensor.clone().requires_grad_() for tensor in given)
    for _ in range(times):
        out = own(x, *other)
    out.square().sum().backward()
    return out.detach(), [x.grad, *(tensor.grad for tensor in other), *(p.grad for p in adapter.trained.values())]


@pytest.mark.parametrize("method", [LoRA(rank=2, alpha=2), TiedLoRA(rank=2)])
def test_together_is_each_alone(method: LoRA | TiedLoRA, calls: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model, x = Attention(), torch.randn(ROWS, WIDTH)
    together = outcome(model, method, x)
    assert calls == [3]
    monkeypatch.setattr(adapters, "share_their_input", lambda names: [[name] for name in names])
    alone = outcome(model, method, x)
    assert calls == [3, 1, 1, 1]
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


def test_names_that_mislead_cost_one_product_and_no_result(calls: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model, given = Attention(), (torch.randn(ROWS, WIDTH), torch.randn(ROWS, WIDTH))
    together = outcome(model, LoRA(rank=2, alpha=2), *given, times=2)
    assert calls == [3, 1, 1, 1, 1, 1]
    monkeypatch.setattr(adapters, "share_their_input", lambda names: [[name] for name in names])
    torch.testing.assert_close(together, outcome(model, LoRA(rank=2, alpha=2), *given, times=2), rtol=1e-5, atol=1e-5)


def test_maps_of_one_parent_with_known_names_share_their_input() -> None:
    layers = [
        f"layers.{number}.{name}" for number in (0, 1) for name in ("attn.q_proj", "mlp.gate_proj", "mlp.up_proj")
    ]
    layers += ["layers.1.attn.v_proj", "layers.1.attn.o_proj", "q_proj", "c_attn"]
    assert share_their_input(layers) == [
        ["layers.0.attn.q_proj"],
        ["layers.0.mlp.gate_proj", "layers.0.mlp.up_proj"],
        ["layers.1.attn.q_proj", "layers.1.attn.v_proj"],
        ["layers.1.mlp.gate_proj", "layers.1.mlp.up_proj"],
        ["layers.1.attn.o_proj"],
        ["q_proj"],
        ["c_attn"],
    ]
