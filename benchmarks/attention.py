"""Attention whose dropout is the suite's own (methods/dropout.py); registered with transformers under ``NAME``."""

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from benchmarks.errors import SuiteError
from methods.dropout import RowDropout

NAME = "row_dropout"


def attention(module, query, key, value, attention_mask, dropout=0.0, scaling=None, **kwargs):
    """Return (rows, tokens, heads, width) like transformers' own functions.

    Fused where nothing is dropped, but for training on CPU: the fused function's backward is the slower one there.
    """
    if dropout == 0.0 and (query.is_cuda or not torch.is_grad_enabled()):
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout=0.0, scaling=scaling, **kwargs)
    scores = (query * scaling) @ key.mT
    if attention_mask is not None:
        # Added in place: filling would copy the scores, which are the widest tensors here, forward and backward.
        scores += torch.where(attention_mask, 0.0, torch.finfo(scores.dtype).min).to(scores.dtype)
    weights = scores.softmax(-1)
    if dropout > 0.0:
        if not isinstance(getattr(module, "dropout", None), RowDropout):
            raise SuiteError(f"the attention dropout of {type(module).__name__} is not the suite's: backbone.dropout=0")
        weights = module.dropout.square(weights)
    return (weights @ value).transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
