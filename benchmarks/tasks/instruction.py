"""Alpaca's and MetaMathQA's kind of task: an instruction in the words of a template, and its response."""

import dataclasses
import string
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, field_validator

from benchmarks import typed
from benchmarks.records.schema import Mark, Solved
from benchmarks.tasks.base import Example, Source
from benchmarks.tasks.scoring.maths import scores
from benchmarks.tasks.text import IGNORED, Count, Instance, Text
from benchmarks.typed import Settings


class Exam(Settings):
    """Questions with one right answer each, from another data set than the one that runs are trained on.

    ``question`` and ``answer`` name the columns. ``kind`` says what an answer is: a "number", or an "expression" in
    LaTeX. A solution ends before the first of ``stops``.
    """

    dataset: str
    config: str
    split: str
    revision: str | None
    question: str
    answer: str
    kind: Literal["number", "expression"]
    stops: list[str] = Field(default_factory=list)

    def fault(self, row: dict[str, Any]) -> str | None:
        """Say what is wrong with a row, or return None."""
        for column in (self.question, self.answer):
            if not isinstance(row[column], str) or not row[column].strip():
                return f"{row[column]!r} for {column}: an exam needs a text"
        return scores.gold_fault(row[self.answer], self.kind)

    def ended(self, text: str) -> str:
        """Return a solution up to the first of ``stops``, without space around it."""
        for stop in self.stops:
            text = text.partition(stop)[0]
        return text.strip()


class Instruction(Text):
    """An instruction in the words of a template, and the response to learn.

    ``templates`` hold columns in braces. A row uses the first template whose columns it fills all; the last template
    has one column, and questions are asked in its words. Training prompts are cut on the right to
    ``source_max_length`` tokens and responses to ``target_max_length`` (None: never), as QLoRA's code does. ``cue``
    follows an exam's question; ``follow_up`` puts a second instruction after a response.

    With ``learn_prompt`` the prompt's tokens are learnt and scored too, but for the first, which nothing precedes. Rows
    of more than ``most_characters``, over the columns of the last template and the response with a space between any
    two, are left out (None: none are). Both are peft's comparison's.
    """

    templates: list[str]
    response: str
    source_max_length: Count | None
    target_max_length: Count | None
    follow_up: str
    cue: str
    exams: dict[str, Exam]
    learn_prompt: bool = False
    most_characters: Count | None = None

    @field_validator("templates")
    @classmethod
    def _asks(cls, templates: list[str]) -> list[str]:
        if not templates or len(_columns_of(templates[-1])) != 1:
            raise ValueError("must end with a template that has a single {column}: questions are asked in its words")
        return templates

    @field_validator("exams", mode="before")
    @classmethod
    def _given(cls, exams: Any) -> Any:
        """Leave out exams that are null: a task whose file builds on another's drops them so."""
        if not isinstance(exams, dict):
            return exams
        given = {name: exam for name, exam in exams.items() if exam is not None}
        return {name: typed.read(Exam, exam, f"task.exams.{name}") for name, exam in given.items()}

    @property
    def sources(self) -> dict[str, Source]:
        """Return where the rows of each split lie, and each exam's questions by the exam's name."""
        exams = {
            name: Source(e.dataset, e.config, e.split, e.revision, [e.question, e.answer], e.fault)
            for name, e in self.exams.items()
        }
        return super().sources | exams

    def _source(self, split: str) -> Source:
        return dataclasses.replace(super()._source(split), keeps=self._is_short if self.most_characters else None)

    def _is_short(self, row: dict[str, Any]) -> bool:
        return len(" ".join(row[column] for column in self._needed)) <= self.most_characters

    @property
    def _needed(self) -> list[str]:
        return [*_columns_of(self.templates[-1]), self.response]

    @property
    def columns(self) -> list[str]:
        """Return the columns that a row must have."""
        asked = (column for template in self.templates for column in _columns_of(template))
        return list(dict.fromkeys([*asked, self.response]))

    @property
    def optional(self) -> list[str]:
        """Return the columns that the last template does without."""
        return [column for column in self.columns if column not in self._needed]

    @property
    def half_by(self) -> list[str]:
        """Return all columns."""
        return self.columns

    def fault(self, row: dict[str, Any]) -> str | None:
        """Say what is wrong with a row, or return None. A response may be empty: its end is still learnt."""
        for column in self.columns:
            if not isinstance(row[column], str):
                return f"{row[column]!r} for {column}: {self.name} needs a text"
        if self._template(row) is None:
            return f"no text for {', '.join(_columns_of(self.templates[-1]))}: {self.name} needs one"
        return None

    def instances(self, splits: Mapping[str, Any]) -> dict[str, list[Instance]]:
        """Return each exam's questions in the words of the last template, with their answers."""
        return {
            name: [
                Instance(self.ask(question) + self.cue, [answer])
                for question, answer in zip(splits[name][exam.question][:], splits[name][exam.answer][:], strict=True)
            ]
            for name, exam in self.exams.items()
        }

    def ask(self, question: str) -> str:
        """Return a question in the words of the last template."""
        return _filled(self.templates[-1], question)

    def ask_again(self, asked: str, answer: str, question: str) -> str:
        """Return the prompt of a second question: the one that was ``asked``, its answer, and the question."""
        return f"{asked} {answer.strip()}{_filled(self.follow_up, question)}"

    def prompt_tokens(self, prompts: Sequence[str], tokenizer: Any) -> list[list[int]]:
        """Return each prompt's tokens, after the token that begins the model's texts, if it has one."""
        end = tokenizer.eos_token_id
        # Some tokenizers end every text, and a response would follow what the model takes for the end.
        return [tokens[:-1] if tokens[-1:] == [end] else tokens for tokens in tokenizer(list(prompts))["input_ids"]]

    def pairs(self, batch: dict[str, list], tokenizer: Any) -> list[tuple[list[int], list[int]]]:
        """Return each row's prompt, and its response with its end, as tokens, both cut."""
        columns = (batch[column] for column in self.columns)
        rows = [dict(zip(self.columns, values, strict=True)) for values in zip(*columns, strict=True)]
        prompts = self.prompt_tokens([self._template(row).format(**row) for row in rows], tokenizer)
        texts = tokenizer(batch[self.response], add_special_tokens=False)["input_ids"]
        return [
            (prompt[: self.source_max_length], [*text, tokenizer.eos_token_id][: self.target_max_length])
            for prompt, text in zip(prompts, texts, strict=True)
        ]

    def labels(self, prompt: list[int], text: list[int]) -> list[int]:
        """Return the labels of a prompt's tokens and its response's."""
        return [IGNORED, *[*prompt, *text][1:]] if self.learn_prompt else super().labels(prompt, text)

    def remark(self, examples: list[Example]) -> str | None:
        """Say how many prompts have the most tokens that they may have; the papers' setting cuts most prompts."""
        limit = self.source_max_length
        if limit is None or self.learn_prompt:  # whose labels do not tell where a prompt ends
            return None
        cut = sum(example["labels"][:limit] == [IGNORED] * limit for example in examples)
        return f"{cut:,} of {len(examples):,} prompts fill task.source_max_length={limit} tokens, or were cut to it"

    def clean(self, text: str) -> str:
        """Return a text without space around it."""
        return text.strip()

    def mark(self, name: str, predictions: list[str], instances: list[Instance], seconds: float) -> Solved:
        """Return the solutions with the share that is right, by each extractor."""
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
        """Return the first template whose columns a row fills all, or None."""
        filled = (t for t in self.templates if all(row[column].strip() for column in _columns_of(t)))
        return next(filled, None)


def marks(predictions: list[str], answers: list[str], kind: str) -> dict[str, Mark]:
    """Return the share of predictions that is right, by each extractor."""
    scored = scores.score(predictions, answers, kind)
    return {
        extractor: Mark(accuracy=share["accuracy"], standard_error=share["stderr"], unread=share["unread"])
        for extractor, share in scored.items()
    }


def _columns_of(template: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(template) if name]


def _filled(template: str, question: str) -> str:
    return template.format(**dict.fromkeys(_columns_of(template), question))
