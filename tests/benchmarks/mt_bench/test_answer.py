"""A trained run answers MT-Bench's questions: from its files alone, a few at a time, going on where it stopped."""

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
import transformers
from support import judging, tiny

from benchmarks.models import saved
from benchmarks.mt_bench import answer, questions
from benchmarks.training import decode
from methods.adapter import Adapter
from methods.base import Tensors
from methods.dropout import Rows

QUESTIONS = 3


@pytest.fixture(autouse=True)
def own_cache(own_datasets_cache: None) -> None:
    pass


def trained(monkeypatch: pytest.MonkeyPatch, llama: Path, sums: Path, root: Path, method: str, *overrides: str) -> Path:
    """Train a small run that is saved; return its record's path."""
    rate = [f"method.lr={tiny.RATES[method]}"] if method in tiny.RATES else []
    more = [*rate, "adapter.save=true", "train.schedule=constant", *overrides]
    assert tiny.command_line(monkeypatch, tiny.instructing_job(method, llama, sums, root, *more)) == 0
    (record,) = root.rglob("records/**/*.json")
    return record


def ask(monkeypatch: pytest.MonkeyPatch, record: Path, root: Path, *overrides: str) -> int:
    """Run ``python scripts/mt_bench.py answer=RUN`` in this process; return its exit status."""
    settings = [f"questions={QUESTIONS}", "data.root=embedded", f"cache={root}/cache", "answer.max_new_tokens=6"]
    return judging.command_line(monkeypatch, f"answer={record}", *settings, *overrides)


def answers(root: Path) -> dict[int, list[str]]:
    (file,) = root.rglob("answers.jsonl")
    return {line["question_id"]: line["turns"] for line in map(json.loads, file.read_text().splitlines())}


@pytest.mark.parametrize(
    ("method", "more"),
    [("lora", ()), ("lora_xs", ("backbone.quantization=nf4",)), ("full", ()), ("none", ())],
    ids=["lora", "lora_xs-nf4", "full", "none"],
)
def test_a_run_answers_from_its_files(
    method: str, more: tuple[str, ...], llama: Path, sums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = trained(monkeypatch, llama, sums, tmp_path, method, *more)
    assert ask(monkeypatch, record, tmp_path) == 0
    written = answers(tmp_path)
    assert len(written) == QUESTIONS
    assert all(len(turns) == 2 for turns in written.values())


def test_the_answers_are_those_of_what_was_trained(llama, sums, tmp_path: Path, monkeypatch) -> None:
    """What the trained model writes greedily, one token after another, with the run's change merged into it."""
    record = trained(monkeypatch, llama, sums, tmp_path, "lora")
    assert ask(monkeypatch, record, tmp_path, "questions=[1001,1002]") == 0
    run = saved.find(record)
    opened = saved.load(run, tmp_path / "cache")
    adapter = Adapter(opened.model, opened.method, opened.sites, [opened.trained], opened.frozen, Rows())
    adapter.merge()
    tokenizer = transformers.AutoTokenizer.from_pretrained(llama)
    for question in questions.load("embedded", tmp_path / "cache", [1001, 1002]).asked:
        text = run.task.ask(question.turns[0])
        first = greedy(opened.model, tokenizer, text)
        second = greedy(opened.model, tokenizer, run.task.ask_again(text, first, question.turns[1]))
        assert answers(tmp_path)[question.id] == [first, second]
    adapter.unmerge()
    assert greedy(opened.model, tokenizer, text) == first


def greedy(model: torch.nn.Module, tokenizer, text: str) -> str:
    tokens = tokenizer(text, return_tensors="pt").input_ids
    begun = tokens.shape[1]
    with torch.no_grad():
        for _ in range(6):
            chosen = model(tokens).logits[:, -1].argmax(-1, keepdim=True)
            if chosen.item() == tokenizer.eos_token_id:
                break
            tokens = torch.cat([tokens, chosen], 1)
    return tokenizer.decode(tokens[0, begun:], skip_special_tokens=True).strip()


def test_the_same_command_goes_on(llama: Path, sums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = trained(monkeypatch, llama, sums, tmp_path, "lora")
    whole = answer.Respondent.answer
    asked: list[int] = []

    def killed(self: answer.Respondent, questions: list) -> list:
        asked.extend(question.id for question in questions)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return whole(self, questions)

    monkeypatch.setattr(answer.Respondent, "answer", killed)
    assert ask(monkeypatch, record, tmp_path, "answer.at_once=1") == 130
    kept = answers(tmp_path)
    assert list(kept) == asked[:1]
    asked.append(0)  # so that no more is killed
    assert ask(monkeypatch, record, tmp_path, "answer.at_once=1") == 0
    assert asked[3:] == sorted(answers(tmp_path))[1:]
    assert answers(tmp_path).items() >= kept.items()


def test_answers_of_another_adapter_or_length_are_asked_again(llama, sums, tmp_path, monkeypatch, capsys) -> None:
    record = trained(monkeypatch, llama, sums, tmp_path, "lora", "train.max_grad_norm=null")
    judge = [f"judge={record}", f"questions={QUESTIONS}", "data.root=embedded", f"cache={tmp_path}/cache"]
    assert ask(monkeypatch, record, tmp_path) == 0
    before = answers(tmp_path)
    assert ask(monkeypatch, record, tmp_path) == 0
    assert "0 of 3 questions answered now" in capsys.readouterr().out
    (adapter,) = tmp_path.rglob("adapter.safetensors")
    tensors = safetensors.torch.load_file(adapter)
    safetensors.torch.save_file({name: 0 * tensor for name, tensor in tensors.items()}, adapter)
    assert judging.command_line(monkeypatch, *judge) == 2
    assert "were given by another adapter than the one beside it" in capsys.readouterr().err
    assert ask(monkeypatch, record, tmp_path) == 0
    assert "3 answers were given by another adapter, or to another question or length" in capsys.readouterr().out
    assert answers(tmp_path) != before
    assert judging.command_line(monkeypatch, *judge) == 0  # the budget alone
    assert ask(monkeypatch, record, tmp_path, "answer.max_new_tokens=3") == 0
    assert "3 answers were given by another" in capsys.readouterr().out


def test_a_question_that_does_not_fit_is_one_line(llama, sums, tmp_path: Path, monkeypatch, capsys) -> None:
    record = trained(monkeypatch, llama, sums, tmp_path, "none")
    capsys.readouterr()
    assert ask(monkeypatch, record, tmp_path, "answer.max_new_tokens=500") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "question 1001, both turns, has" in line and "the backbone's 512" in line
    assert not list(tmp_path.rglob("answers.jsonl"))  # the second turn might not fit: said before the first is asked


def test_merged_and_unmerged_write_the_same(llama, sums, tmp_path: Path, monkeypatch) -> None:
    """In float32, from one greedy decoding each, for methods that have all that factors may have between them."""
    for method in ("lora", "lora_xs", "vera", "dora"):
        root = tmp_path / method
        run = saved.find(trained(monkeypatch, llama, sums, root, method))
        respondent = answer.Respondent(run, run.task.decode, root / "cache")
        prompts = run.task.prompt_tokens([run.task.ask(f"Add {a} to 3.") for a in range(2, 8)], respondent.tokenizer)

        def decoded(prompts=prompts, respondent=respondent) -> list[str]:
            return decode.decode(respondent.group, prompts, respondent.tokenizer, respondent.decoding, lambda _: None)[
                0
            ]

        beside = decoded()
        before: Tensors = {name: p.clone() for name, p in respondent.group.model.state_dict().items()}
        respondent.group.adapter.merge()
        changed = any(not torch.equal(p, before[n]) for n, p in respondent.group.model.state_dict().items())
        assert changed, method
        assert decoded() == beside, method
