"""Whether a tokenizer is the one that a model was trained with: a wrong one trains too, on nothing."""

import inspect
from itertools import chain
from typing import Any

import transformers

from benchmarks.errors import SuiteError
from benchmarks.tasks.base import Example

_SAMPLE = 1000  # rows whose words are looked at
_MOST_UNKNOWN = 0.1  # of a sample's tokens; with the right tokenizer it is less than one in a hundred


def check_tokenizer(
    tokenizer: Any, config: transformers.PretrainedConfig, has_head: bool, examples: list[Example], random: bool
) -> None:
    """Raise SuiteError where a tokenizer cannot belong to a model, by its size and by what it makes of a task's rows.

    ``has_head`` says that the model classifies; ``random`` that its weights are drawn, so that its words mean nothing.
    """
    place, embedded = tokenizer.name_or_path, config.get_text_config().vocab_size
    if len(tokenizer) < embedded / 2 and not random:
        raise SuiteError(
            f"the tokenizer of {place} has {len(tokenizer)} tokens where the model has {embedded}: put the files of "
            "its vocabulary there (tokenizer.json, or what the model has in its place, such as vocab.txt)"
        )
    largest = max(chain([tokenizer.pad_token_id], *(row["input_ids"] for row in examples)))
    if largest >= embedded:
        raise SuiteError(
            f"the tokenizer of {place} gives token {largest} ({tokenizer.convert_ids_to_tokens(largest)}), and the "
            f"model has tokens 0 to {embedded - 1}: it is another model's, or has tokens that were added"
        )
    if has_head:
        _check_inputs(place, config, examples)
    if has_head and config.pad_token_id != tokenizer.pad_token_id:
        raise SuiteError(
            f"the config.json of {place} has pad_token_id {config.pad_token_id}, and a classifier must be told which "
            f"token is padding: write {tokenizer.pad_token_id}, the tokenizer's ({tokenizer.pad_token})"
        )
    unknown = _share_unknown(tokenizer, examples[:_SAMPLE])
    if unknown > _MOST_UNKNOWN:
        raise SuiteError(
            f"the tokenizer of {place} does not know {unknown:.0%} of the rows' words ({tokenizer.unk_token}): it is "
            "another model's, or its settings (do_lower_case) are"
        )


def _check_inputs(place: str, config: transformers.PretrainedConfig, examples: list[Example]) -> None:
    """Raise SuiteError where a tokenizer gives a classifier what it does not read, or more token types than it has."""
    read = inspect.signature(transformers.MODEL_MAPPING[type(config)].forward).parameters
    if unread := sorted(examples[0].keys() - read.keys() - {"labels"}):
        raise SuiteError(
            f"the tokenizer of {place} gives {unread[0]}, which the model ({config.model_type}) does not read: it is "
            "another model's"
        )
    known = getattr(config, "type_vocab_size", None)
    last = max(chain([0], *(row.get("token_type_ids", []) for row in examples)))
    if known and last >= known:  # where there are 0 the model reads none
        raise SuiteError(
            f"the tokenizer of {place} tells {last + 1} types of tokens apart (token_type_ids), and the model has "
            f"{known}: it is another model's"
        )


def _share_unknown(tokenizer: Any, examples: list[Example]) -> float:
    """Return the share of tokens that stand for unknown words; 0 for a tokenizer that knows all of them."""
    unknown, special = tokenizer.unk_token_id, set(tokenizer.all_special_ids)
    if unknown is None or unknown in (tokenizer.eos_token_id, tokenizer.bos_token_id):
        return 0.0
    tokens = [token for row in examples for token in row["input_ids"] if token == unknown or token not in special]
    return tokens.count(unknown) / max(len(tokens), 1)
