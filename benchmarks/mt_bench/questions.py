"""MT-Bench's questions: from the hub, a directory in its layout, or the suite's own."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from benchmarks import checks
from benchmarks.errors import SuiteError
from benchmarks.tasks import rows as data
from benchmarks.tasks.base import Source

NEED_REFERENCES = ("math", "reasoning", "coding")  # the categories that are judged with reference answers


@dataclass(frozen=True)
class Question:
    """What is asked in both turns, and the reference answers of both turns where the category has them."""

    id: int
    category: str
    turns: tuple[str, str]
    references: tuple[str, str] | None


@dataclass(frozen=True)
class Questions:
    """The questions that are to be answered, by their ids; ``fingerprint`` hashes the whole set that they are of."""

    source: str
    dataset: str
    fingerprint: str
    asked: list[Question]


def _fault(row: dict[str, Any]) -> str | None:
    """Say what is wrong with a row, or None."""
    if not isinstance(row["prompt_id"], int) or not isinstance(row["category"], str):
        return f"prompt_id {row['prompt_id']!r}, category {row['category']!r}: a number and a text are needed"
    if not _two_texts(row["prompt"]):
        return f"the prompt {row['prompt']!r}: two turns are needed"
    if row["category"] in NEED_REFERENCES and not _two_texts(row["reference"]):
        return f"the reference {row['reference']!r}: {row['category']} needs one for each turn"
    return None


class _Set:
    """The hub's set, as ``data.load`` wants to be told of one."""

    name: ClassVar[str] = "mt_bench"
    dataset: ClassVar[str] = "HuggingFaceH4/mt_bench_prompts"
    config: ClassVar[str] = "default"
    sources: ClassVar[dict[str, Source]] = {
        "questions": Source(dataset, config, "train", None, ["prompt_id", "category", "prompt", "reference"], _fault)
    }


def load(root: str | None, cache: Path, wanted: int | list[int] | None) -> Questions:
    """Load the questions from the hub (root None), ``embedded``, or a directory in the hub's layout.

    ``wanted`` is how many, the same number of each category as far as that goes, or their ids; None takes all.
    """
    rows = data.load(_Set(), root, cache)
    every: dict[int, Question] = {}
    for row in rows.splits["questions"]:
        if row["prompt_id"] in every:
            raise SuiteError(f"{rows.dataset} has question {row['prompt_id']} twice: each needs an id of its own")
        references = tuple(row["reference"]) if row["category"] in NEED_REFERENCES else None
        every[row["prompt_id"]] = Question(row["prompt_id"], row["category"], tuple(row["prompt"]), references)
    chosen = sorted(every) if wanted is None else _choose(every, wanted)
    return Questions(rows.source, rows.dataset, rows.fingerprint, [every[number] for number in chosen])


def _choose(every: dict[int, Question], wanted: int | list[int]) -> list[int]:
    if isinstance(wanted, list):
        unknown = [number for number in wanted if number not in every]
        if unknown or not wanted or len(set(wanted)) < len(wanted):
            raise SuiteError(f"questions={wanted} must be ids, each once, of {min(every)} to {max(every)}")
        return sorted(wanted)
    checks.whole("questions", wanted, 1)
    if wanted > len(every):
        raise SuiteError(f"questions={wanted} cannot be taken from {len(every)}: 1 to {len(every)}, or null for all")
    categories = defaultdict(list)
    for number in sorted(every):
        categories[every[number].category].append(number)
    place = {number: place for ids in categories.values() for place, number in enumerate(ids)}
    return sorted(sorted(every, key=lambda number: (place[number], number))[:wanted])


def _two_texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(text, str) and text for text in value)
