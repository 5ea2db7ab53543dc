"""The questions, wherever they come from, and how many of them are taken."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.errors import SuiteError
from benchmarks.mt_bench import questions
from benchmarks.tasks import embedded
from benchmarks.tasks.embedded import mt_bench_prompts

HUB = Path(__file__).parents[4] / "shared" / "data" / "mt_bench"
EIGHT = {"writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities"}


@pytest.fixture(scope="module")
def cache(machine: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_the_embedded_questions_are_two_of_each_category_and_none_of_mt_benchs(cache: Path) -> None:
    loaded = questions.load("embedded", cache, None)
    assert (loaded.source, len(loaded.asked)) == ("embedded", 16)
    assert Counter(question.category for question in loaded.asked) == dict.fromkeys(EIGHT, 2)
    assert {question.category for question in loaded.asked if question.references} == set(questions.NEED_REFERENCES)
    assert not {question.id for question in loaded.asked} & set(range(81, 161))


@pytest.mark.skipif(not HUB.is_dir(), reason=f"{HUB} is not there")
def test_the_hubs_set_has_eighty_of_which_thirty_have_references(cache: Path) -> None:
    loaded = questions.load(str(HUB), cache, None)
    assert [question.id for question in loaded.asked] == list(range(81, 161))
    assert Counter(question.category for question in loaded.asked) == dict.fromkeys(EIGHT, 10)
    assert sum(question.references is not None for question in loaded.asked) == 30
    (triangle,) = questions.load(str(HUB), cache, [111]).asked
    assert "(0, 0), (-1, 1), and (3, 3)" in triangle.turns[0]
    assert "The area of the triangle is 0." in triangle.references[0]  # it is 3


def test_some_questions_are_as_many_of_each_category_as_can_be(cache: Path) -> None:
    assert Counter(question.category for question in questions.load("embedded", cache, 8).asked) == dict.fromkeys(
        EIGHT, 1
    )
    eleven = questions.load("embedded", cache, 11).asked
    assert set(Counter(question.category for question in eleven).values()) == {1, 2}
    assert [question.id for question in eleven] == sorted(question.id for question in eleven)
    assert [question.id for question in questions.load("embedded", cache, [1009, 1002]).asked] == [1002, 1009]


@pytest.mark.parametrize(
    "wanted", [0, 17, "all", True, [], [1001, 1001], [81], ["1001"], [[1001]], [True], {"1001": 1}]
)
def test_what_cannot_be_taken_is_refused(wanted: object, cache: Path) -> None:
    with pytest.raises(SuiteError, match=r"^questions(=| must be a whole number of at least 1)"):
        questions.load("embedded", cache, wanted)


@pytest.mark.parametrize(
    ("column", "value", "fragment"),
    [
        ("prompt", ["only one turn"], "must have two turns"),
        ("reference", [], "math needs one for each turn"),
        ("prompt_id", 1001, "question 1001 twice"),
    ],
)
def test_a_set_with_a_fault_is_refused(column: str, value: object, fragment: str, cache: Path, tmp_path: Path) -> None:
    root = embedded.write(tmp_path, "mt_bench_prompts")
    (file,) = root.rglob("*.parquet")
    table = mt_bench_prompts.tables()["default"]["train"]
    rows = table.to_pylist()
    (place,) = (place for place, row in enumerate(rows) if row["prompt_id"] == 1007)
    rows[place][column] = value
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)
    with pytest.raises(SuiteError, match=fragment):
        questions.load(str(root), cache, None)
