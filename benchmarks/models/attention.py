"""Attention whose dropout is the suite's own (methods/dropout.py); registered with transformers under ``NAME``."""

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from benchmarks.errors import SuiteError
from methods.dropout import RowDropout

NAME = "row_dropout"


def attention(module, query, key, value, attention_mask, dropout=0.0, scaling=None, **kwargs):
    """Return (rows, tokens, heads, width) like transformers' own functions.

    Fused where nothing is dropped, but for training on CPU: the fused function's backward is the slower one there.
    """
    for unknown in ("softcap", "s_aux", "position_bias"):
        if kwargs.get(unknown) is not None:
            raise SuiteError(f"{type(module).__name__} needs {unknown}, which the suite's attention does not know")
    if dropout == 0.0 and (query.is_cuda or not torch.is_grad_enabled()):
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout=0.0, scaling=scaling, **kwargs)
    groups = getattr(module, "num_key_value_groups", 1)  # of query heads that share a key and a value
    key, value = (repeat_kv(tensor, groups) if groups > 1 else tensor for tensor in (key, value))
    scores = (query * scaling) @ key.mT
    if (allowed := _allowed(module, scores, attention_mask)) is not None:
        # Added in place: filling would copy the scores, which are the widest tensors here, forward and backward.
        scores += torch.where(allowed, 0.0, torch.finfo(scores.dtype).min).to(scores.dtype)
    weights = scores.softmax(-1)
    if dropout > 0.0:
        weights = _dropout(module).square(weights)
    return (weights @ value).transpose(1, 2).contiguous(), None


def _allowed(module: nn.Module, scores: Tensor, mask: Tensor | None) -> Tensor | None:
    """Return which keys a query may see; without a mask a causal model's sees those up to its own place."""
    queries, keys = scores.shape[-2:]
    if mask is not None or not getattr(module, "is_causal", False) or queries == 1:
        return mask
    return torch.ones(queries, keys, dtype=torch.bool, device=scores.device).tril()


def _dropout(module: nn.Module) -> RowDropout:
    for name in ("dropout", "attn_dropout"):  # BERT's and GPT-2's name for it
        if isinstance(getattr(module, name, None), RowDropout):
            return getattr(module, name)
    raise SuiteError(f"the attention dropout of {type(module).__name__} is not the suite's: backbone.dropout=0")


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
