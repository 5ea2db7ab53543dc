"""A judge's judgments, one JSON line each, kept so that nothing is paid for twice."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from benchmarks.errors import SuiteError
from benchmarks.mt_bench.folder import lines
from benchmarks.records.schema import Typed

# The first [[n]] of the text. Without one FastChat takes the first [n], which may just as well be "nums[1]".
_RATING = re.compile(r"\[\[(\d+\.?\d*)\]\]")
# Why a reply ends for good, as OpenAI's and other servers call it; some name no reason. Any other is a failure.
_ENDS = (None, "stop", "length", "content_filter", "eos_token", "stop_sequence")


class Judgment(Typed):
    """One reply of a judge. ``key`` hashes what was asked and how; ``served_by`` is the model that the reply names."""

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

    @property
    def ended(self) -> bool:
        """Say whether the reply came to an end, and did not break off in an error."""
        return self.finish_reason in _ENDS


def rating(text: str) -> float | None:
    """Return the rating in a judge's text, or None where there is none from 1 to 10."""
    match = _RATING.search(text)
    value = float(match[1]) if match else None
    return value if value is not None and 1 <= value <= 10 else None


@dataclass(frozen=True)
class Kept:
    """A file's complete judgments by key, and how many bytes hold them; ``torn`` where a kill left half of another."""

    judgments: dict[str, Judgment]
    size: int
    torn: bool


def read(file: Path) -> Kept:
    """Read the judgments made so far, but for replies that broke off; none if there is no file.

    Raises SuiteError naming a line that is not a judgment.
    """
    content = file.read_bytes() if file.exists() else b""
    size = content.rfind(b"\n") + 1
    by_key = {}
    for number, line in lines(content[:size]):
        try:
            judgment = Judgment.model_validate_json(line)
        except ValidationError as error:
            raise SuiteError(
                f"{file} line {number} is not a judgment ({error.errors()[0]['msg']}): remove that line, and the "
                "judge is asked again for it"
            ) from error
        if judgment.ended:
            by_key[judgment.key] = judgment
    return Kept(by_key, size, size < len(content))


def append(file: Path, judgment: Judgment) -> None:
    """Add one line, and wait until it is on the disk. Only one thread may call this at a time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as opened:
        opened.write((json.dumps(judgment.model_dump(), ensure_ascii=False) + "\n").encode())
        opened.flush()
        os.fsync(opened.fileno())
