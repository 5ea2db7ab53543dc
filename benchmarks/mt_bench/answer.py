"""A saved run's answers to MT-Bench's questions: greedy, with the template that it was trained on, both turns."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from accelerate import Accelerator
from rich.progress import track

from benchmarks import command, typed
from benchmarks.errors import SuiteError
from benchmarks.models import backbones, saved
from benchmarks.mt_bench import folder
from benchmarks.mt_bench.folder import Answer, Origin
from benchmarks.mt_bench.questions import Question, Questions
from benchmarks.mt_bench.settings import Answering
from benchmarks.tasks.instruction import Instruction
from benchmarks.tasks.text import Decoding
from benchmarks.training import decode, feed
from benchmarks.training.group import Adaptation, RunGroup
from benchmarks.training.settings import RunSettings, TrainSettings


def write(answering: Answering, asked: Questions, cache: Path, say: Callable[[str], None]) -> None:
    """Write the answers that a run has not given yet, a few questions at a time, so that a kill loses no more.

    An answer is given again if another adapter gave it, or if the question or the allowed length has changed. Raises
    SuiteError for a run that cannot answer.
    """
    place = folder.find(answering.run)
    adapter = folder.adapter_of(place)
    origins = {question.id: _origin(adapter, question, answering.max_new_tokens) for question in asked.asked}
    answers = folder.read_answers(place)
    stale = [id for id, origin in origins.items() if id in answers and answers[id].origin not in (None, origin)]
    for id in stale:
        del answers[id]
    if stale:
        say(f"{len(stale)} answers were given by another adapter, or to another question or length: asked again")
    missing = set(folder.missing(answers, asked.asked))
    todo = [question for question in asked.asked if question.id in missing]
    if todo:
        run = saved.find(Path(answering.run))
        respondent = Respondent(run, _decoding(run, answering.max_new_tokens), cache)
        respondent.check(todo)
        for batch in _batches(todo, answering.at_once):
            for question, turns in zip(batch, respondent.answer(batch), strict=True):
                answers[question.id] = Answer(question_id=question.id, turns=turns, origin=origins[question.id])
            folder.write_answers(place, answers.values())
    say(f"{len(todo)} of {len(asked.asked)} questions answered now: {folder.answers_file(place)}")


def _origin(adapter: str | None, question: Question, max_new_tokens: int) -> Origin | None:
    hashed = hashlib.sha256(json.dumps(question.turns).encode()).hexdigest()
    return adapter and Origin(adapter=adapter, question=hashed, max_new_tokens=max_new_tokens)


def _decoding(run: saved.Saved, max_new_tokens: int) -> Decoding:
    if not isinstance(run.task, Instruction):
        raise SuiteError(
            f"{run.directory} was trained on task={run.task.name}, which has no instructions: train a run with "
            "task=alpaca"
        )
    return run.task.decode.model_copy(update={"max_new_tokens": max_new_tokens})


def _batches(questions: list[Question], size: int) -> Iterator[list[Question]]:
    """Yield ``size`` questions at a time, with a progress bar on a terminal."""
    console = command.console()
    batches = [questions[start : start + size] for start in range(0, len(questions), size)]
    yield from track(batches, "  questions", console=console, transient=True, disable=not console.is_terminal)


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
            Adaptation(opened.model, [], opened.method, opened.sites, opened.frozen),
            runs=[RunSettings(run.run["seed"], 0.0, 0.0)],
            train=typed.read(
                TrainSettings, run.run["train"] | {"optimizer": None}, f"{run.directory}/adapter.json: run.train"
            ),
            rows=1,
            accelerator=accelerator,
            precision=run.run["precision"],
        )
        self.group.fill(0, opened.trained, {})

    def check(self, questions: list[Question]) -> None:
        """Raise SuiteError for a question whose second turn would not fit after the longest allowed first answer."""
        for question in questions:
            both_turns = self.task.ask_again(self.task.ask(question.turns[0]), "", question.turns[1])
            (prompt,) = self.task.prompt_tokens([both_turns], self.tokenizer)
            twice = self.decoding.model_copy(update={"max_new_tokens": 2 * self.decoding.max_new_tokens})
            feed.check_fits(f"question {question.id}, both turns,", prompt, both_turns, twice, self.context)

    def answer(self, questions: list[Question]) -> list[tuple[str, str]]:
        """Return the answers to both turns; the second turn is asked after the first and its answer."""
        first_turns = [self.task.ask(question.turns[0]) for question in questions]
        first_answers = self._decode(first_turns)
        both_turns = [
            self.task.ask_again(before, text, question.turns[1])
            for before, text, question in zip(first_turns, first_answers, questions, strict=True)
        ]
        return list(zip(first_answers, self._decode(both_turns), strict=True))

    def _decode(self, texts: list[str]) -> list[str]:
        prompts = self.task.prompt_tokens(texts, self.tokenizer)
        (written,) = decode.decode(self.group, prompts, self.tokenizer, self.decoding, lambda _: None)
        return [self.task.clean(text) for text in written]
