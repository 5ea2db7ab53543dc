"""The judge's prompts, in the format of FastChat's judge_prompts.jsonl, and the messages made with them."""

import hashlib
import json
import string
from dataclasses import dataclass
from pathlib import Path

from benchmarks import conf
from benchmarks.errors import SuiteError
from benchmarks.mt_bench.folder import Answer, lines
from benchmarks.mt_bench.questions import Question
from benchmarks.records import schema

DEFAULT = conf.CONF / "judge_prompts.jsonl"  # the suite's own wording

_WITHOUT, _WITH = ("single-v1", "single-math-v1")  # without and with a reference answer
_LATER = "-multi-turn"
_FIELDS = {
    _WITHOUT: {"question", "answer"},
    _WITH: {"question", "answer", "ref_answer_1"},
    _WITHOUT + _LATER: {"question_1", "answer_1", "question_2", "answer_2"},
    _WITH + _LATER: {"question_1", "answer_1", "question_2", "answer_2", "ref_answer_1", "ref_answer_2"},
}

Messages = list[dict[str, str]]


@dataclass(frozen=True)
class Prompts:
    """A file's four prompts of single-answer grading, each a system prompt and a template; ``sha256`` is the file's."""

    name: str
    sha256: str
    templates: dict[str, tuple[str, str]]


def read(file: Path | None) -> Prompts:
    """Read a file of prompts, or the suite's own if ``file`` is None.

    Raises SuiteError for a file that lacks one of the four prompts of single-answer grading, or has it in another form.
    """
    place = DEFAULT if file is None else file
    try:
        content = place.read_bytes()
        rows = [json.loads(line) for _, line in lines(content)]
        by_name = {row["name"]: row for row in rows if row["name"] in _FIELDS}
        templates = {name: (row["system_prompt"], row["prompt_template"]) for name, row in by_name.items()}
        formats = {name: row["output_format"] for name, row in by_name.items()}
        if not all(isinstance(text, str) for pair in templates.values() for text in pair):
            raise TypeError("a prompt must be text")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SuiteError(
            f"judge.prompts={place} cannot be read ({type(error).__name__}: {error}): each line is a JSON object as in "
            "FastChat's judge_prompts.jsonl, with name, system_prompt, prompt_template and output_format"
        ) from error
    _check(place, templates, formats)
    return Prompts(schema.OWN_PROMPTS if file is None else file.name, hashlib.sha256(content).hexdigest(), templates)


def _check(place: Path, templates: dict[str, tuple[str, str]], formats: dict[str, str]) -> None:
    """Raise SuiteError where one of the four prompts is missing, or does not have the form that grading needs."""
    for name, fields in _FIELDS.items():
        if name not in templates:
            raise SuiteError(f"judge.prompts={place} lacks the prompt {name}: it must have {', '.join(_FIELDS)}")
        if formats[name] != "[[rating]]":
            raise SuiteError(f"judge.prompts={place}: {name} asks for {formats[name]}; single grading needs [[rating]]")
        if _fields(templates[name][1]) != fields:
            wanted = ", ".join(f"{{{field}}}" for field in sorted(fields))
            raise SuiteError(f"judge.prompts={place}: the template of {name} must have exactly the fields {wanted}")


def _fields(template: str) -> set[str | None] | None:
    try:
        return {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}
    except ValueError:  # a brace that opens no field
        return None


def name_of(question: Question, turn: int) -> str:
    """Return which of the four prompts judges a question's turn, 1 or 2."""
    return (_WITH if question.references else _WITHOUT) + (_LATER if turn == 2 else "")


def messages(prompts: Prompts, question: Question, answer: Answer, turn: int) -> Messages:
    """Return what the judge is sent: for turn 1 that turn alone, for turn 2 the whole conversation."""
    system, template = prompts.templates[name_of(question, turn)]
    if turn == 1:
        fields = {"question": question.turns[0], "answer": answer.turns[0]}
    else:
        fields = {f"question_{place}": text for place, text in enumerate(question.turns, 1)}
        fields |= {f"answer_{place}": text for place, text in enumerate(answer.turns, 1)}
    if question.references:
        fields |= {f"ref_answer_{place}": text for place, text in enumerate(question.references[:turn], 1)}
    user = {"role": "user", "content": template.format(**fields)}
    return [{"role": "system", "content": system}, user] if system else [user]
