"""What a judge said, one JSON line a judgment, kept so that nothing is paid for twice."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from benchmarks.errors import SuiteError
from benchmarks.records.schema import Typed

# The first [[n]] of the text. FastChat takes the first [n] where there is none, which may be "nums[1]" as well.
_RATING = re.compile(r"\[\[(\d+\.?\d*)\]\]")


class Judgment(Typed):
    """One reply of a judge. ``key`` hashes what it was asked by; ``served_by`` is the model that the reply names."""

    key: str
    question_id: int
    turn: Literal[1, 2]
    repeat: int
    prompt: str
    judge: str
    base_url: str
    served_by: str
    text: str
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    judged_at: str

    @property
    def rating(self) -> float | None:
        """The rating that the text gives, or None."""
        return rating(self.text)


def rating(text: str) -> float | None:
    """Return the rating in a judge's text, or None where it gives none from 1 to 10."""
    found = _RATING.search(text)
    value = float(found[1]) if found else None
    return value if value is not None and 1 <= value <= 10 else None


@dataclass(frozen=True)
class Kept:
    """A file's whole judgments by key, and how many bytes hold them; ``torn`` says that a kill left part of one."""

    judgments: dict[str, Judgment]
    size: int
    torn: bool


def read(file: Path) -> Kept:
    """Read the judgments made so far; none where there is no file. Raises SuiteError naming a line that is none."""
    content = file.read_bytes() if file.exists() else b""
    size = content.rfind(b"\n") + 1
    found = {}
    for number, line in enumerate(content[:size].splitlines(), 1):
        try:
            judgment = Judgment.model_validate_json(line)
        except ValidationError as error:
            raise SuiteError(
                f"{file} line {number} is no judgment ({error.errors()[0]['msg']}): remove that line, and what it "
                "judged is asked again"
            ) from error
        found[judgment.key] = judgment
    return Kept(found, size, size < len(content))


def append(file: Path, judgment: Judgment) -> None:
    """Add one whole line, and see it to the disk. One thread at a time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as opened:
        opened.write((json.dumps(judgment.model_dump(), ensure_ascii=False) + "\n").encode())
        opened.flush()
        os.fsync(opened.fileno())
