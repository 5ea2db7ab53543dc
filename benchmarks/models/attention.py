"""Attention with the dropout of methods/dropout.py; registered with transformers under ``NAME``."""

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from benchmarks.errors import SuiteError
from methods.dropout import RowDropout

NAME = "row_dropout"


def attention(module, query, key, value, attention_mask, dropout=0.0, scaling=None, **kwargs):
    """Return (rows, tokens, heads, width) like the attention functions of transformers.

    The fused function is used where nothing is dropped, except to train on CPU, where its backward pass is slower.
    """
    for unknown in ("softcap", "s_aux", "position_bias"):
        if kwargs.get(unknown) is not None:
            raise SuiteError(f"{type(module).__name__} needs {unknown}, which the suite's attention does not support")
    if dropout == 0.0 and (query.is_cuda or not torch.is_grad_enabled()):
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout=0.0, scaling=scaling, **kwargs)
    groups = getattr(module, "num_key_value_groups", 1)  # of query heads that share a key and a value
    key, value = (repeat_kv(tensor, groups) if groups > 1 else tensor for tensor in (key, value))
    scores = (query * scaling) @ key.mT
    if (allowed := _allowed(module, scores, attention_mask)) is not None:
        # Added in place: a fill would copy the scores, which are the largest tensors here, forward and backward.
        scores += torch.where(allowed, 0.0, torch.finfo(scores.dtype).min).to(scores.dtype)
    weights = scores.softmax(-1)
    if dropout > 0.0:
        weights = _dropout(module).square(weights)
    return (weights @ value).transpose(1, 2).contiguous(), None


def _allowed(module: nn.Module, scores: Tensor, mask: Tensor | None) -> Tensor | None:
    """Return which keys each query may see, or None for all; in a causal model, without a mask, those up to itself."""
    queries, keys = scores.shape[-2:]
    if mask is not None or not getattr(module, "is_causal", False) or queries == 1:
        return mask
    return torch.ones(queries, keys, dtype=torch.bool, device=scores.device).tril()


def _dropout(module: nn.Module) -> RowDropout:
    for name in ("dropout", "attn_dropout"):  # as BERT and GPT-2 call it
        if isinstance(getattr(module, name, None), RowDropout):
            return getattr(module, name)
    raise SuiteError(
        f"the attention dropout of {type(module).__name__} cannot be replaced by the suite's: pass backbone.dropout=0"
    )


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
