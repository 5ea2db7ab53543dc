"""What a row gives over its tasks and seeds."""

from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest
from support.answers import LABELS, ROWS, leave
from support.record_factory import make_record, save

from benchmarks.analysis import intervals, sheets
from benchmarks.analysis.sheets import flat, leaves, sheets_of


def row_of(*bests: float, task: str = "glue/mrpc"):
    return [make_record(task, seed=seed, best=best) for seed, best in enumerate(bests)]


def test_the_interval_of_one_tasks_mean_is_that_over_its_seeds() -> None:
    (sheet,) = sheets_of(row_of(0.80, 0.82, 0.87))
    (row,) = sheet.rows
    wanted = intervals.over_seeds(np.array([0.80, 0.82, 0.87]), np.median)
    got = row.interval_of_mean(sheet.kind.drawn)
    assert (got.value, got.low, got.high) == pytest.approx([100 * end for end in (0.82, wanted.low, wanted.high)])


def test_over_several_tasks_it_is_around_the_mean_of_their_medians() -> None:
    (sheet,) = sheets_of([*row_of(0.80, 0.82, 0.87), *row_of(0.60, 0.50, 0.55, task="glue/rte")])
    (row,) = sheet.rows
    by_seed = [0.70, 0.66, 0.71]
    wanted = intervals.over_seeds(np.array(by_seed), np.median)
    got = row.interval_of_mean(sheet.kind.drawn)
    assert got.value == pytest.approx(100 * mean([0.82, 0.55]))
    assert got.high - got.low == pytest.approx(100 * (wanted.high - wanted.low))
    assert row.spread_of_mean(sheet.kind.drawn) == pytest.approx(100 * stdev(by_seed))


def test_one_seed_has_no_interval() -> None:
    (sheet,) = sheets_of(row_of(0.8))
    assert sheet.rows[0].interval_of_mean(sheet.kind.drawn) is None


def test_leaves_keep_their_values_and_flat_writes_them() -> None:
    tree = {"a": {"b": 1, "c": [1, "x"]}, "d": {}, "e": "text", "f": None}
    assert dict(leaves(tree)) == {"a.b": 1, "a.c": [1, "x"], "d": {}, "e": "text", "f": None}
    assert dict(flat(tree)) == {"a.b": "1", "a.c": '[1, "x"]', "d": "{}", "e": "text", "f": "null"}


def test_a_run_that_answers_one_class_alone_is_noted_of_what_it_left(tmp_path: Path) -> None:
    one, several = np.zeros(ROWS, int), LABELS
    leave(tmp_path, "alpha", [one, several])
    assert [run.collapsed for run in sheets.load(tmp_path)] == [True, False]
    save(tmp_path, make_record(method="beta"))  # which left none
    assert [run.collapsed for run in sheets.load(tmp_path)] == [True, False, None]
