"""Short instructions that have one right answer: a small Alpaca-shaped set made from word lists.

It has the column names of yahma/alpaca-cleaned, so the same code runs on it, but it is not Alpaca: the tasks are on
words, numbers, sentences and small lexicons, and each answer follows from its instruction. A task is asked in several
wordings; one with a ``{}`` takes its material into the instruction and has an empty input. No task has the same
material twice, so a row that is held out cannot be answered from a row that is not.
"""

import random
from collections.abc import Callable

import pyarrow as pa

from benchmarks.errors import SuiteError

VERSION = 1
IMITATES = "Alpaca"
SIZE = 1200

Rng = random.Random
Made = tuple[str, str]  # a task's material, and its answer


def _pairs(text: str) -> list[tuple[str, str]]:
    """Split ``"a/b c/d"`` into ``[("a", "b"), ("c", "d")]``."""
    return [(first, second) for first, second in (item.split("/") for item in text.split())]


CATEGORIES = {
    "animal": ("horse", "goat", "rabbit", "fox", "wolf", "bear", "otter", "sheep", "camel", "monkey", "tiger"),
    "fruit": ("apple", "pear", "plum", "cherry", "peach", "lemon", "grape", "mango", "melon", "banana", "apricot"),
    "tool": ("hammer", "saw", "drill", "wrench", "chisel", "shovel", "rake", "axe", "screwdriver", "trowel", "spade"),
    "colour": ("red", "green", "blue", "yellow", "purple", "brown", "black", "white", "grey", "pink", "violet"),
    "vegetable": ("carrot", "onion", "potato", "cabbage", "leek", "turnip", "radish", "spinach", "celery", "lettuce"),
    "instrument": ("piano", "violin", "flute", "drum", "trumpet", "harp", "cello", "guitar", "clarinet", "banjo"),
    "garment": ("coat", "scarf", "shirt", "sock", "hat", "glove", "jacket", "dress", "sweater", "skirt", "vest"),
    "vehicle": ("car", "bus", "train", "bicycle", "truck", "tram", "boat", "ferry", "tractor", "scooter", "van"),
}
WORDS = tuple(word for words in CATEGORIES.values() for word in words)
PLURALS = _pairs(
    "leaf/leaves wolf/wolves knife/knives wife/wives shelf/shelves half/halves city/cities baby/babies "
    "berry/berries story/stories party/parties lady/ladies fly/flies cherry/cherries boy/boys day/days key/keys "
    "toy/toys box/boxes fox/foxes bus/buses glass/glasses dish/dishes brush/brushes church/churches bench/benches "
    "watch/watches potato/potatoes tomato/tomatoes hero/heroes piano/pianos photo/photos man/men woman/women "
    "child/children foot/feet tooth/teeth goose/geese mouse/mice sheep/sheep cat/cats dog/dogs lamp/lamps "
    "chair/chairs house/houses river/rivers window/windows garden/gardens teacher/teachers pencil/pencils "
    "mirror/mirrors bottle/bottles"
)
OPPOSITES = _pairs(
    "hot/cold big/small tall/short fast/slow old/new light/dark early/late high/low rich/poor hard/soft wet/dry "
    "full/empty open/closed strong/weak loud/quiet clean/dirty happy/sad thick/thin wide/narrow deep/shallow "
    "heavy/light near/far up/down left/right inside/outside first/last begin/end buy/sell push/pull win/lose "
    "love/hate day/night summer/winter north/south east/west true/false always/never before/after above/below "
    "give/take"
)
PAST = _pairs(
    "buy/bought sell/sold find/found lose/lost hide/hid steal/stole break/broke paint/painted clean/cleaned "
    "carry/carried draw/drew choose/chose keep/kept bring/brought catch/caught build/built hold/held drop/dropped "
    "throw/threw see/saw take/took forget/forgot repair/repaired borrow/borrowed want/wanted"
)
PEOPLE = ("Maria", "Omar", "Helen", "Victor", "Aisha", "Pedro", "Ingrid", "Daniel", "Yuki", "Samuel", "Nora", "Felix")
GOODS = ("a lamp", "a basket", "a mirror", "a bottle", "a carpet", "a clock", "a camera", "a wagon", "a kite", "a bell")
TOWNS = ("Oslo", "Lima", "Cairo", "Lisbon", "Delhi", "Quito", "Athens", "Dublin", "Vienna", "Havana", "Tokyo", "Prague")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _words(rng: Rng) -> list[str]:
    return rng.sample(WORDS, rng.randint(3, 6))


def _numbers(rng: Rng) -> list[int]:
    return rng.sample(range(1, 100), rng.randint(3, 6))


def _listed(items: list) -> str:
    return ", ".join(map(str, items))


def _event(rng: Rng) -> dict[str, str]:
    """Who did what to which thing, where and when."""
    base, past = rng.choice(PAST)
    place, day = rng.choice(TOWNS), rng.choice(DAYS)
    return {
        "who": rng.choice(PEOPLE),
        "base": base,
        "past": past,
        "what": rng.choice(GOODS),
        "where": place,
        "when": day,
    }


def _told(event: dict[str, str]) -> str:
    return "{who} {past} {what} in {where} on {when}.".format(**event)


def _of_words(answer: Callable[[list[str]], str]) -> Callable[[Rng], Made]:
    """Make a task on a list of words from what answers it."""

    def make(rng: Rng) -> Made:
        words = _words(rng)
        return _listed(words), answer(words)

    return make


def _of_numbers(answer: Callable[[list[int]], str]) -> Callable[[Rng], Made]:
    """Make a task on a list of numbers from what answers it."""

    def make(rng: Rng) -> Made:
        numbers = _numbers(rng)
        return _listed(numbers), answer(numbers)

    return make


def _of_event(answer: str) -> Callable[[Rng], Made]:
    """Make a task on a sentence from its answer's pattern."""

    def make(rng: Rng) -> Made:
        event = _event(rng)
        return _told(event), answer.format(**event)

    return make


def _of_lexicon(pairs: list[tuple[str, str]]) -> Callable[[Rng], Made]:
    """Make a task that asks for a word's partner."""
    return lambda rng: rng.choice(pairs)


def _capitals(rng: Rng) -> Made:
    """A list with some words in capital letters, and those words."""
    words = _words(rng)
    raised = set(rng.sample(words, rng.randint(1, len(words) - 1)))
    shown = [word.upper() if word in raised else word for word in words]
    return _listed(shown), _listed([word for word in shown if word.isupper()])


def _odd_one_out(rng: Rng) -> Made:
    """Three words of one category and one of another, and that one."""
    common, other = rng.sample(list(CATEGORIES), 2)
    odd = rng.choice(CATEGORIES[other])
    words = [*rng.sample(CATEGORIES[common], 3), odd]
    rng.shuffle(words)
    return _listed(words), odd


def _members(rng: Rng) -> Made:
    """A mixed list with a question for one category, and its members."""
    words = _words(rng)
    category = rng.choice([name for name, members in CATEGORIES.items() if set(members) & set(words)])
    return f"{category}: {_listed(words)}", _listed([word for word in words if word in CATEGORIES[category]])


def _counting(rng: Rng) -> Made:
    """Two bounds, and the numbers from one to the other, up or down."""
    first = rng.randint(10, 90)
    last = first + rng.choice((-1, 1)) * rng.randint(3, 6)
    step = 1 if last > first else -1
    return f"{first} to {last}", _listed(list(range(first, last + step, step)))


def _repeated(rng: Rng) -> Made:
    """A word with a number of times, and the word so often."""
    word, times = rng.choice(WORDS), rng.randint(2, 5)
    return f"{word} ({times} times)", _listed([word] * times)


# A task's name to its wordings and what makes its material and its answer.
TASKS: dict[str, tuple[tuple[str, ...], Callable[[Rng], Made]]] = {
    "reverse": (
        ("Reverse the order of these words.", "Write the list backwards: {}"),
        _of_words(lambda words: _listed(words[::-1])),
    ),
    "alphabet": (
        ("Sort the words alphabetically.", "Put these words in alphabetical order: {}"),
        _of_words(lambda words: _listed(sorted(words))),
    ),
    "count words": (
        ("Count the words in the list.", "How many words are in this list? {}"),
        _of_words(lambda words: str(len(words))),
    ),
    "initials": (
        ("Write the first letter of each word.", "Give the initials of these words: {}"),
        _of_words(lambda words: _listed([word[0] for word in words])),
    ),
    "raise": (
        ("Write the words in capital letters.", "Turn these words into upper case: {}"),
        _of_words(lambda words: _listed(words).upper()),
    ),
    "last word": (
        ("Which word is the last of the list?", "Name the last word of this list: {}"),
        _of_words(lambda words: words[-1]),
    ),
    "join": (
        ("Join the words with hyphens.", "Write hyphens and no spaces between these words: {}"),
        _of_words("-".join),
    ),
    "ascending": (
        ("Sort the numbers from smallest to largest.", "Put these numbers in ascending order: {}"),
        _of_numbers(lambda numbers: _listed(sorted(numbers))),
    ),
    "descending": (
        ("Sort the numbers from largest to smallest.", "Put these numbers in descending order: {}"),
        _of_numbers(lambda numbers: _listed(sorted(numbers, reverse=True))),
    ),
    "largest": (
        ("Find the largest number.", "Which of these numbers is the largest? {}"),
        _of_numbers(lambda numbers: str(max(numbers))),
    ),
    "even": (
        ("Count the even numbers.", "How many of these numbers are even? {}"),
        _of_numbers(lambda numbers: str(sum(number % 2 == 0 for number in numbers))),
    ),
    "who": (("Extract the name of the person.", "Who did this? {}"), _of_event("{who}")),
    "where": (("Extract the name of the city.", "Where did this happen? {}"), _of_event("{where}")),
    "when": (("Extract the day of the week.", "On which day did this happen? {}"), _of_event("{when}")),
    "question": (
        ("Rewrite the sentence as a question.", "Turn this statement into a yes-or-no question: {}"),
        _of_event("Did {who} {base} {what} in {where} on {when}?"),
    ),
    "negation": (
        ("Rewrite the sentence so that it says the opposite, with 'not'.", "Negate this sentence: {}"),
        _of_event("{who} did not {base} {what} in {where} on {when}."),
    ),
    "future": (
        ("Rewrite the sentence in the future tense.", "Put this sentence into the future: {}"),
        _of_event("{who} will {base} {what} in {where} on {when}."),
    ),
    "facts": (
        ("List who, what, where and when.", "Take the facts out of this sentence: {}"),
        _of_event("who: {who}; what: {what}; where: {where}; when: {when}"),
    ),
    "plural": (
        ("Give the plural of the noun.", "What is the plural of this word? {}"),
        _of_lexicon(PLURALS),
    ),
    "opposite": (
        ("Give an antonym of the word.", "What is the opposite of this word? {}"),
        _of_lexicon(OPPOSITES),
    ),
    "past": (
        ("Write the verb in the past tense.", "What is the past tense of this verb? {}"),
        _of_lexicon(PAST),
    ),
    "category": (
        (f"Say which it is: {', '.join(CATEGORIES)}.", "Name the kind of thing that this word stands for: {}"),
        _of_lexicon([(word, category) for category, words in CATEGORIES.items() for word in words]),
    ),
    "capitals": (
        ("Write only the words that are in capital letters.", "Which of these words are in upper case? {}"),
        _capitals,
    ),
    "odd one out": (
        ("Find the odd one out.", "Which word does not belong with the others? {}"),
        _odd_one_out,
    ),
    "members": (
        ("Write the words of the list that are of the named kind.", "Pick the words of the named kind. {}"),
        _members,
    ),
    "counting": (
        ("Count from the first number to the second.", "Write all whole numbers from {}."),
        _counting,
    ),
    "repeat": (
        ("Repeat the word as often as it says.", "Write this, separated by commas: {}"),
        _repeated,
    ),
}


def rows(split: str) -> list[dict]:
    """The rows of the one split, "train", the same on every machine.

    Returns dicts of ``instruction``, ``input`` and ``output``. Raises SuiteError for another split.
    """
    if split != "train":
        raise SuiteError(f"the embedded split alpaca-cleaned/{split} is unknown; known: train")
    rng = random.Random(f"alpaca-cleaned {VERSION}")  # a string seeds through SHA-512, alike in every process
    seen: set[tuple[str, str]] = set()
    made = []
    while len(made) < SIZE:
        task = rng.choice(list(TASKS))
        wordings, make = TASKS[task]
        wording, (material, answer) = rng.choice(wordings), make(rng)
        if (task, material) not in seen:
            seen.add((task, material))
            inside = "{}" in wording
            made.append(
                {"instruction": wording.format(material), "input": "" if inside else material, "output": answer}
            )
    return made


def tables() -> dict[str, dict[str, pa.Table]]:
    """The split of the one config."""
    return {"default": {"train": pa.Table.from_pylist(rows("train"))}}
