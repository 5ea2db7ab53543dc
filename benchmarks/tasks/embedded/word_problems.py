"""Word problems of one and two steps, made from a grammar and word lists: what two embedded data sets are made of.

A problem is asked in two wordings and solved step by step. No two have the same kind and the same numbers, in whatever
set or split, so none can be solved from memory.
"""

import operator
import random
from dataclasses import dataclass
from functools import cache

VERSION = 1
SIZES = {"metamathqa": 600, "gsm8k/train": 200, "gsm8k/test": 300}

Rng = random.Random

NAMES = (
    "Ada",
    "Ben",
    "Clara",
    "David",
    "Emma",
    "Farid",
    "Grace",
    "Hugo",
    "Ines",
    "Jonas",
    "Kira",
    "Leo",
    "Mina",
    "Noah",
)
THINGS = ("apples", "marbles", "stickers", "pencils", "coins", "cards", "shells", "stamps", "buttons", "books", "beads")
CASES = ("boxes", "bags", "baskets", "jars", "drawers", "trays")
_OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.floordiv}


@dataclass(frozen=True)
class Kind:
    """A kind of problem: two wordings, its numbers, and its steps.

    drawn: a number's name to its least and greatest value; derived: one to what it is computed from, so that every
    result is a whole number of at least 2. A step is what goes before its computation, that, and what goes after;
    ``{s}`` is the result of the step before.
    """

    wordings: tuple[str, str]
    drawn: dict[str, tuple[int, int]]
    steps: tuple[tuple[str, str, str], ...]
    derived: tuple[tuple[str, str], ...] = ()


KINDS = (
    Kind(
        (
            "{name} has {a} {things} and buys {b} more. How many {things} does {name} have now?",
            "After buying {b} {things}, how many {things} does {name} have, if there were {a} before?",
        ),
        {"a": (5, 60), "b": (3, 30)},
        (("{name} has", "{a} + {b}", "{things}"),),
    ),
    Kind(
        (
            "{name} has {a} {things} and gives {b} of them to {other}. How many {things} does {name} have left?",
            "{other} gets {b} of the {a} {things} that {name} has. How many {things} does {name} keep?",
        ),
        {"b": (3, 30), "d": (2, 30)},
        (("{name} has", "{a} - {b}", "{things} left"),),
        derived=(("a", "{b} + {d}"),),
    ),
    Kind(
        (
            "There are {a} {cases} with {b} {things} in each of them. How many {things} are there?",
            "{name} fills {a} {cases}, each with {b} {things}. How many {things} does {name} need?",
        ),
        {"a": (2, 12), "b": (2, 12)},
        (("There are", "{a} * {b}", "{things}"),),
    ),
    Kind(
        (
            "{name} shares {a} {things} equally among {b} friends. How many {things} does each friend get?",
            "Each of {b} friends gets the same share of the {a} {things} that {name} has. How many {things} is that?",
        ),
        {"b": (2, 10), "d": (2, 15)},
        (("Each friend gets", "{a} / {b}", "{things}"),),
        derived=(("a", "{b} * {d}"),),
    ),
    Kind(
        (
            "{name} has {a} {things}. {other} has {b} {things} fewer. How many {things} does {other} have?",
            "{other} has {b} {things} fewer than {name}, who has {a}. How many {things} does {other} have?",
        ),
        {"b": (2, 20), "d": (2, 40)},
        (("{other} has", "{a} - {b}", "{things}"),),
        derived=(("a", "{b} + {d}"),),
    ),
    Kind(
        (
            "{name} walks {a} miles a day. How many miles does {name} walk in {b} days?",
            "For {b} days, {name} walks {a} miles every day. How many miles is that?",
        ),
        {"a": (2, 12), "b": (2, 14)},
        (("{name} walks", "{a} * {b}", "miles"),),
    ),
    Kind(
        (
            "{name} has {a} {things}, finds {b} more and then loses {c}. How many {things} does {name} have now?",
            "{name} found {b} {things} and then lost {c}. How many {things} are there, if {name} had {a} first?",
        ),
        {"b": (3, 20), "c": (2, 15), "d": (2, 20)},
        (("First {name} has", "{a} + {b}", "{things}"), ("Then {name} has", "{s} - {c}", "{things}")),
        derived=(("a", "{c} + {d}"),),
    ),
    Kind(
        (
            "{name} has {a} {cases} with {b} {things} each, and {c} more {things}. How many {things} does {name} have?",
            "Besides {c} loose {things}, {name} has {a} {cases} of {b} {things}. How many {things} are there?",
        ),
        {"a": (2, 9), "b": (2, 10), "c": (2, 20)},
        (("The {cases} hold", "{a} * {b}", "{things}"), ("In all there are", "{s} + {c}", "{things}")),
    ),
    Kind(
        (
            "{name} has {a} {cases} with {b} {things} each and sells {c} {things}. How many {things} are left?",
            "{name} sells {c} of the {things} in {a} {cases}, where each holds {b}. How many {things} are left?",
        ),
        {"a": (3, 9), "b": (6, 10), "c": (2, 16)},
        (("There are", "{a} * {b}", "{things}"), ("After that there are", "{s} - {c}", "{things}")),
    ),
    Kind(
        (
            "{name} has ${d} and buys {a} {things} for ${b} each. How many dollars does {name} have left?",
            "At ${b} each, {name} buys {a} {things} out of ${d}. How many dollars are left?",
        ),
        {"a": (2, 9), "b": (2, 9), "c": (2, 30)},
        (("The {things} cost", "{a} * {b}", "dollars"), ("{name} has", "{d} - {s}", "dollars left")),
        derived=(("e", "{a} * {b}"), ("d", "{e} + {c}")),
    ),
    Kind(
        (
            "{name} has {a} {things} and {other} has {b} more than {name}. How many {things} do they have together?",
            "How many {things} do {name} and {other} have, if {name} has {a} and {other} has {b} more than that?",
        ),
        {"a": (3, 30), "b": (2, 20)},
        (("{other} has", "{a} + {b}", "{things}"), ("Together they have", "{s} + {a}", "{things}")),
    ),
    Kind(
        (
            "{name} has {a} {things}. {other} has {b} times as many. How many {things} do they have together?",
            "{other} has {b} times as many {things} as {name}, who has {a}. How many {things} do both of them have?",
        ),
        {"a": (2, 15), "b": (2, 6)},
        (("{other} has", "{a} * {b}", "{things}"), ("Together they have", "{s} + {a}", "{things}")),
    ),
    Kind(
        (
            "{name} puts {a} old and {b} new {things} equally into {c} {cases}. How many {things} are in each of them?",
            "{c} {cases} hold the same number of {things}: {a} old and {b} new ones in all. How many are in each?",
        ),
        {"b": (2, 9), "c": (2, 6), "d": (6, 12)},
        (("There are", "{a} + {b}", "{things}"), ("Each one holds", "{s} / {c}", "{things}")),
        derived=(("e", "{c} * {d}"), ("a", "{e} - {b}")),
    ),
    Kind(
        (
            "{name} earns ${a} an hour and works {b} hours on Monday and {c} on Friday. How many dollars is that?",
            "For ${a} an hour, {name} works {b} hours on Monday and {c} on Friday. How many dollars does {name} earn?",
        ),
        {"a": (5, 15), "b": (2, 6), "c": (2, 6)},
        (("{name} works", "{b} + {c}", "hours"), ("{name} earns", "{s} * {a}", "dollars")),
    ),
)


@dataclass(frozen=True)
class Problem:
    """Two wordings of a question; the steps of its solution as (before, computation, result, after); its answer."""

    questions: tuple[str, str]
    steps: tuple[tuple[str, str, int, str], ...]

    @property
    def answer(self) -> int:
        """The last step's result."""
        return self.steps[-1][2]


def _computed(computation: str) -> int:
    first, sign, second = computation.split()
    return _OPERATIONS[sign](int(first), int(second))


def _problem(rng: Rng, kind: Kind, numbers: dict[str, int]) -> Problem:
    """The problem of a kind with these numbers, about drawn people and things."""
    name, other = rng.sample(NAMES, 2)
    words = {"name": name, "other": other, "things": rng.choice(THINGS), "cases": rng.choice(CASES)}
    steps, result = [], 0
    for before, computation, after in kind.steps:
        filled = computation.format(**numbers, s=result)
        result = _computed(filled)
        steps.append((before.format(**words), filled, result, after.format(**words)))
    first, second = (wording.format(**words, **numbers) for wording in kind.wordings)
    return Problem((first, second), tuple(steps))


def _numbers(rng: Rng, kind: Kind) -> dict[str, int]:
    numbers = {name: rng.randint(*bounds) for name, bounds in kind.drawn.items()}
    for name, computation in kind.derived:
        numbers[name] = _computed(computation.format(**numbers))
    return numbers


@cache
def problems() -> dict[str, list[Problem]]:
    """Return the problems of each set and split in ``SIZES``, the same on every machine."""
    rng = random.Random(f"word problems {VERSION}")  # a string seeds through SHA-512, alike in every process
    seen: set[tuple] = set()
    made: dict[str, list[Problem]] = {part: [] for part in SIZES}
    for part, size in SIZES.items():
        while len(made[part]) < size:
            place = rng.randrange(len(KINDS))
            numbers = _numbers(rng, KINDS[place])
            key = (place, *numbers.values())
            if key not in seen:
                seen.add(key)
                made[part].append(_problem(rng, KINDS[place], numbers))
    return made
