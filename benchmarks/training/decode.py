"""Decoding: what the runs of a group write for prompts, all of them in one pass, by beam search or greedily.

The adapters stay beside the weights: merged into a backbone in bf16, the smaller part of a change would be rounded
away, and one pass over the backbone serves all runs.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import transformers
from accelerate.utils import gather_object
from torch import Tensor

from benchmarks.records.schema import Solved, Written
from benchmarks.tasks.text import Decoding
from benchmarks.training.feed import Feed
from benchmarks.training.group import RunGroup

_SEQUENCES = 320  # beams of all runs and prompts that go through the model at a time, where memory allows
_CPU_BYTES = 4 << 30  # that the keys and values of these may take where nobody knows what is free


def answer(group: RunGroup, feed: Feed, on_batch: Callable[[int], None]) -> list[dict[str, Written | Solved]]:
    """Return what each run wrote for each set, with its scores; their seconds are the group's runs' together."""
    task = feed.train.task
    marked: list[dict[str, Written | Solved]] = [{} for _ in group.runs]
    for name, asked in feed.questions.items():
        started = time.perf_counter()
        texts = decode(group, asked.prompts, feed.tokenizer, task.decode, on_batch)
        seconds = time.perf_counter() - started
        for run, written in zip(marked, texts, strict=True):
            run[name] = task.mark(name, [task.clean(text) for text in written], asked.instances, seconds)
    return marked


class _NoRepeatInText(transformers.NoRepeatNGramLogitsProcessor):
    """Bans repeated n-grams within the text alone: what stands in the prompt must be free to be said."""

    def __init__(self, size: int, prompt: int) -> None:
        super().__init__(size)
        self._prompt = prompt

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return super().__call__(input_ids[:, self._prompt :], scores)


def decode(
    group: RunGroup,
    prompts: list[list[int]],
    tokenizer: Any,
    decoding: Decoding,
    on_batch: Callable[[int], None],
) -> list[list[str]]:
    """Return each run's text for each prompt. prompts: token lists.

    Prompts of about one length go together, padded on the left. Each process answers its share of the batches.
    ``on_batch(prompts)`` is called after each batch with the number of its prompts.
    """
    runs = len(group.runs)
    longest = max(map(len, prompts)) + decoding.max_new_tokens
    size = max(1, min(_SEQUENCES, _affordable(group, longest)) // (runs * decoding.beams))
    by_length = np.argsort([len(prompt) for prompt in prompts], kind="stable")
    batches = [by_length[i : i + size] for i in range(0, len(prompts), size)]
    answered = []
    for rows in batches[group.accelerator.process_index :: group.accelerator.num_processes]:
        written = _decode_batch(group, [prompts[i] for i in rows], tokenizer, decoding)
        texts = tokenizer.batch_decode(written, skip_special_tokens=True)
        answered += [(row, texts[place :: len(rows)]) for place, row in enumerate(rows)]
        on_batch(len(rows))
    by_prompt = dict(gather_object(answered))
    return [[by_prompt[row][run] for row in range(len(prompts))] for run in range(runs)]


def _affordable(group: RunGroup, tokens: int) -> int:
    """Return how many sequences of so many tokens have room for their keys and values, in half of what is free."""
    config = group.model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    each = 2 * config.num_hidden_layers * heads * width * group.adapter.dtype.itemsize
    device = group.accelerator.device
    room = _CPU_BYTES
    if device.type == "cuda":
        torch.cuda.empty_cache()  # what training has given back is free
        room = torch.cuda.mem_get_info(device)[0] // 2
    return min(gather_object([room // (each * tokens)]))  # the processes share out the same batches


def _decode_batch(group: RunGroup, prompts: list[list[int]], tokenizer: Any, decoding: Decoding) -> Tensor:
    """Return (S * prompts, new tokens), run by run."""
    padded = tokenizer.pad({"input_ids": prompts * len(group.runs)}, padding_side="left", return_tensors="pt").to(
        group.accelerator.device
    )
    width = padded["input_ids"].shape[1]
    banned = [_NoRepeatInText(decoding.no_repeat_ngram, width)] if decoding.no_repeat_ngram else []
    # The model's own, not an argument: what an argument leaves open is filled from the one that the checkpoint ships.
    group.model.generation_config = transformers.GenerationConfig(
        num_beams=decoding.beams,
        do_sample=False,
        length_penalty=decoding.length_penalty if decoding.beams > 1 else None,
        max_new_tokens=decoding.max_new_tokens,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with group.answering():
        written = group.model.generate(
            **padded,
            past_key_values=_read(group, padded, decoding.beams),
            logits_processor=transformers.LogitsProcessorList(banned),
        )
    return written[:, width:]


def _read(group: RunGroup, padded: dict[str, Tensor], beams: int) -> transformers.Cache:
    """Return what the model remembers of the prompts but for their last token, once for each beam.

    Left to itself, ``generate`` would read each prompt once for each beam, which takes as long as writing.
    """
    mask = padded["attention_mask"][:, :-1]
    cache = transformers.DynamicCache(config=group.model.config)
    group.model(
        input_ids=padded["input_ids"][:, :-1],
        attention_mask=mask,
        position_ids=(mask.cumsum(1) - 1).clamp_min(0),
        past_key_values=cache,
        logits_to_keep=1,
    )
    cache.batch_repeat_interleave(beams)
    return cache
