"""The E2E-shaped set: the hub's schema, the same rows everywhere, no leak, and references that say their MR."""

import hashlib
import json
import re
from itertools import groupby
from pathlib import Path

import pytest
from datasets import Value, load_dataset

from benchmarks.errors import SuiteError
from benchmarks.tasks import embedded
from benchmarks.tasks.embedded import e2e_nlg

# Of every row. A change here changes what scores mean: raise VERSION with it.
ROWS_SHA256 = "e1d61822eda761b222114c875f6dd121a8b770d33ac2fd1762cb0f8c9d94fee5"

MR, REFERENCE = "meaning_representation", "human_reference"
ROWS = {split: e2e_nlg.rows(split) for split in ("train", "validation", "test")}
ALL = [row for rows in ROWS.values() for row in rows]
TEXTS = [row[REFERENCE] for row in ALL]
ORDER = ["name", "eatType", "food", "priceRange", "customer rating", "area", "familyFriendly", "near"]


def pairs(meaning: str) -> list[tuple[str, str]]:
    return [tuple(part.removesuffix("]").split("[")) for part in meaning.split(", ")]


def values(attribute: str) -> set[str]:
    return {value for row in ALL for name, value in pairs(row[MR]) if name == attribute}


# What says a value, found by reading; names, foods and neighbours are said as they are.
SAYS = {
    ("eatType", "restaurant"): r"\brestaurant\b",
    ("eatType", "pub"): r"\bpub\b",
    ("eatType", "café"): r"\bcafé\b",
    ("priceRange", "cheap"): r"\b(cheap|inexpensive)\b|low prices|prices low",
    ("priceRange", "moderate"): r"moderately priced|mid-priced|moderate prices|prices moderate",
    ("priceRange", "high"): r"\b(expensive|pricey)\b|high prices",
    ("priceRange", "less than £15"): "less than £15 a head",
    ("priceRange", "£15-25"): "£15-25 a head",
    ("priceRange", "more than £25"): "more than £25 a head",
    ("customer rating", "low"): "poorly rated|low-rated|low customer rating|low ratings",
    ("customer rating", "average"): "average customer rating|average ratings",
    ("customer rating", "high"): "highly rated|well-rated|high customer rating|high ratings",
    ("customer rating", "1 out of 5"): "1 out of 5",
    ("customer rating", "3 out of 5"): "3 out of 5",
    ("customer rating", "5 out of 5"): "5 out of 5",
    ("area", "by the harbour"): r"\b(by|at) the harbour",
    ("area", "by the station"): r"\b(by|beside) the station",
    ("area", "in the old town"): r"\bin the old (town|part of town)",
    ("area", "in the suburbs"): r"\bin the suburbs",
    ("area", "on the market square"): r"\b(on|at) the market square",
    ("familyFriendly", "yes"): "family-friendly|child-friendly|welcomes families|suitable for children",
    ("familyFriendly", "no"): "adults-only|adults only|not for families",
    **{("name", name): f"(?<!near )(?<!close to ){name}" for name in values("name")},
    **{("food", food): rf"\b{food} (food|dishes|restaurant|pub|café|place)\b" for food in values("food")},
    **{("near", name): rf"\b(near|close to) {name}" for name in values("near")},
}


def test_rows_are_pinned():
    assert hashlib.sha256(json.dumps(ROWS).encode()).hexdigest() == ROWS_SHA256


@pytest.mark.parametrize(
    ("split", "meanings", "references"), [("train", 320, 2), ("validation", 16, 3), ("test", 24, 4)]
)
def test_rows_of_a_meaning_stand_together(split: str, meanings: int, references: int):
    groups = [(meaning, list(rows)) for meaning, rows in groupby(ROWS[split], key=lambda row: row[MR])]
    assert len({meaning for meaning, _ in groups}) == meanings
    assert [len(rows) for _, rows in groups] == [references] * meanings


def test_no_meaning_is_in_two_splits_and_no_reference_is_twice():
    train, validation, test = ({frozenset(pairs(row[MR])) for row in rows} for rows in ROWS.values())
    assert not train & validation
    assert not (train | validation) & test
    assert len(set(TEXTS)) == len(TEXTS)


def test_meanings_have_the_name_and_3_to_8_attributes_in_order():
    for row in ALL:
        attributes = [attribute for attribute, _ in pairs(row[MR])]
        assert attributes == [attribute for attribute in ORDER if attribute in attributes]
        assert attributes[0] == "name"
        assert 3 <= len(attributes) <= 8
    assert {len(pairs(row[MR])) for row in ALL} == {3, 4, 5, 6, 7, 8}


def test_test_has_no_value_that_train_has_not():
    train, test = ({pair for row in ROWS[split] for pair in pairs(row[MR])} for split in ("train", "test"))
    assert test <= train
    assert train == set(SAYS)


def test_a_reference_says_its_meaning_and_nothing_else():
    for row in ALL:
        said = {pair for pair, wording in SAYS.items() if re.search(wording, row[REFERENCE], re.IGNORECASE)}
        assert said == set(pairs(row[MR])), row


def test_references_are_12_to_35_words():
    lengths = [len(text.split()) for text in TEXTS]
    assert min(lengths) >= 12
    assert max(lengths) <= 35
    assert 19 < sum(lengths) / len(lengths) < 24


FAULTS = {
    "small first letter": r"^[^A-Z]|\. [^A-Z]",
    "no full stop": r"[^.]$",
    "third sentence": r"\..*\..*\.",
    "stray space": r"\s\s|^\s|\s$|\s[.,]",
    "a before a vowel": r"\b[Aa] [aeiouAEIOU]",
    "an before a consonant": r"\b[Aa]n [^aeiouAEIOU]",
    "word twice in a row": r"(?i)\b(\w+) \1\b",
    "verb twice": r"\b(has|gets|serves|offers|charges|costs|keeps|asks|welcomes)\b.*\b\1\b",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_reference_has_a_fault(fault: str):
    assert [text for text in TEXTS if re.search(FAULTS[fault], text)] == []


def test_texts_are_printable():
    assert all(text.isprintable() for row in ALL for text in row.values())


def test_unknown_split_is_an_error():
    with pytest.raises(SuiteError, match="the embedded split e2e_nlg/dev is unknown; known: train, validation, test"):
        e2e_nlg.rows("dev")


def test_written_folder_loads_with_the_hub_schema(tmp_path: Path):
    loaded = load_dataset(str(embedded.write(tmp_path, "e2e_nlg")), "default", cache_dir=str(tmp_path))
    assert list(loaded) == ["train", "validation", "test"]
    for split, part in loaded.items():
        assert part.features == {MR: Value("string"), REFERENCE: Value("string")}
        assert part.to_list() == ROWS[split]
