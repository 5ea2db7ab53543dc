"""Seven small GLUE-shaped sets made from a grammar and word lists.

They have GLUE's configs, columns and label ids, so that the same code runs on them, but they are not GLUE, and their
scores cannot be compared with anything outside this suite. Each set asks for something that a bag of words misses:

cola: number agreement of verb and determiner across a distracting phrase, and word order.
sst2: negation, and which of two contrasted clauses is the main one.
mrpc: synonyms, voice and fronting keep the meaning; a changed role, number, deed or place does not.
qnli: whether a sentence holds the asked kind of fact about the asked person, deed and thing.
rte: hypernyms and dropped adjuncts follow from the premise; other nouns, places, "all" or a "not" do not.
mnli: the same, with "no" in premises too; a hypothesis that contradicts is told from one that is merely new.
stsb: how much of who, deed, thing, place and time two sentences share.

A share of about ``NOISE`` of the labels in both splits is flipped (in stsb, scores move by up to ``JITTER``), so that
no method can reach a perfect score, and two methods do not tie at a ceiling.
"""

import random
from collections.abc import Callable

import pyarrow as pa
from datasets import ClassLabel, Features, Value

from benchmarks.errors import SuiteError

VERSION = 3  # 3 added mnli, and left the rows of 2 as they were
IMITATES = "GLUE"
TRAIN, DEV = 800, 300
NOISE = 0.06
JITTER = 0.5

NEUTRAL, CONTRADICTION = 1, 2  # label ids of mnli; 0 is entailment

# What a generator returns: the one or two texts, and the true label before noise.
Example = tuple[tuple[str, ...], float]
Rng = random.Random


def _pairs(text: str) -> list[tuple[str, str]]:
    """Split ``"a/b c/d"`` into ``[("a", "b"), ("c", "d")]``; an underscore stands for a space."""
    first_second = (item.replace("_", " ").split("/") for item in text.split())
    return [(first, second) for first, second in first_second]


DETERMINERS = (("this", "that", "every", "each"), ("these", "those", "many", "several"))  # singular, plural
LINKS = ("near", "behind", "beside", "with")
ADVERBS = ("today", "in the morning", "at home", "after lunch", "every week")
JOBS = ["teacher", "farmer", "doctor", "singer", "painter", "sailor", "lawyer", "driver", "baker", "pilot", "student"]
THINGS = ["letter", "basket", "lantern", "blanket", "ladder", "mirror", "bottle", "carpet"]
HABITS = ["own", "sell", "paint", "clean", "need", "keep", "like", "want"]

ASPECTS = ["story", "acting", "music", "dialogue", "ending", "plot", "cast", "script", "humor", "pacing"]
WORKS = ["film", "play", "show", "series", "novel"]
PRAISE = ["wonderful", "charming", "clever", "moving", "brilliant", "delightful", "gripping", "funny"]
BLAME = ["dreadful", "boring", "clumsy", "dull", "awful", "tedious", "messy", "lifeless"]
NEGATORS = ("not", "never", "hardly", "far from")
# Pattern of two clauses, and which of them (0 or 1) carries the verdict.
CONTRASTS = (
    ("{} but {}", 1),
    ("although {} , {}", 1),
    ("{} , even though {}", 0),
    ("while {} , in the end {}", 1),
    ("{} , which matters more than that {}", 0),
)

# Synonyms.
DEEDS = _pairs("praised/commended called/phoned helped/assisted hired/employed scolded/reprimanded rescued/saved")
PLACES = _pairs("store/shop harbor/port hospital/clinic forest/woods cinema/movie_theater garage/workshop")
NUMBERS = ["two", "three", "four", "five", "six", "seven", "eight", "nine"]
UNITS = ["days", "weeks", "months", "years"]

# Base form and past.
ERRANDS = _pairs("buy/bought sell/sold find/found lose/lost hide/hid steal/stole break/broke paint/painted")
NAMES = ["Maria", "Omar", "Helen", "Victor", "Aisha", "Pedro", "Ingrid", "Daniel", "Yuki", "Samuel"]
GOODS = ["piano", "wagon", "painting", "statue", "bicycle", "necklace", "camera", "clock"]
ANSWERS = {
    "where": ("in Lisbon", "in Cairo", "in Oslo", "in Lima", "at the market", "at the station"),
    "when": ("in May", "in October", "on Monday", "on Friday", "at noon", "at midnight"),
    "with whom": tuple(f"with {word}" for word in ("a cousin", "a neighbor", "the mayor", "two friends")),
    "why": ("out of boredom", "out of pride", "for the money", "for fun"),
}

# Kind and its members.
KINDS = {
    "animals": ["dogs", "cats", "horses", "rabbits", "goats"],
    "birds": ["crows", "swans", "ducks", "eagles", "pigeons"],
    "workers": ["cooks", "nurses", "miners", "plumbers", "tailors"],
    "children": ["boys", "girls", "toddlers", "pupils", "orphans"],
}
MOVES = _pairs("sleep/slept eat/ate run/ran play/played hide/hid wait/waited")
LOOKS = ["old", "young", "tired", "hungry", "noisy", "small"]
SPOTS = ("in the garden", "near the river", "behind the barn", "under the bridge", "by the road")
TIMES = ("in the morning", "at night", "on Sunday", "during the storm", "after the game")
AMOUNTS = ("some", "several", "three", "many", "a few")


def _sentence(*words: str, end: str = ".") -> str:
    """Join the words that are not empty, capitalise the first letter, and add the end mark."""
    text = " ".join(word for word in words if word)
    return text[0].upper() + text[1:] + end


def _other(rng: Rng, options, *taken):
    """One of the options that is not among the taken ones."""
    return rng.choice([option for option in options if option not in taken])


def _cola(rng: Rng) -> Example:
    """A subject with a distracting phrase, a verb and an object; a faulty one breaks order or agreement."""
    acceptable = rng.random() < 0.5
    fault = None if acceptable else rng.choice(["order", "order", "verb place", "verb place", "verb", "determiner"])
    broken = rng.randrange(3)  # which of the three noun phrases a determiner fault hits; an order fault hits all
    nouns = [rng.choice(JOBS), *rng.sample(THINGS, 2)]
    plurals = [rng.randrange(2) for _ in nouns]
    phrases = []
    for position, (noun, plural) in enumerate(zip(nouns, plurals, strict=True)):
        disagrees = fault == "determiner" and position == broken
        words = [rng.choice(DETERMINERS[plural ^ disagrees]), noun + "s" * plural]
        phrases.append(" ".join(reversed(words) if fault == "order" else words))
    verb = rng.choice(HABITS) + "s" * (1 - plurals[0] ^ (fault == "verb"))
    words = [phrases[0], rng.choice(LINKS), phrases[1], verb, phrases[2], rng.choice(ADVERBS)]
    if fault == "verb place":
        words.insert(rng.choice([0, 1, 4]), words.pop(3))
    return (_sentence(*words),), int(acceptable)


def _clause(rng: Rng, positive: bool, aspect: str) -> str:
    """A judgement of one aspect, said with a word of the other polarity and a negator in three of ten."""
    negated = rng.random() < 0.3
    adjective = rng.choice(PRAISE if positive ^ negated else BLAME)
    return " ".join(["the", aspect, "is", *([rng.choice(NEGATORS)] if negated else []), adjective])


def _sst2(rng: Rng) -> Example:
    """One judged aspect, or two that contrast."""
    positive = rng.random() < 0.5
    first, second = rng.sample(ASPECTS, 2)
    if rng.random() < 0.4:
        text = _clause(rng, positive, f"{first} of this {rng.choice(WORKS)}")
    else:
        pattern, main = rng.choice(CONTRASTS)
        text = pattern.format(_clause(rng, positive ^ (main == 1), first), _clause(rng, positive ^ (main == 0), second))
    return (text,), int(positive)


def _mrpc(rng: Rng) -> Example:
    """Two tellings of an event; both classes get the same rewording, only one a change of meaning."""
    equivalent = rng.random() < 0.5
    (agent, patient), deed, place = rng.sample(JOBS, 2), rng.choice(DEEDS), rng.choice(PLACES)
    number, unit = rng.choice(NUMBERS), rng.choice(UNITS)
    first = _telling(rng, agent, deed, patient, place, f"after {number} {unit}")
    if not equivalent:
        if rng.random() < 0.2:
            agent, patient = patient, agent
        else:
            changes = rng.sample(["number", "deed", "place", "patient"], 2)
            number = _other(rng, NUMBERS, number) if "number" in changes else number
            deed = _other(rng, DEEDS, deed) if "deed" in changes else deed
            place = _other(rng, PLACES, place) if "place" in changes else place
            patient = _other(rng, JOBS, agent, patient) if "patient" in changes else patient
    second = _telling(rng, agent, deed, patient, place, f"after {number} {unit}")
    return (first, second), int(equivalent)


def _telling(rng: Rng, agent: str, deed: tuple[str, str], patient: str, place: tuple[str, str], time: str) -> str:
    """One wording of an event: synonyms, voice and the place of the time are drawn."""
    if rng.random() < 0.75:
        core = f"the {agent} {rng.choice(deed)} the {patient}"
    else:
        core = f"the {patient} was {rng.choice(deed)} by the {agent}"
    where = f"at the {rng.choice(place)}"
    return _sentence(f"{time},", core, where) if rng.random() < 0.5 else _sentence(core, where, time)


def _qnli(rng: Rng) -> Example:
    """A sentence with two facts about an errand, and a question that it answers or does not."""
    answered = rng.random() < 0.5
    name, (base, past), thing = rng.choice(NAMES), rng.choice(ERRANDS), rng.choice(GOODS)
    told = rng.sample(list(ANSWERS), 2)
    sentence = _sentence(name, past, "the", thing, *(rng.choice(ANSWERS[kind]) for kind in told))
    asked = rng.choice(told)
    change = None if answered else rng.choice(["kind", "kind", "name", "errand", "thing"])
    if change == "kind":
        asked = _other(rng, ANSWERS, *told)
    elif change == "name":
        name = _other(rng, NAMES, name)
    elif change == "errand":
        base, _ = _other(rng, ERRANDS, (base, past))
    elif change == "thing":
        thing = _other(rng, GOODS, thing)
    return (_sentence(asked, "did", name, base, "the", thing, end="?"), sentence), int(not answered)


def _rte(rng: Rng) -> Example:
    """A premise about some members of a kind, and a weaker hypothesis, or one that says something else."""
    entailed = rng.random() < 0.5
    kind = rng.choice(list(KINDS))
    member, look, (base, past) = rng.choice(KINDS[kind]), rng.choice(LOOKS), rng.choice(MOVES)
    amount, spot, time = rng.choice(AMOUNTS), rng.choice(SPOTS), rng.choice(TIMES)
    premise = _sentence(amount, look, member, past, spot, time)
    amount, noun, verb = rng.choice([amount, "some"]), rng.choice([member, kind]), past
    change = None if entailed else rng.choice(["noun", "verb", "not", "spot", "all"])
    if change == "noun":
        noun = rng.choice([_other(rng, KINDS[kind], member), _other(rng, KINDS, kind)])
    elif change == "verb":
        _, verb = _other(rng, MOVES, (base, past))
    elif change == "not":
        verb = f"did not {base}"
    elif change == "spot":
        spot = _other(rng, SPOTS, spot)
    elif change == "all":
        amount = "all"
    # The place stays, so that a changed one shows; the other modifiers may go.
    hypothesis = _sentence(amount, rng.choice([look, ""]), noun, verb, spot, rng.choice([time, ""]))
    return (premise, hypothesis), int(not entailed)


def _mnli(rng: Rng) -> Example:
    """A premise about some members of a kind or none of it; what it entails, says nothing of, or contradicts."""
    relation, none = rng.randrange(3), rng.random() < 0.5
    kind = rng.choice(list(KINDS))
    member, look, (base, past) = rng.choice(KINDS[kind]), rng.choice(LOOKS), rng.choice(MOVES)
    amount, spot, time = rng.choice(AMOUNTS), rng.choice(SPOTS), rng.choice(TIMES)
    premise = _sentence("no", kind, past, spot, time) if none else _sentence(amount, look, member, past, spot, time)
    # What holds of no animals holds of no dogs; what holds of dogs holds of animals, at some time too.
    noun, verb = (member if none else rng.choice([member, kind])), past
    denied = none ^ (relation == CONTRADICTION)
    if relation == NEUTRAL:
        denied = rng.random() < 0.5
        change = rng.choice(["noun", "verb", "spot"])
        noun = _other(rng, KINDS, kind) if change == "noun" else noun
        verb = _other(rng, MOVES, (base, past))[1] if change == "verb" else verb
        spot = _other(rng, SPOTS, spot) if change == "spot" else spot
    amount = "no" if denied else rng.choice([amount, "some"])
    return (premise, _sentence(amount, noun, verb, spot, time if none else rng.choice([time, ""]))), relation


def _stsb(rng: Rng) -> Example:
    """Two sentences of five slots, and 5 times the weighted share of equal slots, moved by the jitter."""
    slots = (JOBS, ERRANDS, GOODS, SPOTS, TIMES)
    weights = (2, 3, 2, 2, 1)
    first = [rng.choice(options) for options in slots]
    changed = set(rng.sample(range(5), rng.randrange(6)))
    second = [_other(rng, slots[i], value) if i in changed else value for i, value in enumerate(first)]
    share = sum(weight for i, weight in enumerate(weights) if i not in changed) / sum(weights)
    steps = round(JITTER * 10)
    score = round(5 * share + rng.randint(-steps, steps) / 10, 1)
    texts = tuple(_scene(rng, *values) for values in (first, second))
    return texts, min(max(score, 0.0), 5.0)


def _scene(rng: Rng, job: str, errand: tuple[str, str], thing: str, spot: str, time: str) -> str:
    """One wording of a scene: the time goes first or last."""
    core = f"the {job} {errand[1]} the {thing} {spot}"
    return _sentence(f"{time},", core) if rng.random() < 0.5 else _sentence(core, time)


# config: its generator, its text columns, and its label names (none for a score).
SETS: dict[str, tuple[Callable[[Rng], Example], tuple[str, ...], tuple[str, ...]]] = {
    "cola": (_cola, ("sentence",), ("unacceptable", "acceptable")),
    "sst2": (_sst2, ("sentence",), ("negative", "positive")),
    "mrpc": (_mrpc, ("sentence1", "sentence2"), ("not_equivalent", "equivalent")),
    "qnli": (_qnli, ("question", "sentence"), ("entailment", "not_entailment")),
    "rte": (_rte, ("sentence1", "sentence2"), ("entailment", "not_entailment")),
    "stsb": (_stsb, ("sentence1", "sentence2"), ()),
    "mnli": (_mnli, ("premise", "hypothesis"), ("entailment", "neutral", "contradiction")),
}


def splits(config: str) -> tuple[str, str]:
    """The names of the splits to learn from and to score on; the hub's mnli has two of the latter."""
    return "train", "validation_matched" if config == "mnli" else "validation"


def features(config: str) -> Features:
    """The columns and their types, equal to those of the hub's set of that name."""
    _, columns, names = SETS[config]
    label = ClassLabel(names=list(names)) if names else Value("float32")
    return Features({**{column: Value("string") for column in columns}, "label": label, "idx": Value("int32")})


def rows(config: str, split: str) -> list[dict]:
    """The rows of one split, the same on every machine; no texts are twice in a set, within or across splits.

    Returns dicts of the text columns, ``label`` (an id, or a score of 0 to 5 for stsb) and ``idx`` (from 0).
    Raises SuiteError for an unknown config or split.
    """
    if config not in SETS or split not in splits(config):
        known = "; ".join(f"{name}: {', '.join(splits(name))}" for name in SETS)
        raise SuiteError(f"the embedded split glue {config}/{split} is unknown; known: {known}")
    make, columns, names = SETS[config]
    rng = random.Random(f"{config} 2")  # a string seeds through SHA-512, alike in every process; 2 is a VERSION
    drawn: dict[tuple[str, ...], float] = {}
    while len(drawn) < TRAIN + DEV:
        texts, label = make(rng)
        flipped = bool(names) and rng.random() < NOISE
        drawn.setdefault(texts, (label + 1) % len(names) if flipped else label)
    items = list(drawn.items())
    part = items[:TRAIN] if split == "train" else items[TRAIN:]
    return [dict(zip(columns, texts, strict=True)) | {"label": y, "idx": i} for i, (texts, y) in enumerate(part)]


def tables() -> dict[str, dict[str, pa.Table]]:
    """The splits of each config."""
    return {config: {split: _table(config, split) for split in splits(config)} for config in SETS}


def _table(config: str, split: str) -> pa.Table:
    return pa.Table.from_pylist(rows(config, split), schema=features(config).arrow_schema)
