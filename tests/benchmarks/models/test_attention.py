"""The suite's attention computes what transformers' own does: bidirectional, causal, padded, with shared keys."""

import copy

import pytest
import torch
import transformers

from benchmarks.errors import SuiteError
from benchmarks.models import attention

SIDES = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
MODELS = {
    "bert": (transformers.BertModel, transformers.BertConfig(**SIDES, intermediate_size=64, pad_token_id=0)),
    "gpt2": (transformers.GPT2Model, transformers.GPT2Config(vocab_size=50, n_embd=32, n_layer=2, n_head=4)),
    "llama": (
        transformers.LlamaModel,
        transformers.LlamaConfig(**SIDES, intermediate_size=64, num_key_value_heads=2, initializer_range=0.3),
    ),
}


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("padding", [None, "right", "left"])
@pytest.mark.parametrize("name", list(MODELS))
def test_it_equals_the_eager_one(name: str, padding: str | None, gradients: bool) -> None:
    model, config = MODELS[name]
    torch.manual_seed(0)
    # A model writes its attention into its config, so each needs one of its own.
    plain = model._from_config(copy.deepcopy(config), attn_implementation="eager").eval()
    own = model._from_config(copy.deepcopy(config), attn_implementation=attention.NAME).eval()
    own.load_state_dict(plain.state_dict())
    tokens = torch.randint(1, 50, (3, 9), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(tokens)
    if padding:
        mask[0, slice(6, None) if padding == "right" else slice(0, 3)] = 0
    with torch.set_grad_enabled(gradients):
        ours = own(input_ids=tokens, attention_mask=mask).last_hidden_state
        theirs = plain(input_ids=tokens, attention_mask=mask).last_hidden_state
    # float32 rounding through two layers
    torch.testing.assert_close(ours[mask.bool()], theirs[mask.bool()], rtol=1e-4, atol=1e-5)


def test_what_it_does_not_know_is_refused() -> None:
    tensor = torch.zeros(1, 1, 2, 4, requires_grad=True)
    for unknown in ("softcap", "s_aux", "position_bias"):
        with pytest.raises(SuiteError, match=f"Linear needs {unknown}"):
            attention.attention(torch.nn.Linear(1, 1), tensor, tensor, tensor, None, scaling=1.0, **{unknown: tensor})
