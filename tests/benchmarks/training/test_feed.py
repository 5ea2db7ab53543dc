"""A tokenizer, a model and a task that do not belong together are told apart before anything trains."""

import json
import shutil
from pathlib import Path

import pytest
import transformers
from accelerate import Accelerator
from rich.console import Console
from support import tiny
from tokenizers.processors import TemplateProcessing

from benchmarks.errors import SuiteError
from benchmarks.tasks.text import IGNORED
from benchmarks.training import feed, plan

END = "<|endoftext|>"


def edited(source: Path, directory: Path, file: str, **facts) -> Path:
    """Copy a backbone and change what one of its JSON files says."""
    shutil.copytree(source, directory)
    content = json.loads((directory / file).read_text())
    (directory / file).write_text(json.dumps(content | facts))
    return directory


def fed(backbone: Path, data: Path | str, root: Path, *overrides: str, make=tiny.job) -> feed.Feed:
    settings = tiny.settings(make("lora", backbone, data, root, *overrides))
    return feed.feed_of(plan.prepare(settings, Accelerator(), Console(quiet=True)))


@pytest.mark.parametrize("left", [[], ["tokenizer_config.json"], ["tokenizer_config.json", "special_tokens_map.json"]])
def test_a_tokenizer_without_its_vocabulary_is_refused(left: list[str], bert: Path, glue: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "bert")
    for file in (*bert.glob("*token*"), *bert.glob("vocab*")):
        if file.name not in left:
            (tmp_path / "bert" / file.name).unlink()
    with pytest.raises(SuiteError, match=r"has \d tokens where the model has 30522: put the files of its vocabulary"):
        fed(tmp_path / "bert", glue, tmp_path)


def test_a_tokenizer_that_does_not_know_the_rows_words_is_refused(bert: Path, glue: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "bert")
    file = tmp_path / "bert" / "tokenizer.json"
    facts = json.loads(file.read_text())
    words = {name: number for name, number in facts["model"]["vocab"].items() if not name.isalpha()}
    unused = {f"[other {number}]": number for name, number in facts["model"]["vocab"].items() if name not in words}
    facts["model"]["vocab"] = words | unused
    file.write_text(json.dumps(facts))
    with pytest.raises(SuiteError, match=r"does not know \d+% of the rows' words \(\[UNK\]\)"):
        fed(tmp_path / "bert", glue, tmp_path)


def test_a_token_beyond_the_models_is_refused(bert: Path, glue: Path, tmp_path: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    shutil.copytree(bert, tmp_path / "bert", ignore=shutil.ignore_patterns("*token*"))
    tokenizer.save_pretrained(tmp_path / "bert")
    with pytest.raises(SuiteError, match=r"gives token 30522 \(<pad>\), and the model has tokens 0 to 30521"):
        fed(tmp_path / "bert", glue, tmp_path)


def test_token_types_that_a_model_lacks_are_refused(roberta: Path, glue: Path, tmp_path: Path) -> None:
    """A BERT's tokenizer tells the two texts of a row apart, and a RoBERTa has one type of token."""
    one = edited(roberta, tmp_path / "one", "config.json", type_vocab_size=1)
    with pytest.raises(SuiteError, match=r"tells 2 types of tokens apart \(token_type_ids\), and the model has 1:"):
        fed(one, glue, tmp_path)
    assert fed(one, glue, tmp_path, "task=glue/sst2").train.examples  # of one text, whose tokens are all of type 0
    distilled = transformers.DistilBertConfig(vocab_size=30522, dim=32, n_layers=1, n_heads=2, hidden_dim=64)
    shutil.copytree(roberta, tmp_path / "two")
    distilled.save_pretrained(tmp_path / "two")
    with pytest.raises(SuiteError, match=r"gives token_type_ids, which the model \(distilbert\) does not read"):
        fed(tmp_path / "two", glue, tmp_path)


def test_a_classifier_that_is_not_told_its_padding_says_what_to_write(gpt2: Path, glue: Path, tmp_path: Path) -> None:
    backbone = edited(gpt2, tmp_path / "gpt2", "tokenizer_config.json", pad_token=END)
    classify = ["backbone.head=[score]", "backbone.targets={qv:[attn.c_proj]}", "backbone.dropout=0.0"]
    with pytest.raises(SuiteError, match=rf"has pad_token_id None, .* write 0, the tokenizer's \({END}\)") as refused:
        fed(backbone, glue, tmp_path, *classify)
    assert "\n" not in str(refused.value)
    told = edited(backbone, tmp_path / "told", "config.json", pad_token_id=0)
    assert fed(told, glue, tmp_path, *classify).train.tokenizer.pad_token_id == 0


def test_an_encoder_pads_on_the_right_whatever_its_tokenizer_says(bert: Path, glue: Path, tmp_path: Path) -> None:
    left = fed(edited(bert, tmp_path / "bert", "tokenizer_config.json", padding_side="left"), glue, tmp_path)
    inputs, _ = left.train.collate(range(8))
    assert inputs["attention_mask"][:, 0].all() and not inputs["attention_mask"].all()


def test_more_tokens_than_a_model_has_places_for_are_refused(
    bert: Path, roberta: Path, gpt2: Path, glue: Path, restaurants: Path, tmp_path: Path
) -> None:
    for backbone, limit in ((bert, 130), (roberta, 129)):
        assert fed(backbone, glue, tmp_path, f"train.max_length={limit}").train.examples
        with pytest.raises(SuiteError, match=f"train.max_length={limit + 1} is more than the {limit} tokens that"):
            fed(backbone, glue, tmp_path, f"train.max_length={limit + 1}")
    with pytest.raises(SuiteError, match=r"train.max_length=161 is more than the 160 tokens that"):
        fed(gpt2, restaurants, tmp_path, "train.max_length=161", make=tiny.writing_job)


def test_a_half_of_dev_on_which_a_correlation_is_undefined_is_refused(bert: Path, glue: Path, tmp_path: Path) -> None:
    stsb = ["task=glue/stsb", "data.train_rows=8"]
    with pytest.raises(SuiteError, match=r"no score on a half of dev with 1 rows .*: raise data.validation_rows"):
        fed(bert, glue, tmp_path, *stsb, "data.validation_rows=3")
    assert len(fed(bert, glue, tmp_path, *stsb, "data.validation_rows=12").dev.examples) == 12
    with pytest.raises(SuiteError, match=r"task.primary=f2 must be one of the task's scores: accuracy, f1"):
        fed(bert, glue, tmp_path, "task.primary=f2")


def test_a_row_is_prompt_response_end_where_the_tokenizer_ends_every_text(
    llama: Path, sums: Path, tmp_path: Path
) -> None:
    shutil.copytree(llama, tmp_path / "llama")
    tokenizer = transformers.AutoTokenizer.from_pretrained(llama)
    plain = fed(llama, sums, tmp_path, make=tiny.instructing_job)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, tokenizer.eos_token_id)]
    )
    tokenizer.save_pretrained(tmp_path / "llama")
    ended = fed(tmp_path / "llama", sums, tmp_path, make=tiny.instructing_job)
    assert ended.tokenizer("Add.")["input_ids"][-1] == tokenizer.eos_token_id
    assert ended.train.examples == plain.train.examples
    assert ended.questions == plain.questions
    for example in ended.train.examples:
        assert example["input_ids"].count(tokenizer.eos_token_id) == 1
        assert example["input_ids"][-1] == example["labels"][-1] == tokenizer.eos_token_id
        assert IGNORED in example["labels"]


def test_tokens_that_are_damaged_or_another_splits_are_made_again(
    bert: Path, glue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = fed(bert, glue, tmp_path)
    one, other = (tmp_path / "cache" / "tokens").iterdir()
    whole = one.read_bytes()
    one.write_bytes(whole[:-300] + bytes([whole[-300] ^ 1]) + whole[-299:])
    other.write_bytes(whole)
    again = fed(bert, glue, tmp_path)
    assert (again.train.examples, again.dev.examples) == (first.train.examples, first.dev.examples)
    assert capsys.readouterr().err.count("is damaged, or was made for something else") == 2
    assert one.read_bytes() == whole
