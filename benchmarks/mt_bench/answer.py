"""A saved run's answers to MT-Bench's questions: greedy, in the words that it was trained on, both turns."""

import hashlib
import json
from pathlib import Path

import rich.progress
from accelerate import Accelerator
from omegaconf import DictConfig
from rich.console import Console

from benchmarks import checks
from benchmarks.errors import SuiteError
from benchmarks.models import backbones, saved
from benchmarks.mt_bench import folder
from benchmarks.mt_bench.folder import Answer, Origin
from benchmarks.mt_bench.questions import Question, Questions
from benchmarks.tasks.instruction import Instruction
from benchmarks.tasks.text import Decoding
from benchmarks.training import decode
from benchmarks.training.group import RunGroup, RunSettings, TrainSettings


def write(config: DictConfig, asked: Questions) -> None:
    """Write a run's answers to ``asked`` that are not there yet, a few questions at a time; a kill loses no more.

    Those of another adapter, to another question of that id or of another length are asked again.
    """
    checks.whole("answer.at_once", config.answer.at_once, 1)
    checks.whole("answer.max_new_tokens", config.answer.max_new_tokens, 1)
    place = folder.find(config.answer.run)
    answers = folder.read_answers(place)
    adapter = folder.adapter_of(place)
    origins = {question.id: _origin(adapter, question, config.answer.max_new_tokens) for question in asked.asked}
    stale = [id for id, origin in origins.items() if id in answers and answers[id].origin not in (None, origin)]
    for id in stale:
        del answers[id]
    missing = set(folder.missing(answers, asked.asked))
    todo = [question for question in asked.asked if question.id in missing]
    console = Console(soft_wrap=True, highlight=False)
    if stale:
        console.print(
            f"{len(stale)} answers are of another adapter, question or length than asked for now: asked again"
        )
    if todo:
        run = saved.find(Path(config.answer.run))
        respondent = Respondent(run, _decoding(config, run), Path(config.cache))
        respondent.check(todo)
        few = config.answer.at_once
        batches = [todo[start : start + few] for start in range(0, len(todo), few)]
        for batch in rich.progress.track(batches, "  questions", console=console, transient=True):
            for question, turns in zip(batch, respondent.answer(batch), strict=True):
                answers[question.id] = Answer(question_id=question.id, turns=turns, origin=origins[question.id])
            folder.write_answers(place, answers.values())
    console.print(f"{len(todo)} of {len(asked.asked)} questions answered now: {folder.answers_file(place)}")


def _origin(adapter: str | None, question: Question, max_new_tokens: int) -> Origin | None:
    asked = hashlib.sha256(json.dumps(question.turns).encode()).hexdigest()
    return adapter and Origin(adapter=adapter, question=asked, max_new_tokens=max_new_tokens)


def _decoding(config: DictConfig, run: saved.Saved) -> Decoding:
    if not isinstance(run.task, Instruction):
        raise SuiteError(
            f"{run.directory} is of task={run.task.name}, which follows no instructions: train one with task=alpaca"
        )
    return run.task.decode.model_copy(update={"max_new_tokens": config.answer.max_new_tokens})


class Respondent:
    """A saved run that answers questions, with its adapter beside the backbone as in training."""

    def __init__(self, run: saved.Saved, decoding: Decoding, cache: Path) -> None:
        accelerator = Accelerator()
        opened = saved.load(run, cache, accelerator.device)
        self.task, self.decoding = run.task, decoding
        self.tokenizer = backbones.tokenizer(opened.directory)
        self.task.ready(self.tokenizer)
        self.context = backbones.context(opened.directory, run.backbone["shape"])
        self.group = RunGroup(
            model=opened.model,
            head=[],
            method=opened.method,
            sites=opened.sites,
            frozen=opened.frozen,
            runs=[RunSettings(run.run["seed"], 0.0, 0.0)],
            train=TrainSettings(**run.run["train"] | {"optimizer": None}),
            rows=1,
            accelerator=accelerator,
            precision=run.run["precision"],
        )
        self.group.fill(0, opened.trained, {})

    def check(self, questions: list[Question]) -> None:
        """Raise SuiteError for a question whose second turn may not fit, were the first answer as long as it may be."""
        for question in questions:
            asked = self.task.ask_again(self.task.ask(question.turns[0]), "", question.turns[1])
            (prompt,) = self.task.prompt_tokens([asked], self.tokenizer)
            twice = self.decoding.model_copy(update={"max_new_tokens": 2 * self.decoding.max_new_tokens})
            decode.check_fits(f"question {question.id}, both turns,", prompt, asked, twice, self.context)

    def answer(self, questions: list[Question]) -> list[tuple[str, str]]:
        """Return the answers to both turns; the second is asked with the first and its answer before it."""
        asked = [self.task.ask(question.turns[0]) for question in questions]
        first = self._decode(asked)
        asked = [
            self.task.ask_again(before, text, question.turns[1])
            for before, text, question in zip(asked, first, questions, strict=True)
        ]
        return list(zip(first, self._decode(asked), strict=True))

    def _decode(self, asked: list[str]) -> list[str]:
        prompts = self.task.prompt_tokens(asked, self.tokenizer)
        (written,) = decode.decode(self.group, prompts, self.tokenizer, self.decoding, lambda _: None)
        return [self.task.clean(text) for text in written]
