"""Scores of mathematical answers: verdicts of the papers' scripts, recorded, and of math-verify; GSM8K's own golds."""

import threading
from pathlib import Path

import pytest

from benchmarks.errors import SuiteError
from benchmarks.tasks import embedded
from benchmarks.tasks.scoring.maths import announced, metamath, paper, scores, verify
from benchmarks.tasks.scoring.maths.hendrycks import NoNormalForm, normalise

GSM8K = Path(__file__).parents[6] / "shared" / "data" / "gsm8k" / "main" / "test-00000-of-00001.parquet"

# A solution, the gold number, and the verdicts of the papers' scripts (their code was run on each), of MetaMath's
# (likewise) and of math-verify: right, wrong, or None for nothing to read.
NUMBERS = [
    ("So 8 * 9 = 72. The answer is: 72", 72, True, True, True),
    ("The answer is: 71", 72, False, False, False),
    ("The answer is: 5. No. The answer is: 72.", 72, True, True, True),
    ("The answer is: $72 a week", 72, True, True, True),
    ("The answer is: 1,234", 1234, True, True, True),
    ("The answer is: 1,450,000", 1450000, False, False, True),
    ("The answer is: 1,450,000", 1450, True, True, False),
    ("The answer is: 72.4", 72, True, True, False),
    ("The answer is: 2.5", 2, True, True, False),
    ("The answer is: 3.5", 4, True, True, False),
    ("The answer is: 9/2", 4, True, True, False),
    ("The answer is: 7/0", 7, True, True, False),
    ("The answer is: -3", -3, True, True, True),
    ("The answer is: 7200", 72, True, False, False),
    ("The answer is: 72", 7200, True, False, False),
    ("The answer is: 72001", 72000, True, False, False),
    ("The answer is: 72010", 72000, False, False, False),
    ("the answer is: 72", 72, None, None, True),
    ("The answer is 72", 72, None, None, True),
    ("8 * 9 = 72\n#### 72", 72, None, None, True),
    (r"So it is \boxed{72}.", 72, None, None, True),
    ("The answer is: /3", 3, None, None, None),
    ("The answer is: 3/00", 3, None, None, False),
    ("The answer is: none", 3, None, None, None),
    ("", 3, None, None, None),
]

# The same for an expression, which stands after "The answer is: ".
EXPRESSIONS = [
    (r"\frac{1}{2}", r"\frac{1}{2}", True, True, True),
    (r"\dfrac12", r"\frac{1}{2}", True, True, True),
    ("1/2", r"\frac{1}{2}", True, True, True),
    (".5", r"\frac{1}{2}", True, True, True),
    ("0.25", r"\frac{1}{4}", False, False, True),
    (r"\frac{2}{4}", r"\frac{1}{2}", False, False, True),
    (r"$\frac{1}{2}$.", r"\frac{1}{2}", False, False, True),
    (r"2\sqrt3", r"2\sqrt{3}", True, True, True),
    (r"\sqrt{12}", r"2\sqrt{3}", False, False, True),
    (r"x = 5.", "5", True, True, True),
    (r"\$10", "10", True, True, True),
    (r"10\text{ cm}", "10", True, True, True),
    (r"90^\circ", "90", True, True, True),
    (r"\left(1, 2\right)", "(1,2)", True, True, True),
    ("5.\nSo x is 5.\n", "5", True, True, True),
    ("5\nSo x is 5.\n", "5", False, False, True),
    ("7\nAnd 3 of 9", "7", False, False, True),
    ("6", "5", False, False, False),
    ("(1.00001,2)", "(1,2)", True, False, False),
    ("(1,3)", "(1,2)", False, False, False),
    ("500", "5", True, False, False),
    ("5.0001", "5", True, False, False),
    ("1,2", "12", True, False, False),
    ("(5)", "5", True, False, True),
    ("[x,y]", "x,y", True, False, False),
    ("[x,y]", "(x,y)", False, False, False),
    (r"\boxed{7}", "7", False, False, True),
    (r"\pi/2", "7", True, False, False),
    (r"\pi/2", r"\pi/2", True, True, True),
    (r"\sqrt", "7", True, False, False),
    ("9^9^9", "7", False, False, False),
    (".", "7", None, None, None),
]


@pytest.mark.parametrize(("text", "gold", "by_paper", "by_metamath", "by_math_verify"), NUMBERS)
def test_a_number_is_judged_as_the_scripts_judge_it(text, gold, by_paper, by_metamath, by_math_verify):
    assert paper.judge_number(text, gold) is by_paper
    assert metamath.judge_number(text, gold) is by_metamath
    assert verify.judge_number(text, gold) is by_math_verify


@pytest.mark.parametrize(("answer", "gold", "by_paper", "by_metamath", "by_math_verify"), EXPRESSIONS)
def test_an_expression_is_judged_as_the_scripts_judge_it(answer, gold, by_paper, by_metamath, by_math_verify):
    text = f"Let us see. The answer is: {answer}"
    assert paper.judge_expression(text, gold) is by_paper
    assert metamath.judge_expression(text, gold) is by_metamath
    assert verify.judge_expression(text, gold) is by_math_verify


def test_an_expression_that_is_not_announced_is_read_by_math_verify_alone():
    text = r"So it is $\boxed{\frac{1}{2}}$."
    assert [judge.judge_expression(text, "0.5") for judge in (paper, metamath, verify)] == [None, None, True]


@pytest.mark.parametrize(
    ("text", "gold", "verdict"),
    [
        ("The answer is: \u22125", -5, True),
        ("#### \u22125", -5, True),
        ("The answer is: 3 1/2", 1, False),
        ("The answer is: 3 4/2", 5, True),
        ("The answer is: 3\u00bd", 3, False),
        ("The answer is: $10/hour", 10, True),
    ],
)
def test_math_verify_reads_numbers_as_people_write_them(text: str, gold: int, verdict: bool) -> None:
    assert verify.judge_number(text, gold) is verdict


@pytest.mark.parametrize("gold", [r"3\frac{1}{2}", r"\frac{7}{2}"])
def test_math_verify_reads_a_mixed_number(gold: str) -> None:
    assert verify.judge_expression("The answer is: 3 1/2", gold) is True


def test_the_papers_scripts_read_such_numbers_as_they_do() -> None:
    """Of 3 1/2 the first number, of a real minus sign none: their verdicts are not mended."""
    for text, read in (("3 1/2", 3), ("\u22125", 5), ("$10/hour", 10)):
        assert metamath.number(f"The answer is: {text}") == read
        assert paper.judge_number(f"The answer is: {text}", read) is True


FORMS = {
    r"\tfrac{1}{2} +\! \frac1{72}": r"\frac{1}{2}+\frac{1}{72}",
    r"\frac\pi2": r"\frac{\}{p}i2",  # two characters, as the published code takes them
    r"\frac1": r"\frac1",
    r"\frac12\frac3": r"\frac12\frac3",
    r"10\sqrt3 + \sqrt{4}": r"10\sqrt{3}+\sqrt{4}",
    r"\\frac{1}{2}": r"\frac{1}{2}",
    r"\frac{.1}{2}": r"\frac{0.1}{2}",
    "3, .1": "3,0.1",
    r"50\%": "50",
    r"90^{\circ}": "90",
    r"\$5": "5",
    "1\n2": "12",
    "0.50": "0.50",
    "01/2": "01/2",
    "1/2/3": "1/2/3",
    "a=b=c": "a=b=c",
    "xyz=1": "xyz=1",
    r"5\text{cm}": r"5\text{cm}",
    "": "",
}


@pytest.mark.parametrize("answer", FORMS)
def test_the_normal_form_is_that_of_the_published_code(answer):
    assert normalise(answer) == FORMS[answer]


@pytest.mark.parametrize("answer", [r"1\text{ m}2\text{ cm}", r"2\sqrt", r"\sqrt\sqrt2", r"\frac", "x/2", "/"])
def test_what_the_published_code_stops_at_has_no_normal_form(answer):
    with pytest.raises(NoNormalForm):
        normalise(answer)


def test_a_score_has_accuracy_its_error_the_unread_and_the_verdicts():
    found = scores.score(["The answer is: 1", "The answer is: 300", "3", "what?"], ["#### 1", "#### 3"] * 2, "number")
    assert found == {
        "paper": {"accuracy": 0.5, "stderr": 0.25, "unread": 2, "verdicts": [True, True, False, False]},
        "metamath": {"accuracy": 0.25, "stderr": 0.75**0.5 / 4, "unread": 2, "verdicts": [True, False, False, False]},
        "announced": {"accuracy": 0.25, "stderr": 0.75**0.5 / 4, "unread": 2, "verdicts": [True, False, False, False]},
        "math_verify": {
            "accuracy": 0.25,
            "stderr": 0.75**0.5 / 4,
            "unread": 1,
            "verdicts": [True, False, False, False],
        },
    }
    assert list(found) == list(scores.EXTRACTORS)


def test_expressions_are_scored_against_the_latex_alone():
    found = scores.score([r"The answer is: \frac12", r"The answer is: \sqrt4"], [r"\frac{1}{2}", "2"], "expression")
    assert {name: own["verdicts"] for name, own in found.items()} == {
        "paper": [True, False],
        "metamath": [True, False],
        "announced": [True, False],
        "math_verify": [True, True],
    }


def test_the_embedded_gold_solutions_are_right_with_metamathqa_s_last_line():
    golds = [row["answer"] for row in embedded.gsm8k.rows("test")]
    found = scores.score([gold.replace("#### ", "The answer is: ") for gold in golds], golds, "number")
    assert {name: (own["accuracy"], own["unread"]) for name, own in found.items()} == dict.fromkeys(found, (1.0, 0))


BAD = {
    "no gold answers": ([], [], "number", "no gold answers to score"),
    "another number of golds": (["1"], ["#### 1", "#### 2"], "number", "1 predictions were given for 2 gold answers"),
    "another kind": (["1"], ["1"], "word", "the kind of answer word is unknown; known: number, expression"),
    "no mark": (
        ["1", "1"],
        ["#### 1", "so it is 1"],
        "number",
        "gold answer 2 has 'so it is 1' at the end of its answer, where",
    ),
    "no whole number": (["1"], ["#### 0.25"], "number", "gold answer 1 has '#### 0.25' at the end"),
    "an infinite number": (["1"], ["#### inf"], "number", "gold answer 1 has '#### inf' at the end"),
    "an empty expression": (["1"], [" "], "expression", "gold answer 1 has no text"),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_said_in_a_line(fault):
    predictions, golds, kind, said = BAD[fault]
    with pytest.raises(SuiteError) as raised:
        scores.score(predictions, golds, kind)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_outside_the_main_thread_nothing_is_scored():
    raised = []

    def score():
        try:
            scores.score(["1"], ["#### 1"], "number")
        except SuiteError as error:
            raised.append(str(error))

    thread = threading.Thread(target=score)
    thread.start()
    thread.join()
    assert len(raised) == 1
    assert "main thread" in raised[0]


@pytest.fixture(scope="module")
def gsm8k():
    """Return GSM8K's gold solutions, each with its final number as the hub writes it."""
    if not GSM8K.exists():
        pytest.skip("GSM8K (../shared/data/gsm8k) is not here")
    import pyarrow.parquet as pq

    golds = pq.read_table(GSM8K)["answer"].to_pylist()
    return golds, [gold.split("#### ") for gold in golds]


def test_every_gold_solution_of_gsm8k_is_right(gsm8k):
    golds, parts = gsm8k
    found = scores.score([f"{text}The answer is: {n.replace(',', '')}" for text, n in parts], golds, "number")
    assert {name: (own["accuracy"], own["unread"]) for name, own in found.items()} == dict.fromkeys(found, (1.0, 0))


def test_gold_solutions_as_they_are_are_not_read_by_the_papers_scripts(gsm8k):
    golds, _ = gsm8k
    found = scores.score(golds, golds, "number")
    read = {name: (sum(own["verdicts"]), own["unread"]) for name, own in found.items()}
    # In four of them math-verify takes a number that follows the word "answer".
    unread = (0, 1319)
    assert read == {"paper": unread, "metamath": unread, "announced": (1319, 0), "math_verify": (1315, 0)}


def test_the_scripts_read_a_number_up_to_its_second_comma(gsm8k):
    golds, parts = gsm8k
    found = scores.score([f"The answer is: {n}" for _, n in parts], golds, "number")
    wrong = {
        name: [n for (_, n), v in zip(parts, own["verdicts"], strict=True) if not v] for name, own in found.items()
    }
    cut = ["1,450,000"]
    assert wrong == {"paper": cut, "metamath": cut, "announced": [], "math_verify": []}


@pytest.mark.parametrize(
    ("text", "gold", "verdict"),
    [
        ("8 * 9 = 72\n#### 72", 72, True),
        ("#### 71\nNo.\n#### 72", 72, True),
        ("So the answer is 1,450,000 dollars.", 1450000, True),
        ("The answer is: -3", -3, True),
        ("The answer is: 72.4", 72, False),
        ("The answer is: .5", 5, False),
        ("The answer is: 7200", 72, False),
        ("#### 72 and 9", 9, False),
        ("The answer is: 3/4", 3, False),
        ("The answer is: -$5", -5, True),
        ("The answer is: $10/hour", 10, True),
        ("The answer is: 10 / hour.", 10, True),
        (r"The answer is: 10/\text{hour}", 10, True),
        ("The answer is: 6/2", 3, True),
        ("The answer is: 6/2", 6, False),
        ("The answer is: 6/(2)", 6, False),
        ("The answer is: 6/0", 6, False),
        (r"The answer is: \frac{6}{2}", 3, True),
        ("The answer is: 3 1/2", 3, False),
        ("The answer is: 3 4/2", 5, True),
        ("The answer is: 1,450 1/2", 1450, False),
        ("The answer is: 1, 1/2 of it", 1, True),
        (r"The answer is: 3\frac{1}{2}", 3, False),
        ("The answer is: 3\u00bd", 3, False),
        ("The answer is: \u22125", -5, True),
        ("The answer is: \u22125", 5, False),
        ("The answer is: \u20135", -5, True),
        ("The answer is: 5\u20137", 5, True),
        ("The answer is: -\u20ac5", -5, True),
        (f"The answer is: {'9' * 5000}", 9, False),
        ("The answer is: $5", 5, True),
        ("#### 72\nThe answer is", 72, True),  # cut where it began to say it again
        ("####\n72", 72, None),
        ("It is 72.", 72, None),
    ],
)
def test_the_plain_reading_of_a_number(text: str, gold: int, verdict: bool | None) -> None:
    assert announced.judge_number(text, gold) is verdict


@pytest.mark.parametrize(
    ("text", "gold", "verdict"),
    [
        ("The answer is: \\dfrac12.", "\\frac{1}{2}", True),
        ("The answer is 5", "5", True),
        ("The answer is: \\pi/2", "7", False),
        ("The answer is: \\pi/2", "\\pi/2", True),
        ("The answer is: .", "5", None),
        ("The answer is: x \u2212 5", "x-5", True),
        ("The answer is: 3 1/2", "3\\frac{1}{2}", True),
        ("The answer is: 3 1/2", "\\frac{7}{2}", True),
        ("The answer is: 3 1/2", "\\frac{31}{2}", False),
        ("The answer is: (1, \\frac12)", "(1,\\frac{1}{2})", True),
        ("It is 5", "5", None),
    ],
)
def test_the_plain_reading_of_an_expression(text: str, gold: str, verdict: bool | None) -> None:
    assert announced.judge_expression(text, gold) is verdict
