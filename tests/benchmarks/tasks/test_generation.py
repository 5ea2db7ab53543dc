"""What a generation task learns from and is scored by."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from omegaconf import OmegaConf
from support import tiny

from benchmarks.errors import SuiteError
from benchmarks.models import backbones
from benchmarks.tasks import rows as data
from benchmarks.tasks.build import build
from benchmarks.tasks.generation import Generation
from benchmarks.tasks.text import IGNORED

ROWS = {
    "meaning_representation": [
        "name[Rowan], food[Thai]",
        "name[The Quiet Lantern], eatType[pub], area[by the harbour]",
    ],
    "human_reference": ["Rowan serves Thai food.", "The Quiet Lantern is a pub by the harbour."],
}


@pytest.fixture
def task() -> Generation:
    config = tiny.compose(["task=e2e", "backbone=gpt2-tiny", "method=lora"])
    return build(OmegaConf.to_container(config.task, resolve=True))


@pytest.fixture
def tokenizer(gpt2: Path, task: Generation):
    loaded = backbones.tokenizer(gpt2)
    assert loaded.pad_token is None
    task.ready(loaded)
    return loaded


def examples(task: Generation, tokenizer, max_length: int = 160) -> list[dict]:
    encoded = task.encode(ROWS, tokenizer, max_length)
    return [dict(zip(encoded, values, strict=True)) for values in zip(*encoded.values(), strict=True)]


def test_a_row_is_prompt_end_space_reference_end(task: Generation, tokenizer) -> None:
    for place, example in enumerate(examples(task, tokenizer)):
        prompt, reference = (ROWS[column][place] for column in task.columns)
        assert tokenizer.decode(example["input_ids"]) == f"{prompt}<|endoftext|> {reference}<|endoftext|>"
        learnt = [label for label in example["labels"] if label != IGNORED]
        assert tokenizer.decode(learnt) == f" {reference}<|endoftext|>"
        assert example["input_ids"][-len(learnt) :] == learnt
        assert task.labels_of([example]).tolist() == task.sizes_of([example]).tolist() == [len(learnt)]


def test_the_loss_is_on_the_reference_alone_smoothed_and_a_mean_over_tokens(task, tokenizer, gpt2: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(gpt2).eval()
    rows = examples(task, tokenizer)
    inputs, labels = task.collate(rows, tokenizer)
    assert (inputs["attention_mask"].sum(1) == torch.tensor([len(row["input_ids"]) for row in rows])).all()
    with torch.no_grad():
        logits = model(**inputs).logits
        losses, likelihoods = task.loss(logits, labels), task.predict(logits, labels)
        for row, loss, likelihood in zip(rows, losses, likelihoods, strict=True):
            start = row["labels"].count(IGNORED)
            words = model(torch.tensor([row["input_ids"]])).logits[0, start - 1 : -1].log_softmax(-1)
            right = words[range(len(words)), row["input_ids"][start:]]
            smoothed = 0.9 * right + 0.1 * words.mean(-1)
            torch.testing.assert_close(loss, -smoothed.mean(), rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(likelihood, right.mean(), rtol=1e-5, atol=1e-5)


def test_the_score_is_over_all_tokens_alike(task: Generation) -> None:
    assert task.score(np.array([-1.0, -4.0]), np.array([30, 10])) == {"log_likelihood": pytest.approx(-1.75)}


def test_no_more_logits_are_asked_for_than_are_needed(task: Generation, tokenizer) -> None:
    rows = examples(task, tokenizer)
    inputs, labels = task.collate(rows, tokenizer)
    shortest = min(row["labels"].count(IGNORED) for row in rows)
    longest = max(len(row["input_ids"]) for row in rows)
    assert inputs["logits_to_keep"] == labels.shape[1] == longest - shortest + 1
    assert (labels[:, 0] == IGNORED).all()


def test_padding_to_a_multiple_changes_no_loss(task: Generation, tokenizer, gpt2: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(gpt2).eval()
    lost = []
    for multiple in (1, 16):
        inputs, labels = task.collate(examples(task, tokenizer), tokenizer, multiple)
        assert inputs["input_ids"].shape[1] % multiple == labels.shape[1] % multiple == 0
        with torch.no_grad():
            lost.append(task.loss(model(**inputs).logits, labels))
    torch.testing.assert_close(lost[0], lost[1], rtol=1e-6, atol=1e-6)


def test_a_long_reference_is_cut_and_a_long_prompt_refused(task: Generation, tokenizer) -> None:
    whole = examples(task, tokenizer)
    longest_prompt = max(row["labels"].count(IGNORED) for row in whole)
    cut = examples(task, tokenizer, longest_prompt + 1)
    assert [row["input_ids"] for row in cut] == [row["input_ids"][: longest_prompt + 1] for row in whole]
    assert [row["labels"] for row in cut] == [row["labels"][: longest_prompt + 1] for row in whole]
    with pytest.raises(
        SuiteError, match=rf"a prompt has {longest_prompt} tokens.*train.max_length={longest_prompt}: raise it"
    ):
        examples(task, tokenizer, longest_prompt)


def test_a_tokenizer_needs_an_end_of_text_token(task: Generation, gpt2: Path) -> None:
    loaded = backbones.tokenizer(gpt2)
    loaded.eos_token = None
    with pytest.raises(SuiteError, match="has no end-of-text token"):
        task.ready(loaded)


def test_references_are_grouped_in_the_order_of_first_appearance(task: Generation) -> None:
    import datasets

    prompts, texts = ["b", "a", "b", "c", "a"], ["1", "2", "3", "4", "5"]
    split = datasets.Dataset.from_dict(dict(zip(task.columns, (prompts, texts), strict=True)))
    rows = data.Rows("directory", "made-up", "0", {"test": split})
    instances = data.instances(rows, task)["test"]
    assert [(one.prompt, one.references) for one in instances] == [("b", ["1", "3"]), ("a", ["2", "5"]), ("c", ["4"])]


def test_a_prompts_references_are_in_one_half_of_dev(task: Generation, restaurants: Path, tmp_path: Path) -> None:
    split = data.load(task, str(restaurants), tmp_path).splits["validation"]
    halves = data.halves(task, split)
    by_prompt: dict[str, set[int]] = {}
    for prompt, half in zip(split[task.prompt][:], halves.tolist(), strict=True):
        by_prompt.setdefault(prompt, set()).add(half)
    assert all(len(of_prompt) == 1 for of_prompt in by_prompt.values())
    assert set(halves.tolist()) == {0, 1}
