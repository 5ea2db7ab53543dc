"""Instructions in a template's words: what is learnt of them, what is asked, and whole runs of every method."""

import dataclasses
from pathlib import Path

import pytest
import transformers
from omegaconf import OmegaConf
from support import tiny
from tokenizers.processors import TemplateProcessing

import methods
from benchmarks.errors import SuiteError
from benchmarks.tasks.build import build
from benchmarks.tasks.instruction import Exam, Instruction
from benchmarks.tasks.text import IGNORED, Instance

ROWS = {
    "instruction": ["Add these.", "Add 2 to 3."],
    "input": ["2, 3", " "],
    "output": ["The answer is: 5", "5"],
}


@pytest.fixture(autouse=True)
def own_cache(own_datasets_cache: None) -> None:
    pass


def built(*overrides: str) -> Instruction:
    config = tiny.compose(["task=alpaca", "backbone=decoder", "backbone.path=x", "method=lora", *overrides])
    return build(OmegaConf.to_container(config.task, resolve=True))


@pytest.fixture
def tokenizer(llama: Path):
    loaded = transformers.AutoTokenizer.from_pretrained(llama)
    built().ready(loaded)
    return loaded


def test_a_row_is_the_template_and_its_response_and_end(tokenizer) -> None:
    task = built()
    encoded = task.encode(ROWS, tokenizer, 512)
    for place, template in enumerate(task.templates):
        row = {column: values[place] for column, values in ROWS.items()}
        tokens, labels = encoded["input_ids"][place], encoded["labels"][place]
        learnt = [label for label in labels if label != IGNORED]
        prompt = tokens[: len(tokens) - len(learnt)]
        assert labels == [IGNORED] * len(prompt) + learnt
        assert tokenizer.decode(prompt) == template.format(**row)
        assert learnt == [*tokenizer(row["output"])["input_ids"], tokenizer.eos_token_id]
    assert "### Input:" in task.templates[0] and "### Input:" not in task.templates[1]


def test_a_model_whose_texts_begin_with_a_token_begins_prompts_so(tokenizer) -> None:
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", tokenizer.bos_token_id)]
    )
    for prompt, text in built().pairs(ROWS, tokenizer):
        assert prompt[0] == tokenizer.bos_token_id != prompt[1]
        assert text.count(tokenizer.bos_token_id) == 1  # its end


def test_prompts_and_responses_are_cut_as_qlora_cuts_them(tokenizer) -> None:
    whole, cut = built(), built("task.source_max_length=7", "task.target_max_length=2")
    for (prompt, text), (short, begun) in zip(whole.pairs(ROWS, tokenizer), cut.pairs(ROWS, tokenizer), strict=True):
        assert (short, begun) == (prompt[:7], text[:2])
    examples = [{"labels": labels} for labels in cut.encode(ROWS, tokenizer, 512)["labels"]]
    assert cut.remark(examples) == "2 of 2 prompts fill task.source_max_length=7 tokens, or were cut to it"
    assert whole.remark(examples) is None


def test_a_prompt_that_leaves_no_room_is_refused(tokenizer) -> None:
    with pytest.raises(SuiteError, match=r"leaves its text no room in train.max_length=20, so raise that: Below is"):
        built().encode(ROWS, tokenizer, 20)


def test_a_second_instruction_follows_the_first_answer() -> None:
    task = built()
    first = task.ask("Name a river.")
    assert first == task.templates[-1].format(instruction="Name a river.")
    assert task.ask_again(first, " The Rhine.\n", "Another?") == (
        f"{first} The Rhine.\n\n### Instruction:\nAnother?\n\n### Response:"
    )


def test_a_solution_ends_where_another_instruction_begins() -> None:
    exam = Exam("d", "c", "test", None, "question", "answer", "number", ["Instruction", "Response"])
    instances = [Instance("?", ["#### 3"])] * 2
    written = ["#### 3\n\n### Instruction:\nAnd?\n\n### Response: #### 4", "#### 3"]
    solved = dataclasses.replace(built(), exams={"gsm8k": exam}).mark("gsm8k", written, instances, 1.0)
    assert solved.predictions == ["#### 3\n\n###", "#### 3"]
    assert solved.marks["announced"].accuracy == 1


def test_a_gold_answer_that_no_reading_takes_is_said_before_training() -> None:
    exam = Exam("d", "c", "test", None, "question", "answer", "number")
    assert exam.fault({"question": "1 + 1?", "answer": "#### 2"}) is None
    assert "'so 2' at the end of its answer" in exam.fault({"question": "1 + 1?", "answer": "so 2"})


@pytest.mark.parametrize("method", tiny.GENERATING)
def test_a_method_learns_and_sits_an_exam(
    method: str, llama: Path, sums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = [f"method.lr={tiny.RATES[method]}"] if method in tiny.RATES else []
    shares = methods.find()[method].adapts_sites
    more = [*rate, f"seeds={[0, 1] if shares else [0]}", "train.schedule=constant"]
    assert tiny.command_line(monkeypatch, tiny.instructing_job(method, llama, sums, tmp_path, *more)) == 0
    found = tiny.read(tmp_path)
    assert len(found) == (2 if shares else 1)
    for record in found.values():
        assert record.status == "finished", record.error
        solved = record.exams["gsm8k"]
        assert solved.kind == "number"
        assert len(solved.predictions) == len(solved.answers) == 3
        assert all("####" in answer for answer in solved.answers)
        assert {"paper", "math_verify"} <= set(solved.marks)
        losses = [epoch.train_loss for epoch in record.epochs]
        assert len(losses) == 1 or losses[1] < losses[0] - 0.05


def test_parts_of_a_batch_are_the_batch(llama: Path, sums: Path, tmp_path: Path, monkeypatch) -> None:
    """Three parts of eight rows: not alike, and a last batch of fewer rows than parts would still be whole."""
    found = []
    for parts in ("null", "3", "8"):
        root = tmp_path / parts
        more = ("method.dropout=0.1", f"train.accumulate={parts}", "seeds=[0,1]")
        assert tiny.command_line(monkeypatch, tiny.instructing_job("lora", llama, sums, root, *more)) == 0
        found.append([epoch.train_loss for record in tiny.read(root).values() for epoch in record.epochs])
    assert found[1] == pytest.approx(found[0], abs=1e-5)
    assert found[2] == pytest.approx(found[0], abs=1e-5)


def test_computing_activations_again_changes_nothing(llama: Path, sums: Path, tmp_path: Path, monkeypatch) -> None:
    found = []
    for setting in ("null", "true"):
        root = tmp_path / setting
        more = ("method.dropout=0.1", f"train.gradient_checkpointing={setting}", "seeds=[0,1]")
        assert tiny.command_line(monkeypatch, tiny.instructing_job("lora", llama, sums, root, *more)) == 0
        found.append([(record.epochs, record.exams["gsm8k"].predictions) for record in tiny.read(root).values()])
    assert found[0] == found[1]


BAD = {
    "a template without a column": ({"task.templates": "['Do it.']"}, ["task.templates"]),
    "an exam of another kind": ({"++task.exams.gsm8k.kind": "essay"}, ["kind=essay", "number"]),
    "no length": ({"task.source_max_length": "0"}, ["task.source_max_length=0"]),
    "no parts": ({"train.accumulate": "0"}, ["train.accumulate must be at least 1, or null, got 0"]),
    "an unknown optimizer": (
        {"train.optimizer": "sgd"},
        ["train.optimizer must be 'paged_adamw_32bit', or null, got sgd"],
    ),
    "an optimizer of another device": ({"train.optimizer": "paged_adamw_32bit"}, ["cpu", "train.optimizer=null"]),
    "a maybe": (
        {"train.gradient_checkpointing": "maybe"},
        ["train.gradient_checkpointing must be true or false, or null, got maybe"],
    ),
    "an exam that is not there": ({"data.root": "nowhere"}, ["nowhere", "alpaca-cleaned/default"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(
    case: str, llama: Path, sums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    overrides, wanted = BAD[case]
    more = [f"{key}={value}" for key, value in overrides.items()]
    line = tiny.refused(monkeypatch, capsys, tiny.instructing_job("lora", llama, sums, tmp_path, *more))
    assert all(part in line for part in wanted), line
    assert not list(tmp_path.rglob("records/*"))
