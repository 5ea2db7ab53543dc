"""Instructions in the words of a template: what is learnt, what is asked, and where an answer ends."""

import json
from pathlib import Path

import pytest
import torch
import transformers
from omegaconf import OmegaConf
from support import tiny
from tokenizers.processors import TemplateProcessing
from torch.nn import functional

from benchmarks.errors import SuiteError
from benchmarks.tasks.build import build
from benchmarks.tasks.instruction import Instruction
from benchmarks.tasks.rows import load
from benchmarks.tasks.text import IGNORED, Instance

ROWS = {
    "instruction": ["Add these.", "Add 2 to 3."],
    "input": ["2, 3", " "],
    "output": ["The answer is: 5", "5"],
}


def built(*overrides: str, task: str = "alpaca") -> Instruction:
    config = tiny.compose([f"task={task}", "backbone=decoder", "backbone.path=x", "method=lora", *overrides])
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
    with pytest.raises(
        SuiteError, match=r"leaves no room for its text in train.max_length=20: raise it; the prompt: Below is"
    ):
        built().encode(ROWS, tokenizer, 20)


def test_a_second_instruction_follows_the_first_answer() -> None:
    task = built()
    first = task.ask("Name a river.")
    assert first == task.templates[-1].format(instruction="Name a river.")
    assert task.ask_again(first, " The Rhine.\n", "Another?") == (
        f"{first} The Rhine.\n\n### Instruction:\nAnother?\n\n### Response:"
    )


def test_a_solution_ends_where_another_instruction_begins() -> None:
    exam = built(task="gsm8k").exams["gsm8k"]
    assert exam.stops == ["Instruction", "Response"]
    instances = [Instance("?", ["#### 3"])] * 2
    written = ["#### 3\n\n### Instruction:\nAnd?\n\n### Response: #### 4", "#### 3"]
    solved = built().model_copy(update={"exams": {"gsm8k": exam}}).mark("gsm8k", written, instances, 1.0)
    assert solved.predictions == ["#### 3\n\n###", "#### 3"]
    assert solved.marks["announced"].accuracy == 1


def test_a_gold_answer_that_no_reading_takes_is_said_before_training() -> None:
    exam = built(task="gsm8k").exams["gsm8k"]
    assert exam.fault({"question": "1 + 1?", "answer": "#### 2"}) is None
    assert "'so 2' at the end of its answer" in exam.fault({"question": "1 + 1?", "answer": "so 2"})


def test_the_prompt_is_learnt_too_where_that_is_asked_for(tokenizer) -> None:
    """But for its first token, which nothing precedes; the loss is the mean over all others."""
    given, asked = built().encode(ROWS, tokenizer, 512), built("+task.learn_prompt=true")
    encoded = asked.encode(ROWS, tokenizer, 512)
    assert encoded["input_ids"] == given["input_ids"]
    assert encoded["labels"] == [[IGNORED, *tokens[1:]] for tokens in encoded["input_ids"]]
    tokens = torch.tensor(encoded["input_ids"][:1])
    logits = torch.randn(*tokens.shape, tokenizer.vocab_size, generator=torch.Generator().manual_seed(0))
    wanted = functional.cross_entropy(logits[0, :-1], tokens[0, 1:])
    examples = [{"labels": labels} for labels in encoded["labels"]]
    assert asked.loss(logits, torch.tensor(encoded["labels"][:1])).item() == pytest.approx(wanted.item())
    assert asked.sizes_of(examples).tolist() == [len(tokens) - 1 for tokens in encoded["input_ids"]]


def test_long_rows_are_left_out_where_that_is_asked_for(tmp_path: Path) -> None:
    """By the characters of question and response with a space between, and before a sample is taken."""
    rows = [{"query": f"{number} " * number, "response": "a" * 10} for number in (1, 2, 3, 4, 5, 6, 7, 2)]
    folder = tmp_path / "MetaMathQA" / "default"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = ["task.train='train[:7]'", "task.validation='train[7:]'", "task.exams={gsm8k: null, math: null}"]
    for most, kept in ((None, 7), (19, 4), (18, 3)):  # the fourth has 8 + 1 + 10 characters
        task = built(*settings, *([f"+task.most_characters={most}"] if most else []), task="math")
        if most:
            with pytest.raises(SuiteError, match=rf"data.train_rows must be from 1 to {kept}, .* got {kept + 1}"):
                load(task, str(tmp_path), tmp_path / "cache", {"train": kept + 1})
        splits = load(task, str(tmp_path), tmp_path / "cache").splits
        assert splits["train"]["query"][:] == [row["query"] for row in rows[:kept]]
        assert len(splits["validation"]) == 1
    with pytest.raises(SuiteError, match=r"MetaMathQA .default, train. has no row that task.most_characters leaves in"):
        load(built(*settings, "+task.most_characters=10", task="math"), str(tmp_path), tmp_path / "cache")
