"""Restaurants in words: a small E2E-shaped set made from a grammar and word lists.

It has the column names of tuetschek/e2e_nlg and its attributes, so the same code runs on it, but it is not E2E: names,
foods, neighbours and sentences are the suite's own. A meaning representation (MR) has 3 to 8 attributes: always the
name, and the kind of place or the food. Each reference says all of them and nothing else, in one or two sentences. The
references of an MR differ in wording, in order and in which attributes go before the noun; their rows stand together.

The splits share every value and no MR: what is new in test is the combination.
"""

import random

import pyarrow as pa

from benchmarks.errors import SuiteError

VERSION = 1
IMITATES = "E2E"
SIZES = {"train": (320, 2), "validation": (16, 3), "test": (24, 4)}  # MRs, and references of each
SHORTEST, LONGEST = 12, 35  # words of a reference

Rng = random.Random
Meaning = dict[str, str]

NAMES = (
    "The Amber Kettle",
    "The Crooked Ladle",
    "The Silver Thistle",
    "The Painted Heron",
    "The Laughing Badger",
    "The Velvet Fig",
    "The Quiet Lantern",
    "The Salted Plum",
    "The Wandering Goose",
    "The Ninth Spoon",
    "Marlow's Table",
    "Wren's Corner",
    "Hazel and Rye",
    "Pepper and Pine",
    "Juniper House",
    "Saffron Lane",
    "Fennel Row",
    "Tamarind Garden",
)
NEIGHBOURS = (
    "Otter's Bakery",
    "Finch Books",
    "Harrow Theatre",
    "Larkspur Florist",
    "Rowan Gallery",
    "Pilgrim Library",
    "Ivy Court Hotel",
    "Dunmore Bank",
    "The Tin Museum",
    "The Brass Compass",
)
FOODS = ("Thai", "Greek", "Mexican", "Ethiopian", "Lebanese", "Korean", "Turkish", "Peruvian", "Austrian", "Polish")
BANDS = ("less than £15", "£15-25", "more than £25")
GRADES = ("1 out of 5", "3 out of 5", "5 out of 5")

# Adjectives that can stand before the noun (a food always can), and predicates that can follow the name or "It". No
# two attributes share a predicate's verb, so a list of predicates does not stutter.
PHRASES = {
    "food": {food: ((), (f"serves {food} food", f"offers a choice of {food} dishes")) for food in FOODS},
    "priceRange": {
        "cheap": (("cheap", "inexpensive"), ("charges low prices", "keeps its prices low")),
        "moderate": (("moderately priced", "mid-priced"), ("charges moderate prices", "keeps its prices moderate")),
        "high": (("expensive", "pricey"), ("charges high prices", "asks high prices")),
        **{band: ((), (f"charges {band} a head", f"costs {band} a head")) for band in BANDS},
    },
    "customer rating": {
        "low": (("poorly rated", "low-rated"), ("has a low customer rating", "gets low ratings from customers")),
        "average": ((), ("has an average customer rating", "gets average ratings from customers")),
        "high": (("highly rated", "well-rated"), ("has a high customer rating", "gets high ratings from customers")),
        **{grade: ((), (f"has a customer rating of {grade}", f"gets {grade} from customers")) for grade in GRADES},
    },
    "familyFriendly": {
        "yes": (("family-friendly", "child-friendly"), ("welcomes families", "is suitable for children")),
        "no": (("adults-only",), ("is not for families", "is for adults only")),
    },
}
PLACES = {
    "by the harbour": ("by the harbour", "at the harbour"),
    "by the station": ("by the station", "beside the station"),
    "in the old town": ("in the old town", "in the old part of town"),
    "in the suburbs": ("in the suburbs", "out in the suburbs"),
    "on the market square": ("on the market square", "at the market square"),
}

# In the order in which an MR names them.
VALUES = {
    "name": NAMES,
    "eatType": ("restaurant", "pub", "café"),
    "food": FOODS,
    "priceRange": tuple(PHRASES["priceRange"]),
    "customer rating": tuple(PHRASES["customer rating"]),
    "area": tuple(PLACES),
    "familyFriendly": tuple(PHRASES["familyFriendly"]),
    "near": NEIGHBOURS,
}


def _meaning(rng: Rng) -> Meaning:
    """The drawn attributes and values of one MR."""
    number = rng.choices(range(3, 9), weights=(1, 3, 5, 5, 3, 1))[0]
    always = ["name", rng.choice(["eatType", "food"])]
    chosen = always + rng.sample([attribute for attribute in VALUES if attribute not in always], number - 2)
    return {attribute: rng.choice(values) for attribute, values in VALUES.items() if attribute in chosen}


def _reference(rng: Rng, meaning: Meaning) -> str:
    """One wording of an MR."""
    name = meaning["name"]
    kind, told = _kind(rng, meaning)
    place = _place(rng, meaning)
    here, that, it = (f" {place}" if place else ""), (f" that {told}" if told else ""), (f" It {told}." if told else "")
    texts = [
        f"{name} is {kind}{here}.{it}",
        f"There is {kind} called {name}{here}.{it}",
        f"If you are looking for {kind}{here}, try {name}.{it}",
    ]
    if told:
        texts += [f"{name}, {kind}{here}, {told}.", f"{name} {told}. It is {kind}{here}."]
    if place:
        texts += [
            f"{name} is {kind}{that}. You can find it {place}.",
            f"Located {place}, {name} is {kind}{that}.",
            f"{place[0].upper()}{place[1:]}, there is {kind} called {name}{that}.",
        ]
    return rng.choice(texts)


def _kind(rng: Rng, meaning: Meaning) -> tuple[str, str]:
    """The noun with its article and what is said before it; and what is left to tell in predicates, if anything."""
    attributes = [attribute for attribute in PHRASES if attribute in meaning]
    rng.shuffle(attributes)
    noun, adjectives, told = meaning.get("eatType", "place"), [], []
    for attribute in attributes:
        before, after = PHRASES[attribute][meaning[attribute]]
        if attribute == "food" and (noun == "place" or rng.random() < 0.5):
            noun = f"{meaning['food']} {noun}"  # always, where "a place" alone would say nothing
        elif before and rng.random() < 0.5:
            adjectives.append(rng.choice(before))
        else:
            told.append(rng.choice(after))
    phrase = f"{', '.join(adjectives)} {noun}".strip()
    listed = " and ".join(part for part in (", ".join(told[:-1]), *told[-1:]) if part)
    return f"{'an' if phrase[0] in 'aeiouAEIOU' else 'a'} {phrase}", listed


def _place(rng: Rng, meaning: Meaning) -> str:
    """Area and neighbour in either order, or nothing."""
    phrases = []
    if "area" in meaning:
        phrases.append(rng.choice(PLACES[meaning["area"]]))
    if "near" in meaning:
        phrases.append(f"{rng.choice(('near', 'close to'))} {meaning['near']}")
    rng.shuffle(phrases)
    return " ".join(phrases)


def _references(rng: Rng, meaning: Meaning) -> list[str]:
    """Different wordings of an MR of the right length; few or none if it has few attributes."""
    texts = dict.fromkeys(_reference(rng, meaning) for _ in range(30))
    return [text for text in texts if SHORTEST <= len(text.split()) <= LONGEST]


def rows(split: str) -> list[dict]:
    """The rows of one split, the same on every machine; no MR is in two splits.

    Returns dicts of ``meaning_representation`` and ``human_reference``. Raises SuiteError for an unknown split.
    """
    if split not in SIZES:
        raise SuiteError(f"the embedded split e2e_nlg/{split} is unknown; known: {', '.join(SIZES)}")
    rng = random.Random(f"e2e_nlg {VERSION}")  # a string seeds through SHA-512, alike in every process
    seen: set[str] = set()
    made: dict[str, list[dict]] = {}
    for part, (meanings, references) in SIZES.items():
        made[part] = []
        while len(made[part]) < meanings * references:
            meaning = _meaning(rng)
            written = ", ".join(f"{attribute}[{value}]" for attribute, value in meaning.items())
            texts = _references(rng, meaning)[:references]
            if written not in seen and len(texts) == references:
                seen.add(written)
                made[part] += [{"meaning_representation": written, "human_reference": text} for text in texts]
    return made[split]


def tables() -> dict[str, dict[str, pa.Table]]:
    """The splits of the one config."""
    return {"default": {split: pa.Table.from_pylist(rows(split)) for split in SIZES}}
