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
    """Both turns of a question, and the reference answers to both where the category has them."""

    id: int
    category: str
    turns: tuple[str, str]
    references: tuple[str, str] | None


@dataclass(frozen=True)
class Questions:
    """The questions that are asked, by id; ``fingerprint`` hashes the whole set that they are taken from."""

    source: str
    dataset: str
    fingerprint: str
    asked: list[Question]


def _fault(row: dict[str, Any]) -> str | None:
    """Say what is wrong with a row, or None."""
    if not isinstance(row["prompt_id"], int) or not isinstance(row["category"], str):
        return f"prompt_id {row['prompt_id']!r}, category {row['category']!r}: must be a whole number and a text"
    if not _two_texts(row["prompt"]):
        return f"the prompt {row['prompt']!r} must have two turns"
    if row["category"] in NEED_REFERENCES and not _two_texts(row["reference"]):
        return f"the reference {row['reference']!r} is not enough: {row['category']} needs one for each turn"
    return None


class _Set:
    """The hub's set, described as ``data.load`` expects it."""

    name: ClassVar[str] = "mt_bench"
    dataset: ClassVar[str] = "HuggingFaceH4/mt_bench_prompts"
    config: ClassVar[str] = "default"
    sources: ClassVar[dict[str, Source]] = {
        "questions": Source(dataset, config, "train", None, ["prompt_id", "category", "prompt", "reference"], _fault)
    }


def load(root: str | None, cache: Path, wanted: int | list[int] | None) -> Questions:
    """Load the questions from the hub (root None), ``embedded``, or a directory in the hub's layout.

    ``wanted`` is how many, spread evenly over the categories, or their ids; None takes all. Raises SuiteError for
    questions that do not exist, and for a set with a fault.
    """
    rows = data.load(_Set(), root, cache)
    by_id: dict[int, Question] = {}
    for row in rows.splits["questions"]:
        if row["prompt_id"] in by_id:
            raise SuiteError(f"{rows.dataset} has question {row['prompt_id']} twice: each must have a different id")
        references = tuple(row["reference"]) if row["category"] in NEED_REFERENCES else None
        by_id[row["prompt_id"]] = Question(row["prompt_id"], row["category"], tuple(row["prompt"]), references)
    chosen = sorted(by_id) if wanted is None else _choose(by_id, wanted)
    return Questions(rows.source, rows.dataset, rows.fingerprint, [by_id[number] for number in chosen])


def _choose(by_id: dict[int, Question], wanted: int | list[int]) -> list[int]:
    """Return the wanted ids, sorted; for a number the first questions of every category, then the second, and so on."""
    if isinstance(wanted, list):
        unknown = [number for number in wanted if not checks.is_number(number, int) or number not in by_id]
        if unknown or not wanted or len(set(wanted)) < len(wanted):
            raise SuiteError(f"questions={wanted} must be ids from {min(by_id)} to {max(by_id)}, each once")
        return sorted(wanted)
    checks.whole("questions", wanted, 1)
    if wanted > len(by_id):
        raise SuiteError(f"questions={wanted} is more than there are: say 1 to {len(by_id)}, or null for all")
    categories = defaultdict(list)
    for number in sorted(by_id):
        categories[by_id[number].category].append(number)
    place = {number: place for ids in categories.values() for place, number in enumerate(ids)}
    return sorted(sorted(by_id, key=lambda number: (place[number], number))[:wanted])


def _two_texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(text, str) and text for text in value)
