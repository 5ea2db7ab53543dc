"""The judge's prompts, in the format of FastChat's judge_prompts.jsonl, and what they make of an answer."""

import hashlib
import json
import string
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import SuiteError
from benchmarks.mt_bench.folder import Answer
from benchmarks.mt_bench.questions import Question
from benchmarks.records import schema

OWN = Path(__file__).parents[2] / "conf" / "judge_prompts.jsonl"

_WITHOUT, _WITH = ("single-v1", "single-math-v1")  # a reference answer
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
    """Read a file of prompts; None is the suite's own. Raises SuiteError where it lacks what single grading needs."""
    place = OWN if file is None else file
    try:
        content = place.read_bytes()
        rows = [json.loads(line) for line in content.splitlines() if line.strip()]
        found = {row["name"]: row for row in rows if row["name"] in _FIELDS}
        templates = {name: (row["system_prompt"], row["prompt_template"]) for name, row in found.items()}
        formats = {name: row["output_format"] for name, row in found.items()}
        if not all(isinstance(text, str) for pair in templates.values() for text in pair):
            raise TypeError("a prompt is no text")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SuiteError(
            f"judge.prompts={place} cannot be read ({type(error).__name__}: {error}): each line is a JSON object as in "
            "FastChat's judge_prompts.jsonl, with name, system_prompt, prompt_template and output_format"
        ) from error
    for name, fields in _FIELDS.items():
        if name not in found:
            raise SuiteError(f"judge.prompts={place} has no prompt {name}: there must be {', '.join(_FIELDS)}")
        if formats[name] != "[[rating]]":
            raise SuiteError(f"judge.prompts={place}: {name} asks for {formats[name]}; single grading needs [[rating]]")
        if _fields(templates[name][1]) != fields:
            wanted = ", ".join(f"{{{field}}}" for field in sorted(fields))
            raise SuiteError(f"judge.prompts={place}: the template of {name} must have {wanted}, and no other field")
    return Prompts(schema.OWN_PROMPTS if file is None else file.name, hashlib.sha256(content).hexdigest(), templates)


def _fields(template: str) -> set[str | None] | None:
    try:
        return {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}
    except ValueError:  # a brace that opens no field
        return None


def name_of(question: Question, turn: int) -> str:
    """Return which of the four prompts judges a question's turn, 1 or 2."""
    return (_WITH if question.references else _WITHOUT) + (_LATER if turn == 2 else "")


def messages(prompts: Prompts, question: Question, answer: Answer, turn: int) -> Messages:
    """Return what the judge is sent: the first turn alone, or for turn 2 the whole conversation."""
    system, template = prompts.templates[name_of(question, turn)]
    if turn == 1:
        said = {"question": question.turns[0], "answer": answer.turns[0]}
    else:
        said = {f"question_{place}": text for place, text in enumerate(question.turns, 1)}
        said |= {f"answer_{place}": text for place, text in enumerate(answer.turns, 1)}
    if question.references:
        said |= {f"ref_answer_{place}": text for place, text in enumerate(question.references[:turn], 1)}
    asked = {"role": "user", "content": template.format(**said)}
    return [{"role": "system", "content": system}, asked] if system else [asked]
