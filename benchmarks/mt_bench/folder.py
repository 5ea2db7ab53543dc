"""A run's folder of MT-Bench, and the answers in it: one JSON line for each question, with both turns."""

import codecs
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from benchmarks.errors import SuiteError
from benchmarks.mt_bench.questions import Question
from benchmarks.records import files, store
from benchmarks.records.schema import Typed


class Origin(Typed):
    """What an answer was made from: hashes of the adapter's file and of the question, and the most tokens allowed."""

    adapter: str
    question: str
    max_new_tokens: int


class Answer(Typed):
    """A run's answer to a question's two turns; ``origin`` is None for answers that the suite did not write."""

    question_id: int
    turns: tuple[str, str]
    origin: Origin | None = None


def adapter_of(folder: Path) -> str | None:
    """Return the hash of the adapter that lies beside a run's folder of MT-Bench, or None where there is none."""
    file = folder.parent / "adapter" / "adapter.safetensors"
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def find(run: str) -> Path:
    """Return a run's folder ``mt_bench``, given the path of its record, its folder or its adapter folder.

    Raises SuiteError where that is not a run.
    """
    place = Path(run)
    if place.is_file():
        return store.folder_of(place) / "mt_bench"
    if (place / "adapter.json").is_file():
        return place.absolute().parent / "mt_bench"
    if place.is_dir():
        return place / "mt_bench"
    raise SuiteError(
        f"{run} is not a run: pass the path of its record (results/local/records/.../seed0-ID.json), its folder "
        "(results/local/runs/.../seed0-ID) or its adapter folder"
    )


def lines(content: bytes) -> list[tuple[int, bytes]]:
    """Return the lines of a file of JSON lines and their numbers from 1, without empty ones and a byte-order mark."""
    numbered = enumerate(content.removeprefix(codecs.BOM_UTF8).splitlines(), 1)
    return [(number, line) for number, line in numbered if line.strip()]


def answers_file(folder: Path) -> Path:
    """Return the file of answers in a run's folder of MT-Bench."""
    return folder / "answers.jsonl"


def read_answers(folder: Path) -> dict[int, Answer]:
    """Return the answers given so far, by question; none if there is no file.

    Raises SuiteError naming the line that is not an answer, or that answers a question a second time.
    """
    file = answers_file(folder)
    answers: dict[int, Answer] = {}
    if not file.exists():
        return answers
    for number, line in lines(file.read_bytes()):
        try:
            answer = Answer.model_validate_json(line)
        except ValidationError as error:
            raise SuiteError(
                f"{file} line {number} is not an answer ({error.errors()[0]['msg']}): each line is "
                '{"question_id": 81, "turns": ["...", "..."]}'
            ) from error
        if answer.question_id in answers:
            raise SuiteError(
                f"{file} line {number} answers question {answer.question_id} again: remove one of the two lines"
            )
        answers[answer.question_id] = answer
    return answers


def write_answers(folder: Path, answers: Iterable[Answer]) -> None:
    """Write all answers given so far, sorted by question. A kill leaves either the old file or the new one."""
    lines = [
        json.dumps(answer.model_dump(), ensure_ascii=False) + "\n"
        for answer in sorted(answers, key=lambda answer: answer.question_id)
    ]
    files.write_atomic(answers_file(folder), "".join(lines).encode())


def missing(answers: dict[int, Answer], questions: list[Question]) -> list[int]:
    """Return the ids of the questions that have no answer yet."""
    return [question.id for question in questions if question.id not in answers]


def whole_answers(folder: Path, questions: list[Question]) -> dict[int, Answer]:
    """Return the answers to all these questions.

    Raises SuiteError where a question has no answer, or another adapter gave it than the one that is there now.
    """
    answers = read_answers(folder)
    if not answers:
        raise SuiteError(f"there are no answers in {answers_file(folder)}: answer=RUN writes them")
    adapter = adapter_of(folder)
    origins = [answers[question.id].origin for question in questions if question.id in answers]
    if adapter and any(origin and origin.adapter != adapter for origin in origins):
        raise SuiteError(
            f"the answers in {answers_file(folder)} were given by another adapter than the one beside it: "
            "answer=RUN asks the present one"
        )
    if absent := missing(answers, questions):
        raise SuiteError(
            f"{answers_file(folder)} lacks {len(absent)} of {len(questions)} questions "
            f"({', '.join(map(str, absent))}): answer=RUN with the same data.root answers them"
        )
    return answers
