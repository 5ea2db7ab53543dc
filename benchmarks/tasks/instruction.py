"""Alpaca's and MetaMathQA's kind of task: an instruction in a template's words, and its response."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import checks
from benchmarks.errors import SuiteError
from benchmarks.records.schema import Mark, Solved
from benchmarks.tasks.base import Example, Source
from benchmarks.tasks.scoring.maths import scores
from benchmarks.tasks.text import IGNORED, Instance, Text


@dataclass(frozen=True)
class Exam:
    """Questions with one right answer each: a data set of its own, asked of runs that were trained on another.

    ``kind`` says what an answer is: a "number", or an "expression" in LaTeX. A solution ends before one of ``stops``.
    """

    dataset: str
    config: str
    split: str
    revision: str | None
    question: str
    answer: str
    kind: str
    stops: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Check what a person may have mistyped."""
        if self.kind not in ("number", "expression"):
            raise SuiteError(f"task.exams: kind={self.kind} is unknown: number and expression are there")

    def fault(self, row: dict[str, Any]) -> str | None:
        """Say what is wrong with a row, or None."""
        for column in (self.question, self.answer):
            if not isinstance(row[column], str) or not row[column].strip():
                return f"{row[column]!r} for {column}: an exam needs a text"
        return scores.gold_fault(row[self.answer], self.kind)

    def ended(self, text: str) -> str:
        """Return a solution up to the first of ``stops``."""
        for stop in self.stops:
            text = text.partition(stop)[0]
        return text.strip()


@dataclass(frozen=True)
class Instruction(Text):
    """An instruction in a template's words, and the response that is to be learnt.

    ``templates`` hold columns in braces; a row takes the first one of which it fills every column, and the last, which
    has one column, is what questions are put in. Prompts of training are cut on the right to ``source_max_length``
    tokens and responses to ``target_max_length`` (null: never), as QLoRA's code does. ``cue`` follows an exam's
    question; ``follow_up`` is how a second instruction follows a response.
    """

    templates: list[str]
    response: str
    source_max_length: int | None
    target_max_length: int | None
    follow_up: str
    cue: str
    exams: dict[str, Exam]

    def __post_init__(self) -> None:
        """Check what a person may have mistyped."""
        for name in ("source_max_length", "target_max_length"):
            checks.whole(f"task.{name}", getattr(self, name), 1, null=True)
        if not self.templates or len(_columns_of(self.templates[-1])) != 1:
            raise SuiteError("task.templates needs a last one with a single {column}, which questions are put in")

    @property
    def sources(self) -> dict[str, Source]:
        """Return where each split's rows lie, and each exam's questions."""
        exams = {
            name: Source(e.dataset, e.config, e.split, e.revision, [e.question, e.answer], e.fault)
            for name, e in self.exams.items()
        }
        return super().sources | exams

    @property
    def columns(self) -> list[str]:
        """Return the columns that a row must have."""
        asked = (column for template in self.templates for column in _columns_of(template))
        return list(dict.fromkeys([*asked, self.response]))

    @property
    def half_by(self) -> list[str]:
        """Return the columns that decide which half of dev a row is in."""
        return self.columns

    def fault(self, row: dict[str, Any]) -> str | None:
        """Say what is wrong with a row, or None. A response may be empty: its end is learnt all the same."""
        for column in self.columns:
            if not isinstance(row[column], str):
                return f"{row[column]!r} for {column}: {self.name} needs a text"
        if self._template(row) is None:
            return f"no text for {', '.join(_columns_of(self.templates[-1]))}: {self.name} needs one"
        return None

    def instances(self, splits: Mapping[str, Any]) -> dict[str, list[Instance]]:
        """Return each exam's questions in the template's words, with their answers."""
        return {
            name: [
                Instance(self.ask(question) + self.cue, [answer])
                for question, answer in zip(splits[name][exam.question][:], splits[name][exam.answer][:], strict=True)
            ]
            for name, exam in self.exams.items()
        }

    def ask(self, question: str) -> str:
        """Return a question in the last template's words."""
        return _filled(self.templates[-1], question)

    def ask_again(self, asked: str, answer: str, question: str) -> str:
        """Return what follows a prompt that was ``asked`` and its answer: both, and the next question."""
        return f"{asked} {answer.strip()}{_filled(self.follow_up, question)}"

    def prompt_tokens(self, prompts: Sequence[str], tokenizer: Any) -> list[list[int]]:
        """Return each prompt's tokens, begun as the model's texts begin."""
        return tokenizer(list(prompts))["input_ids"]

    def pairs(self, batch: dict[str, list], tokenizer: Any) -> list[tuple[list[int], list[int]]]:
        """Return each row's prompt, and its response with its end, both cut."""
        columns = (batch[column] for column in self.columns)
        rows = [dict(zip(self.columns, values, strict=True)) for values in zip(*columns, strict=True)]
        prompts = self.prompt_tokens([self._template(row).format(**row) for row in rows], tokenizer)
        texts = tokenizer(batch[self.response], add_special_tokens=False)["input_ids"]
        return [
            (prompt[: self.source_max_length], [*text, tokenizer.eos_token_id][: self.target_max_length])
            for prompt, text in zip(prompts, texts, strict=True)
        ]

    def remark(self, examples: list[Example]) -> str | None:
        """Say how many prompts are as long as they may be at most, which a setting of the papers makes most of them."""
        limit = self.source_max_length
        if limit is None:
            return None
        cut = sum(example["labels"][:limit] == [IGNORED] * limit for example in examples)
        return f"{cut:,} of {len(examples):,} prompts fill task.source_max_length={limit} tokens, or were cut to it"

    def clean(self, text: str) -> str:
        """Return a text without the space around it."""
        return text.strip()

    def mark(self, name: str, predictions: list[str], instances: list[Instance], seconds: float) -> Solved:
        """Return the solutions with the share that is right, as each extractor reads them."""
        exam = self.exams[name]
        predictions = [exam.ended(text) for text in predictions]
        answers = [instance.references[0] for instance in instances]
        return Solved(
            kind=exam.kind,
            marks=marks(predictions, answers, exam.kind),
            seconds=seconds,
            predictions=predictions,
            answers=answers,
        )

    def _template(self, row: dict[str, Any]) -> str | None:
        filled = (t for t in self.templates if all(row[column].strip() for column in _columns_of(t)))
        return next(filled, None)


def marks(predictions: list[str], answers: list[str], kind: str) -> dict[str, Mark]:
    """Return the share of predictions that is right, as each extractor reads them."""
    scored = scores.score(predictions, answers, kind)
    return {
        extractor: Mark(accuracy=own["accuracy"], standard_error=own["stderr"], unread=own["unread"])
        for extractor, own in scored.items()
    }


def _columns_of(template: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(template) if name]


def _filled(template: str, question: str) -> str:
    return template.format(**dict.fromkeys(_columns_of(template), question))
