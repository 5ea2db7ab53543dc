"""Methods are read against a floor, which adapts nothing, and a ceiling, which trains everything."""

import pytest
from support.record_factory import make_record

from benchmarks.analysis import baselines
from benchmarks.analysis.sheets import Sheet
from benchmarks.records.schema import Record
from benchmarks.report import columns, notes


def runs(method: str, scores: list[float], **facts) -> list[Record]:
    return [make_record(method=method, seed=seed, best=score, **facts) for seed, score in enumerate(scores)]


def sheet(*groups: list[Record]) -> Sheet:
    return Sheet("glue", "minilm", embedded=True, fingerprint=None, records=[run for group in groups for run in group])


def test_roles_are_what_a_methods_file_says() -> None:
    assert [baselines.role(name) for name in ("head", "none", "full", "lora", "gone")] == [
        "floor",
        "floor",
        "ceiling",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("worst", "above"), [(0.61, 1), (0.60, 0), (0.59, 0)], ids=["above", "as high as", "below the best seed of"]
)
def test_a_row_beats_the_floor_with_its_worst_seed(worst: float, above: int) -> None:
    made = sheet(runs("head", [0.5, 0.6]), runs("lora", [0.9, worst]), runs("full", [0.95, 0.95]))
    assert baselines.above_floor(made) == (above, 1)
    assert notes.against_floor(made) == [
        f"{above} of 1 rows are above the floor on every task with every seed (held-out scores)."
    ]


def test_a_row_beats_the_floor_on_every_task() -> None:
    rte = {"task": "glue/rte"}
    made = sheet(
        runs("head", [0.5]),
        runs("head", [0.5], **rte),
        runs("lora", [0.9]),
        runs("lora", [0.5], **rte),
        runs("vera", [0.6]),
    )
    assert baselines.above_floor(made) == (0, 1)  # vera ran one task alone, and is not counted


def test_without_a_floor_nothing_is_said() -> None:
    assert baselines.above_floor(sheet(runs("lora", [0.9]))) is None
    assert notes.against_floor(sheet(runs("lora", [0.9]))) == []


def test_the_brief_table_has_the_best_method_first() -> None:
    made = sheet(runs("head", [0.5]), runs("lora", [0.8]), runs("vera", [0.9]), runs("full", [0.95]))
    method, *_ = columns.brief(made)
    assert method.cells == ["full (ceiling)", "vera", "lora", "head (floor)"]
