"""Scores by epoch, and the time until a run reaches a given one."""

import pytest
from support.record_factory import make_record

from benchmarks.analysis import curves, sheets
from benchmarks.analysis.measures import Measure
from benchmarks.records.schema import Epoch, Record


def run(seed: int, *scores: float, method: str = "lora", task: str = "glue/mrpc") -> Record:
    epochs = [
        Epoch(epoch=number, train_loss=0.5, scores={"accuracy": score}, halves=(score, score))
        for number, score in enumerate(scores, 1)
    ]
    record = make_record(task, seed=seed, method=method, best=max(scores), targets="-" if method == "head" else "qv")
    return record.model_copy(update={"epochs": epochs})


def test_a_band_is_the_average_over_seeds_with_the_ends_of_epochs_that_all_had() -> None:
    cell = [run(0, 0.5, 0.6, 0.9), run(1, 0.7, 0.5), run(2, 0.9, 0.1)]
    bands = curves.by_epoch(cell, Measure("x", lambda run: 0.0))
    assert list(bands) == [1, 2]
    assert bands[1] == curves.Band(70.0, 50.0, 90.0) and bands[2] == curves.Band(50.0, 10.0, 60.0)


@pytest.mark.parametrize(("wanted", "seconds"), [(0.5, 10.0), (0.6, 20.0), (0.7, 30.0), (0.8, 30.0), (0.81, None)])
def test_a_run_reaches_a_score_after_the_first_epoch_with_it(wanted: float, seconds: float | None) -> None:
    assert curves.seconds_to(run(0, 0.5, 0.6, 0.8, 0.7), wanted, 40.0) == seconds


def test_the_level_is_what_the_median_seed_of_every_row_reaches_but_the_floors() -> None:
    runs = [
        *(run(seed, 0.5, best) for seed, best in enumerate((0.7, 0.8, 0.9))),
        *(run(seed, 0.5, best, method="vera") for seed, best in enumerate((0.6, 0.75, 0.9))),
        *(run(seed, 0.5, 0.5, method="head") for seed in range(3)),
        run(0, 0.4, method="lora", task="glue/rte"),
    ]
    (sheet,) = sheets.sheets_of(runs)
    assert curves.levels(sheet, {}) == {"glue/mrpc": 0.75, "glue/rte": 0.4}
    assert curves.levels(sheet, {"rte": 60.0}) == {"glue/mrpc": 0.75, "glue/rte": 0.6}
    (floor,) = sheets.sheets_of([run(0, 0.5, method="head")])
    assert curves.levels(floor, {}) == {"glue/mrpc": None}
