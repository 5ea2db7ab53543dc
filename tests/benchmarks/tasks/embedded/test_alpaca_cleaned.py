"""The Alpaca-shaped set: the hub's schema, the same rows everywhere, no task twice, and answers worked out anew."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from datasets import Value, load_dataset

from benchmarks.errors import SuiteError
from benchmarks.tasks import embedded
from benchmarks.tasks.embedded import alpaca_cleaned

# Of every row. A change here changes what scores mean: raise VERSION with it.
ROWS_SHA256 = "ab49e78172685b2a20848822154b0139ef54b3595b7fa088522e70869cca0053"

ROWS = alpaca_cleaned.rows("train")
SENTENCE = re.compile(r"(\w+) (\w+) (a \w+) in (\w+) on (\w+)\.")
BASE = {past: base for base, past in alpaca_cleaned.PAST}


def task_and_material(row: dict[str, str]) -> tuple[str, str]:
    """Find which task a row is of, by its wording, and what it is about."""
    found = []
    for task, (wordings, _) in alpaca_cleaned.TASKS.items():
        for wording in wordings:
            before, inside, after = wording.partition("{}")
            whole = re.fullmatch(
                re.escape(before) + ("(.+)" if inside else "()") + re.escape(after), row["instruction"]
            )
            if whole and bool(inside) is not bool(row["input"]):
                found.append((task, whole[1] or row["input"]))
    assert len(found) == 1, row
    return found[0]


def numbers(material: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", material)]


def bubbled(material: str) -> list[int]:
    """Sort by neighbours' swaps."""
    found = numbers(material)
    for end in range(len(found), 1, -1):
        for i in range(end - 1):
            if found[i] > found[i + 1]:
                found[i : i + 2] = found[i + 1], found[i]
    return found


def category(word: str) -> str:
    return next(name for name, words in alpaca_cleaned.CATEGORIES.items() if word in words)


def odd(words: list[str]) -> str:
    kinds = [category(word) for word in words]
    return next(word for word in words if kinds.count(category(word)) == 1)


def told(material: str, pattern: str) -> str:
    who, past, what, where, when = SENTENCE.fullmatch(material).groups()
    return pattern.format(who=who, base=BASE[past], what=what, where=where, when=when)


def between(material: str) -> list[int]:
    first, last = numbers(material)
    return (
        [first + i for i in range(last - first + 1)] if first < last else [first - i for i in range(first - last + 1)]
    )


SOLVED = {
    "reverse": lambda m: ", ".join(reversed(m.split(", "))),
    "alphabet": lambda m: ", ".join(sorted(re.findall(r"\w+", m))),
    "count words": lambda m: str(m.count(",") + 1),
    "initials": lambda m: ", ".join(re.findall(r"\b\w", m)),
    "raise": str.upper,
    "last word": lambda m: m.rpartition(" ")[2],
    "join": lambda m: m.replace(", ", "-"),
    "ascending": lambda m: ", ".join(map(str, bubbled(m))),
    "descending": lambda m: ", ".join(map(str, reversed(bubbled(m)))),
    "largest": lambda m: str(bubbled(m)[-1]),
    "even": lambda m: str(len(re.findall(r"[02468]\b", m))),
    "who": lambda m: told(m, "{who}"),
    "where": lambda m: told(m, "{where}"),
    "when": lambda m: told(m, "{when}"),
    "question": lambda m: told(m, "Did {who} {base} {what} in {where} on {when}?"),
    "negation": lambda m: told(m, "{who} did not {base} {what} in {where} on {when}."),
    "future": lambda m: told(m, "{who} will {base} {what} in {where} on {when}."),
    "facts": lambda m: told(m, "who: {who}; what: {what}; where: {where}; when: {when}"),
    "plural": lambda m: dict(alpaca_cleaned.PLURALS)[m],
    "opposite": lambda m: dict(alpaca_cleaned.OPPOSITES)[m],
    "past": lambda m: dict(alpaca_cleaned.PAST)[m],
    "category": category,
    "capitals": lambda m: ", ".join(re.findall(r"\b[A-Z]+\b", m)),
    "odd one out": lambda m: odd(m.split(", ")),
    "members": lambda m: ", ".join(w for w in m.split(": ")[1].split(", ") if category(w) == m.split(": ")[0]),
    "counting": lambda m: ", ".join(map(str, between(m))),
    "repeat": lambda m: ", ".join([m.split(" ")[0]] * numbers(m)[0]),
}


def test_rows_are_pinned():
    assert hashlib.sha256(json.dumps(ROWS).encode()).hexdigest() == ROWS_SHA256


def test_every_answer_is_the_one_worked_out_anew():
    assert SOLVED.keys() == alpaca_cleaned.TASKS.keys()
    for row in ROWS:
        task, material = task_and_material(row)
        assert row["output"] == SOLVED[task](material), row


def test_no_task_has_the_same_material_twice():
    assert len({task_and_material(row) for row in ROWS}) == len(ROWS) == 1200


def test_tasks_are_about_as_frequent_and_half_the_rows_have_an_input():
    tasks = [task_and_material(row)[0] for row in ROWS]
    # Of 27 tasks a row each would be 44; the small lexicons run out before.
    assert all(20 <= tasks.count(task) <= 70 for task in alpaca_cleaned.TASKS)
    assert 540 < sum(row["input"] == "" for row in ROWS) < 660


@pytest.mark.parametrize("lexicon", ["PLURALS", "OPPOSITES", "PAST"])
def test_a_word_of_a_lexicon_has_one_partner(lexicon: str):
    firsts = [first for first, _ in getattr(alpaca_cleaned, lexicon)]
    assert len(set(firsts)) == len(firsts)


def test_a_word_is_of_one_category():
    assert len(set(alpaca_cleaned.WORDS)) == len(alpaca_cleaned.WORDS)


def test_texts_are_short_and_printable():
    assert all(text.isprintable() and len(text) < 150 for row in ROWS for text in row.values())
    assert all(row["instruction"] and row["output"] for row in ROWS)


def test_unknown_split_is_an_error():
    with pytest.raises(SuiteError, match="the embedded split alpaca-cleaned/test is unknown; known: train"):
        alpaca_cleaned.rows("test")


def test_written_folder_loads_with_the_hub_schema(tmp_path: Path):
    loaded = load_dataset(str(embedded.write(tmp_path, "alpaca-cleaned")), "default", cache_dir=str(tmp_path))
    assert list(loaded) == ["train"]
    assert loaded["train"].features == {name: Value("string") for name in ("instruction", "input", "output")}
    assert loaded["train"].to_list() == ROWS
