"""Sixteen questions of two turns: a small MT-Bench-shaped set, written for the suite.

It has the columns of HuggingFaceH4/mt_bench_prompts and MT-Bench's eight categories, two questions each, so the same
code runs on it, but it is not MT-Bench. Math, reasoning and coding have reference answers. The ids begin at 1001, where
MT-Bench has 81 to 160, so that answers to one set are never judged as answers to the other.
"""

import pyarrow as pa

VERSION = 1
IMITATES = "MT-Bench"
FIRST_ID = 1001

# category, first turn, second turn, and the references of both turns where the category has them.
QUESTIONS: tuple[tuple[str, str, str, tuple[str, str] | None], ...] = (
    (
        "writing",
        "Write a short notice that asks the neighbours to keep the bicycle room tidy.",
        "Make it half as long, and a little funny.",
        None,
    ),
    (
        "writing",
        "Describe a harbour at dawn in five sentences.",
        "Tell the same scene again, but let nothing in it be seen: only sounds and smells.",
        None,
    ),
    (
        "roleplay",
        "You are the keeper of a lighthouse in 1890, and I have just come ashore. Greet me.",
        "I ask whether I may look at the lamp. Answer me, still as the keeper.",
        None,
    ),
    (
        "roleplay",
        "Be a patient tutor of chess and explain to me why one castles.",
        "Now be the same tutor before a pupil of six years.",
        None,
    ),
    (
        "reasoning",
        "Anna stands left of Ben. Ben stands left of Cleo. Dora stands right of Cleo. Who stands furthest right?",
        "Ben and Dora change places. Who stands between Anna and Cleo now?",
        (
            "Dora: the order from the left is Anna, Ben, Cleo, Dora.",
            "Dora: the order is now Anna, Dora, Cleo, Ben.",
        ),
    ),
    (
        "reasoning",
        "All glims are brass. Nothing of brass floats. Does a glim float?",
        "A thing floats. What follows about whether it is a glim, and why?",
        (
            "No. A glim is of brass, and nothing of brass floats.",
            "It is no glim: a glim is of brass and would not float.",
        ),
    ),
    (
        "math",
        "A ticket costs 12 euros, and a child pays a third less. What do two adults and three children pay?",
        "On Sundays the whole sum is a quarter less. What do they pay on a Sunday?",
        ("A child pays 8 euros, so 2 * 12 + 3 * 8 = 48 euros.", "Three quarters of 48 euros: 36 euros."),
    ),
    (
        "math",
        "Solve x^2 - 5x + 6 = 0.",
        "For which c has x^2 - 5x + c = 0 exactly one solution?",
        ("(x - 2)(x - 3) = 0, so x = 2 or x = 3.", "The discriminant 25 - 4c must be 0, so c = 25/4 = 6.25."),
    ),
    (
        "coding",
        "Write a Python function that says whether a text reads the same backwards, letters alone and case apart.",
        "How do its time and its memory grow with the length of the text?",
        (
            "def is_palindrome(text):\n"
            "    letters = [letter.lower() for letter in text if letter.isalpha()]\n"
            "    return letters == letters[::-1]",
            "Both grow linearly: every letter is looked at a fixed number of times, and the list and its reverse are "
            "kept. Two indices that walk inwards would need constant extra memory.",
        ),
    ),
    (
        "coding",
        "Write a Python function that returns the second largest of the distinct numbers in a list.",
        "Let it return None where there is no such number.",
        (
            "def second_largest(numbers):\n    return sorted(set(numbers))[-2]",
            "def second_largest(numbers):\n"
            "    distinct = sorted(set(numbers))\n"
            "    return distinct[-2] if len(distinct) > 1 else None",
        ),
    ),
    (
        "extraction",
        "List the places in this text, one a line: We left Porto on Monday, slept in Braga and reached Vigo by boat.",
        "Give the same as a JSON list of objects with the key place, and the key how where the text says how.",
        None,
    ),
    (
        "extraction",
        "Which of these are refunds? 3 May: paid 20; 4 May: got back 7; 9 May: paid 11; 10 May: got back 11.",
        "What is the sum of the refunds, and what was paid in the end?",
        None,
    ),
    (
        "stem",
        "Why does ice float on water?",
        "What would be different in a lake in winter if it sank?",
        None,
    ),
    (
        "stem",
        "What does a catalyst do in a chemical reaction?",
        "Name one in a living being, and say what would go wrong without it.",
        None,
    ),
    (
        "humanities",
        "What changed in Europe when books could be printed with movable type?",
        "Who lost by it?",
        None,
    ),
    (
        "humanities",
        "Explain to a newcomer what an opportunity cost is.",
        "Give an example in which ignoring it leads to a bad decision.",
        None,
    ),
)


def tables() -> dict[str, dict[str, pa.Table]]:
    """Return the one config and split that the hub's set has."""
    schema = pa.schema(
        [
            ("prompt", pa.list_(pa.string())),
            ("reference", pa.list_(pa.string())),
            ("category", pa.string()),
            ("prompt_id", pa.int64()),
        ]
    )
    rows = [
        {"prompt": [first, second], "reference": list(references or ()), "category": category, "prompt_id": number}
        for number, (category, first, second, references) in enumerate(QUESTIONS, FIRST_ID)
    ]
    return {"default": {"train": pa.Table.from_pylist(rows, schema=schema)}}
