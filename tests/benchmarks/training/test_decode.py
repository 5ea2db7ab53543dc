"""What the runs of a group write: the same alone, in a batch and in a group, and as the search that was asked for."""

import itertools
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from rich.console import Console
from support import tiny

from benchmarks.models import backbones
from benchmarks.tasks.text import Decoding
from benchmarks.training import decode, feed, plan
from benchmarks.training.group import Adaptation, RunGroup
from benchmarks.training.settings import RunSettings
from methods.sites import find_sites


class Bench:
    """Groups of LoRA runs on a random GPT-2, whose adapters are random too, so that the runs write different texts."""

    def __init__(self, gpt2: Path, restaurants: Path, root: Path) -> None:
        overrides = ("task.decode.instances=null", "method.dropout=0.1")
        settings = tiny.settings(tiny.writing_job("lora", gpt2, restaurants, root, *overrides))
        self.job = plan.prepare(settings, Accelerator(), Console(quiet=True))
        self.feed = feed.feed_of(self.job)
        self.prompts = self.feed.questions["test"].prompts

    def group(self, seeds: list[int]) -> RunGroup:
        backbone = self.job.settings.backbone
        model = backbones.load(self.job.directory, self.job.task, None, [], 0.0)
        sites = find_sites(model, backbone.targets["all"], [], backbone.fused)
        runs = [RunSettings(seed, 0.0, 0.0) for seed in seeds]
        adaptation = Adaptation(model, [], self.job.method, sites, {})
        made = RunGroup(adaptation, runs, self.job.settings.train, 24, Accelerator(), "fp32")
        for index, seed in enumerate(seeds):
            generator = torch.Generator().manual_seed(seed)
            for parameter in made.adapter.trained.values():
                parameter.data[index].normal_(0.0, 0.3, generator=generator)
        return made

    def write(self, seeds: list[int], prompts: list[list[int]], **settings) -> list[list[str]]:
        chosen = {"beams": 3, "length_penalty": 0.8, "no_repeat_ngram": 4, "max_new_tokens": 16, "instances": None}
        decoding = Decoding(**chosen | settings)
        return decode.decode(self.group(seeds), prompts, self.feed.tokenizer, decoding, lambda count: None)


@pytest.fixture(scope="module")
def bench(gpt2: Path, restaurants: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(gpt2, restaurants, tmp_path_factory.mktemp("decode"))


@pytest.mark.parametrize("beams", [1, 3])
def test_a_batch_gives_what_each_prompt_gives_alone(bench: Bench, beams: int) -> None:
    assert len({len(prompt) for prompt in bench.prompts}) > 1  # so that some are padded
    (together,) = bench.write([0], bench.prompts, beams=beams)
    alone = [bench.write([0], [prompt], beams=beams)[0][0] for prompt in bench.prompts]
    assert together == alone
    assert len(set(together)) > 1


def test_small_batches_give_what_a_large_one_gives(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    together = bench.write([0, 1], bench.prompts)
    monkeypatch.setattr(decode, "_SEQUENCES", 12)  # two prompts of two runs of three beams
    assert bench.write([0, 1], bench.prompts) == together


def test_a_batch_is_no_larger_than_memory_allows(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token's keys and values are 2 layers x 2 x 32 numbers of 4 bytes: 512 bytes."""
    longest = max(map(len, bench.prompts)) + 16
    monkeypatch.setattr(decode, "_CPU_BYTES", 512 * longest * 7)
    sizes: list[int] = []
    chosen = Decoding(beams=3, length_penalty=0.8, no_repeat_ngram=4, max_new_tokens=16, instances=None)
    decode.decode(bench.group([0]), bench.prompts, bench.feed.tokenizer, chosen, sizes.append)
    assert sizes == [2] * (len(bench.prompts) // 2) + [1] * (len(bench.prompts) % 2)  # of seven, two prompts' beams


@pytest.mark.parametrize("beams", [1, 3])
def test_a_group_writes_what_its_runs_write_alone(bench: Bench, beams: int) -> None:
    together = bench.write([0, 1, 2], bench.prompts, beams=beams)
    assert together == [bench.write([seed], bench.prompts, beams=beams)[0] for seed in (0, 1, 2)]
    assert together[0] != together[1]


def test_one_beam_takes_the_likeliest_token_each_time(bench: Bench) -> None:
    group, prompt = bench.group([0]), bench.prompts[0]
    tokens = list(prompt)
    with group.answering():
        for _ in range(16):
            tokens.append(int(group.model(torch.tensor([tokens])).logits[0, -1].argmax()))
    expected = " ".join(bench.feed.tokenizer.decode(tokens[len(prompt) :], skip_special_tokens=True).split())
    assert bench.write([0], [prompt], beams=1, no_repeat_ngram=0) == [[expected]]


def likelihood(group: RunGroup, prompt: list[int], text: list[int]) -> float:
    with group.answering():
        words = group.model(torch.tensor([prompt + text])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    return float(words[range(len(text)), text].sum())


def test_as_many_beams_as_words_find_the_likeliest_text(bench: Bench) -> None:
    group, prompt = bench.group([1]), bench.prompts[0]
    words = group.model.config.vocab_size
    with group.answering():
        first = group.model(torch.tensor([prompt])).logits[0, -1].log_softmax(-1)
        second = group.model(torch.tensor([[*prompt, word] for word in range(words)])).logits[:, -1].log_softmax(-1)
    end = bench.feed.tokenizer.eos_token_id
    both = first[:, None] + second
    both[end] = -torch.inf  # it would have ended there
    best = divmod(int(both.argmax()), words)
    settings = {"beams": words, "length_penalty": 0.0, "max_new_tokens": 2, "no_repeat_ngram": 0}
    expected = [end] if first[end] > both.max() else list(best)
    text = " ".join(bench.feed.tokenizer.decode(expected, skip_special_tokens=True).split())
    assert bench.write([1], [prompt], **settings) == [[text]]
    greedy = bench.write([1], [prompt], **settings | {"beams": 1})
    assert greedy != [[text]]  # else this prompt could not tell beams from none


def test_an_n_gram_of_the_prompt_may_be_said_and_one_of_the_text_not_again(bench: Bench) -> None:
    tokenizer = bench.feed.tokenizer
    repeated = 0
    for free, banned in zip(
        *(bench.write([0], bench.prompts, beams=1, max_new_tokens=40, no_repeat_ngram=n)[0] for n in (0, 2)),
        strict=True,
    ):
        grams = [[*itertools.pairwise(t)] for t in (tokenizer(free)["input_ids"], tokenizer(banned)["input_ids"])]
        repeated += len(grams[0]) > len(set(grams[0]))
    assert repeated  # without the ban some text repeats itself
    ban = decode._NoRepeatInText(2, prompt=3)
    prompt, text = [7, 8, 9], [5, 7, 8, 5]
    scores = ban(torch.tensor([prompt + text]), torch.zeros(1, 10))
    assert scores[0].isinf().nonzero().flatten().tolist() == [
        7
    ]  # 5 7 was said in the text; 7 8 9 in the prompt is free
    scores = ban(torch.tensor([[*prompt, 7]]), torch.zeros(1, 10))
    assert not scores.isinf().any()
