"""Decoding: what the runs of a group write for prompts, all of them in one pass, by beam search or greedily.

The adapters stay beside the weights: merged into a backbone in bf16, the smaller part of a change would be rounded
away, and one pass over the backbone serves all runs.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import transformers
from accelerate.utils import gather_object
from torch import Tensor

from benchmarks import data
from benchmarks.errors import SuiteError
from benchmarks.group import RunGroup
from benchmarks.nlg import e2e, meteor
from benchmarks.records import Written
from benchmarks.tasks import Decoding, Generation

_SEQUENCES = 320  # beams of all runs and prompts that go through the model at a time


@dataclass(frozen=True)
class Questions:
    """The test split's instances, and each one's prompt as tokens, the separator being the last."""

    instances: list[data.Instance]
    prompts: list[list[int]]


def questions(rows: data.Rows, task: Generation, tokenizer: Any, context: int) -> Questions:
    """Return what the runs are to answer. Raises SuiteError for a prompt that does not fit ``context`` tokens."""
    instances = data.instances(rows, task)
    prompts = task.prompt_tokens([instance.prompt for instance in instances], tokenizer)
    for instance, prompt in zip(instances, prompts, strict=True):
        if len(prompt) + task.decode.max_new_tokens > context:
            raise SuiteError(
                f"a prompt of {task.name}'s test split has {len(prompt)} tokens, which with "
                f"{task.decode.max_new_tokens} new ones is more than the backbone's {context}: {instance.prompt[:80]}"
            )
    return Questions(instances, prompts)


def answer(
    group: RunGroup, asked: Questions, tokenizer: Any, task: Generation, on_batch: Callable[[int], None]
) -> list[Written]:
    """Return what each run wrote, with its scores. ``seconds`` are of the decoding, the group's runs together."""
    started = time.perf_counter()
    texts = decode(group, asked.prompts, tokenizer, task.decode, on_batch)
    seconds = time.perf_counter() - started
    references = [instance.references for instance in asked.instances]
    absent = {} if (reason := meteor.missing()) is None else {"meteor": reason}
    return [
        Written(
            instances=len(references),
            references=sum(map(len, references)),
            scores=e2e.score(predictions, references),
            absent=absent,
            seconds=seconds,
            predictions=predictions,
        )
        for predictions in texts
    ]


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
    """Return each run's text, one line, for each prompt. prompts: token lists, the separator being their last.

    Prompts of about one length go together, padded on the left. Each process answers its share of the batches.
    ``on_batch(prompts)`` is called after each batch with the number of its prompts.
    """
    runs = len(group.runs)
    size = max(1, _SEQUENCES // (runs * decoding.beams))
    by_length = np.argsort([len(prompt) for prompt in prompts], kind="stable")
    batches = [by_length[i : i + size] for i in range(0, len(prompts), size)]
    answered = []
    for rows in batches[group.accelerator.process_index :: group.accelerator.num_processes]:
        written = _decode_batch(group, [prompts[i] for i in rows], tokenizer, decoding)
        texts = [_one_line(text) for text in tokenizer.batch_decode(written, skip_special_tokens=True)]
        answered += [(row, texts[place :: len(rows)]) for place, row in enumerate(rows)]
        on_batch(len(rows))
    by_prompt = dict(gather_object(answered))
    return [[by_prompt[row][run] for row in range(len(prompts))] for run in range(runs)]


def _one_line(text: str) -> str:
    """Return a text's first paragraph, as the LoRA paper's code cuts it, on one line."""
    return " ".join(text.strip().partition("\n\n")[0].split())


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
