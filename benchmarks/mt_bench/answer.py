"""A saved run's answers to MT-Bench's questions: greedy, in the words that it was trained on, both turns."""

from dataclasses import replace
from pathlib import Path

import rich.progress
from accelerate import Accelerator
from omegaconf import DictConfig
from rich.console import Console

from benchmarks import backbones, checks, decode, saved
from benchmarks.errors import SuiteError
from benchmarks.group import RunGroup, RunSettings, TrainSettings
from benchmarks.mt_bench import folder
from benchmarks.mt_bench.folder import Answer
from benchmarks.mt_bench.questions import Question, Questions
from benchmarks.tasks import Decoding, Instruction


def write(config: DictConfig, asked: Questions) -> None:
    """Write a run's answers to ``asked`` that are not there yet, a few questions at a time; a kill loses no more."""
    checks.whole("answer.at_once", config.answer.at_once, 1)
    place = folder.find(config.answer.run)
    answers = folder.read_answers(place)
    missing = set(folder.missing(answers, asked.asked))
    todo = [question for question in asked.asked if question.id in missing]
    console = Console(soft_wrap=True, highlight=False)
    if todo:
        run = saved.find(Path(config.answer.run))
        respondent = Respondent(run, _decoding(config, run), Path(config.cache))
        few = config.answer.at_once
        batches = [todo[start : start + few] for start in range(0, len(todo), few)]
        for batch in rich.progress.track(batches, "  questions", console=console, transient=True):
            answers |= {answer.question_id: answer for answer in respondent.answer(batch)}
            folder.write_answers(place, answers.values())
    console.print(f"{len(todo)} of {len(asked.asked)} questions answered now: {folder.answers_file(place)}")


def _decoding(config: DictConfig, run: saved.Saved) -> Decoding:
    if not isinstance(run.task, Instruction):
        raise SuiteError(
            f"{run.directory} is of task={run.task.name}, which follows no instructions: train one with task=alpaca"
        )
    return replace(run.task.decode, max_new_tokens=config.answer.max_new_tokens)


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
        self.group.fill(0, opened.trained)

    def answer(self, questions: list[Question]) -> list[Answer]:
        """Return the answers to both turns; the second is asked with the first and its answer before it."""
        asked = [self.task.ask(question.turns[0]) for question in questions]
        first = self._decode(asked, questions, turn=1)
        asked = [
            self.task.ask_again(before, text, question.turns[1])
            for before, text, question in zip(asked, first, questions, strict=True)
        ]
        second = self._decode(asked, questions, turn=2)
        turns = zip(first, second, strict=True)
        return [Answer(question_id=q.id, turns=own) for q, own in zip(questions, turns, strict=True)]

    def _decode(self, asked: list[str], questions: list[Question], turn: int) -> list[str]:
        prompts = self.task.prompt_tokens(asked, self.tokenizer)
        for question, prompt, text in zip(questions, prompts, asked, strict=True):
            decode.check_fits(f"turn {turn} of question {question.id}", prompt, text, self.decoding, self.context)
        (written,) = decode.decode(self.group, prompts, self.tokenizer, self.decoding, lambda _: None)
        return [self.task.clean(text) for text in written]
