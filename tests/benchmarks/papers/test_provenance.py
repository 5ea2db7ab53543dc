"""Figures of one cell by who ran them: how far they lie apart, and gains beside that, on tables made up for this."""

from pathlib import Path

import pytest

from benchmarks.errors import SuiteError
from benchmarks.papers import provenance, published
from benchmarks.papers.provenance import Cell
from benchmarks.papers.published import PublishedRow

# Four papers print LoRA on mrpc: one its own run, one two runs of its own, one a repeat, one it does not say whose.
ONE = """
source: one
arxiv: '1'
table: 1
benchmark: glue
statistic: median
epoch: best
seeds: 5
proposes: [lora]
rows:
- {backbone: b, method: lora, from_mnli: [mrpc], scores: {mrpc: {value: 90.1, spread: 0.2}, rte: {value: 80.0}}}
- {backbone: b, method: lora, variant: frozen, scores: {mrpc: {value: 99.0}}}
- {backbone: b, method: full, run_by: prior work, scores: {mrpc: {value: 90.0}}}
"""
TWO = """
source: two
arxiv: '2'
table: 1
benchmark: glue
statistic: mean
epoch: best
seeds: 5
proposes: [own]
rows:
- {backbone: b, method: lora, rank: 4, scores: {mrpc: {value: 87.0, spread: 0.4}}}
- {backbone: b, method: lora, rank: 8, scores: {mrpc: {value: 88.1, spread: 0.6}, rte: {value: 79.0}}}
- {backbone: b, method: own, scores: {mrpc: {value: 89.0}, rte: {value: 81.5}}}
- {backbone: b, method: own, rank: 2, scores: {mrpc: {value: 90.0}, rte: {value: 70.0}}}
- {backbone: b, method: full, run_by: prior work, scores: {mrpc: {value: 90.0}}}
"""
THREE = """
source: three
arxiv: null
table: 7
benchmark: glue
statistic: not stated
epoch: not stated
seeds: not stated
proposes: [third]
rows:
- {backbone: b, method: lora, run_by: one, scores: {mrpc: {value: 90.1}}}
- {backbone: b, method: lora, run_by: not stated, scores: {mrpc: {value: 86.1, spread: 1.0}, rte: {value: 79.0}}}
- {backbone: b, method: lora, run_by: not stated, scores: {mrpc: {value: 85.0}}}
- {backbone: b, method: third, scores: {mrpc: {value: 94.1}, rte: {value: 79.0}}}
- {backbone: b, method: own, run_by: two, source_trust: low, scores: {mrpc: {value: 10.0}}}
"""
FOUR = """
source: four
arxiv: '4'
table: 1
benchmark: glue
statistic: mean
epoch: held-out
seeds: 5
proposes: [fourth]
rows:
- {backbone: b, method: lora, scores: {mrpc: {value: 60.0}}}
- {backbone: b, method: fourth, scores: {mrpc: {value: 61.0}}}
"""


@pytest.fixture
def rows(tmp_path: Path) -> list[PublishedRow]:
    for name, text in {"one": ONE, "two": TWO, "three": THREE, "four": FOUR}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return published.load(tmp_path)


def cell_of(rows: list[PublishedRow], method: str, task: str) -> Cell:
    (cell,) = provenance.chosen(provenance.cells(rows), {"method": method, "backbone": "b", "task": task})
    return cell


def test_each_who_ran_a_cell_counts_once_with_the_highest_figure(rows: list[PublishedRow]) -> None:
    cell = cell_of(rows, "lora", "mrpc")
    assert [(figure.runner, figure.value) for figure in cell.runs] == [("one", 90.1), ("two", 88.1), (None, 86.1)]
    assert len(cell.figures) == 8
    assert sorted(figure.apart for figure in cell.figures if figure.apart) == [
        "another form of the method",
        "scored on a part of dev",
    ]


def test_the_spread_is_across_those_who_ran_it(rows: list[PublishedRow]) -> None:
    cell = cell_of(rows, "lora", "mrpc")
    assert cell.spread == 4.0  # 90.1 - 86.1, without what floating point adds
    assert cell.deviation == pytest.approx(2.0)  # of 90.1, 88.1 and 86.1
    assert cell.over_seeds == 0.6  # the median of 0.2, 0.6 and 1.0


def test_an_unknown_runners_figure_that_equals_another_is_a_repeat(rows: list[PublishedRow]) -> None:
    rte = cell_of(rows, "lora", "rte")
    assert [(figure.runner, figure.value) for figure in rte.runs] == [("one", 80.0), ("two", 79.0)]
    assert rte.over_seeds is None
    assert rte.deviation == pytest.approx(0.5**0.5)  # of 80 and 79, each half a point from their mean
    full = cell_of(rows, "full", "mrpc")  # both tables repeat the same earlier paper
    assert (len(full.figures), len(full.runs), full.spread, full.deviation) == (2, 1, None, None)


def test_a_doubtful_reading_is_shown_and_not_compared(rows: list[PublishedRow]) -> None:
    own = cell_of(rows, "own", "mrpc")
    assert [figure.value for figure in own.figures if figure.apart] == [10.0]
    assert own.spread is None


def test_cells_that_two_ran_are_sorted_by_their_spread(rows: list[PublishedRow]) -> None:
    found = provenance.compared(provenance.cells(rows))
    assert [(cell.method, cell.task, cell.spread) for cell in found] == [
        ("lora", "glue/mrpc", 4.0),
        ("lora", "glue/rte", 1.0),
    ]


def test_a_gain_is_marked_where_it_is_smaller_than_the_baselines_spread(rows: list[PublishedRow]) -> None:
    """Of the best own row over the best baseline in the same table; what gains nothing or is not compared has none."""
    found = provenance.gains(rows, provenance.cells(rows))
    assert [(gain.own.row.source, gain.cell.task, gain.value, gain.within_spread) for gain in found] == [
        ("two", "glue/mrpc", 1.9, True),
        ("two", "glue/rte", 2.5, False),
        ("three", "glue/mrpc", 4.0, False),  # over 90.1, and as large as the spread
    ]


def test_a_cell_knows_the_set_that_was_learnt(rows: list[PublishedRow]) -> None:
    """Runs on 100,000 rows and on 40,000 are no runs of one cell."""
    lora = [row for row in rows if row.method == "lora" and "rte" in row.scores]
    sets = ("40,000 rows", "100,000 rows", "40,000 rows")
    maths = [row.model_copy(update={"benchmark": "math", "trained_on": n}) for row, n in zip(lora, sets, strict=True)]
    found = {(cell.task, cell.score): len(cell.figures) for cell in provenance.cells(maths)}
    assert found["math (40,000 rows)", "rte"] == 2 and found["math (100,000 rows)", "rte"] == 1
    chosen = provenance.chosen(provenance.cells(maths), {"task": "math", "metric": "rte"})
    assert {cell.task for cell in chosen} == {"math (40,000 rows)", "math (100,000 rows)"}


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ({"method": "loar"}, "prints method loar; nearest: lora; known: fourth, full, lora, own, third"),
        ({"method": "full", "task": "rte"}, "prints task rte for method full; nearest: mrpc; known: mrpc"),
        ({"method": "lora", "backbone": "c", "task": None}, "prints backbone c for method lora; nearest: b; known: b"),
    ],
)
def test_an_unknown_cell_is_named_with_those_that_are_printed(
    rows: list[PublishedRow], wanted: dict[str, str | None], complaint: str
) -> None:
    with pytest.raises(SuiteError, match=complaint):
        provenance.chosen(provenance.cells(rows), wanted)


def test_the_whole_task_may_be_named(rows: list[PublishedRow]) -> None:
    assert len(provenance.chosen(provenance.cells(rows), {"method": "lora", "task": "glue/rte"})) == 1
