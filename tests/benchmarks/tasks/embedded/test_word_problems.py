"""The MetaMathQA- and GSM8K-shaped sets: schemas, the same rows everywhere, no leak, and solutions worked out anew."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from datasets import Value, load_dataset

from benchmarks.errors import SuiteError
from benchmarks.tasks import embedded
from benchmarks.tasks.embedded import gsm8k, metamathqa, word_problems
from benchmarks.tasks.scoring.maths import metamath

# Of every row of each set. A change here changes what scores mean: raise VERSION with it.
METAMATHQA_SHA256 = "5e0b106404b5fcadda0b63e5bc46e82a8ace3ec5ed97df75d8df330aa27b9aaf"
GSM8K_SHA256 = "ea1fccdf4eebeaa0210169d49f1c31fa7c13e1e9be184975f1d3932dbe5f72b2"

METAMATHQA = metamathqa.rows("train")
GSM8K = {split: gsm8k.rows(split) for split in ("train", "test")}

# What solves a kind, in the order of word_problems.KINDS, from the numbers in the order in which each wording has them.
SOLVED = [
    (lambda a, b: a + b, lambda b, a: a + b),
    (lambda a, b: a - b, lambda b, a: a - b),
    (lambda a, b: a * b, lambda a, b: a * b),
    (lambda a, b: a / b, lambda b, a: a / b),
    (lambda a, b: a - b, lambda b, a: a - b),
    (lambda a, b: a * b, lambda b, a: a * b),
    (lambda a, b, c: a + b - c, lambda b, c, a: a + b - c),
    (lambda a, b, c: a * b + c, lambda c, a, b: a * b + c),
    (lambda a, b, c: a * b - c, lambda c, a, b: a * b - c),
    (lambda d, a, b: d - a * b, lambda b, a, d: d - a * b),
    (lambda a, b: 2 * a + b, lambda a, b: 2 * a + b),
    (lambda a, b: a * (1 + b), lambda b, a: a * (1 + b)),
    (lambda a, b, c: (a + b) / c, lambda c, a, b: (a + b) / c),
    (lambda a, b, c: a * (b + c), lambda a, b, c: a * (b + c)),
]


def pattern(wording: str) -> re.Pattern[str]:
    """Return what matches the questions of a wording, with a group for each number."""
    numbers = re.sub(r"\\{[a-d]\\}", r"(\\d+)", re.escape(wording))
    return re.compile(re.sub(r"\\{[a-z]+\\}", "[A-Za-z]+", numbers))


SOLVERS = [
    (pattern(wording), solver)
    for kind, solvers in zip(word_problems.KINDS, SOLVED, strict=True)
    for wording, solver in zip(kind.wordings, solvers, strict=True)
]


def solved(question: str) -> float:
    """Find a question's kind by its wording, and solve it from the numbers in it."""
    found = [(solver, match) for own, solver in SOLVERS if (match := own.fullmatch(question))]
    assert len(found) == 1, question
    solver, match = found[0]
    return solver(*map(int, match.groups()))


def digest(rows: object) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def test_rows_are_pinned():
    assert digest(METAMATHQA) == METAMATHQA_SHA256
    assert digest(GSM8K) == GSM8K_SHA256


def test_sizes():
    assert (len(METAMATHQA), len(GSM8K["train"]), len(GSM8K["test"])) == (1200, 200, 300)


def test_no_question_is_twice_or_in_two_splits_and_no_problem_is_in_both_sets():
    questions = [row["query"] for row in METAMATHQA] + [row["question"] for rows in GSM8K.values() for row in rows]
    assert len(set(questions)) == len(questions) == 1700
    parts = word_problems.problems()
    numbers = [
        (len(problem.steps), *(computed for _, computed, _, _ in problem.steps), re.sub(r"[A-Z]\w+", "", wording))
        for problems in parts.values()
        for problem in problems
        for wording in problem.questions
    ]
    assert len(set(numbers)) == len(numbers) == 2200


def test_the_rows_of_a_metamathqa_problem_are_its_two_wordings():
    for first, second in zip(METAMATHQA[::2], METAMATHQA[1::2], strict=True):
        assert (first["type"], second["type"]) == ("GSM_AnsAug", "GSM_Rephrased")
        assert first["query"] == first["original_question"] == second["original_question"] != second["query"]
        assert first["response"] == second["response"]


def test_every_metamathqa_answer_is_the_one_worked_out_from_its_question():
    for row in METAMATHQA:
        assert metamath.number(row["response"]) == solved(row["query"]) == solved(row["original_question"]), row
        assert re.search(r"\nThe answer is: \d+\Z", row["response"])


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_gsm8k_answer_is_the_one_worked_out_from_its_question(split: str):
    for row in GSM8K[split]:
        assert int(re.fullmatch(r"(?s).+\n#### (\d+)", row["answer"])[1]) == solved(row["question"]), row


def test_every_computation_is_right_and_the_last_one_is_the_answer():
    for text in [row["response"] for row in METAMATHQA] + [row["answer"] for rows in GSM8K.values() for row in rows]:
        plain = re.sub("<<.*?>>", "", text)
        steps = re.findall(r"(\d+) ([-+*/]) (\d+) = (\d+) ", plain)
        assert len(steps) == plain.count("\n")
        for first, sign, second, result in steps:
            worked = {"+": int(first) + int(second), "-": int(first) - int(second), "*": int(first) * int(second)}
            assert int(result) == worked.get(sign, int(first) / int(second))
        assert plain.endswith(f" {steps[-1][3]}")
        assert re.findall("<<(.*?)>>", text) in ([], [f"{a}{sign}{b}={c}" for a, sign, b, c in steps])


def test_computations_in_brackets_are_gsm8k_alone():
    assert not any("<<" in row["response"] for row in METAMATHQA)
    assert all("<<" in row["answer"] for rows in GSM8K.values() for row in rows)


def test_half_the_problems_have_two_steps():
    problems = word_problems.problems()["metamathqa"]
    assert 0.45 < sum(len(problem.steps) == 2 for problem in problems) / len(problems) < 0.65


def test_texts_are_short_and_printable():
    texts = [text for row in [*METAMATHQA, *GSM8K["train"], *GSM8K["test"]] for text in row.values()]
    assert all(text.replace("\n", "").isprintable() and len(text) < 130 and "  " not in text for text in texts)


@pytest.mark.parametrize(
    ("module", "said"),
    [(metamathqa, "MetaMathQA/dev is unknown; known: train$"), (gsm8k, "gsm8k/dev is unknown; known: train, test$")],
)
def test_unknown_split_is_an_error(module, said: str):
    with pytest.raises(SuiteError, match=f"the embedded split {said}"):
        module.rows("dev")


@pytest.mark.parametrize(
    ("name", "config", "columns", "rows"),
    [
        ("MetaMathQA", "default", ("type", "original_question", "query", "response"), {"train": METAMATHQA}),
        ("gsm8k", "main", ("question", "answer"), GSM8K),
    ],
)
def test_written_folder_loads_with_the_hub_schema(name: str, config: str, columns, rows, tmp_path: Path):
    loaded = load_dataset(str(embedded.write(tmp_path, name)), config, cache_dir=str(tmp_path))
    assert list(loaded) == list(rows)
    for split, part in loaded.items():
        assert part.features == {column: Value("string") for column in columns}
        assert part.to_list() == rows[split]
