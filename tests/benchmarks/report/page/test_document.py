"""What stands on the page: the numbers that are drawn are those of the analysis, and what is absent is said."""

import json
import re
from pathlib import Path

import pytest
from support.answers import leave_answers
from support.record_factory import make_record

from benchmarks.analysis import front
from benchmarks.analysis.sheets import Sheet, load, sheets_of
from benchmarks.records.schema import Tuning
from benchmarks.report.page import document, drawn, sheet
from benchmarks.report.page.parts import Block, Figure, Table


def one_sheet(*records) -> Sheet:
    (made,) = sheets_of(records)
    return made


def block(made: Sheet, title: str, root: Path = Path()) -> Block:
    (found,) = [part for part in sheet.section(made, root, []).blocks if part.title == title]
    return found


def cells(table: Table, heading: str) -> list[str]:
    (column,) = [column for column in table.columns if column.heading == heading]
    return list(column.cells)


def values(figure: Figure) -> list[dict]:
    """Return all that a figure draws, each mark once."""
    layers = figure.spec.get("layer", [figure.spec])
    marks = [mark for layer in layers for mark in {**figure.spec, **layer}["data"]["values"]]
    return [mark for place, mark in enumerate(marks) if mark not in marks[:place]]


RUNS = [
    make_record(method=method, seed=seed, best=best, last=best - 0.1, adapter_bytes=size)
    for method, size, bests in (("lora", 9_000, (0.7, 0.8, 0.9)), ("vera", 400, (0.6, 0.65, 0.7)))
    for seed, best in enumerate(bests)
] + [make_record(method="full", adapter_bytes=1_000_000, best=0.75)]


def test_the_front_and_its_intervals_are_those_of_the_rows() -> None:
    made = one_sheet(*RUNS)
    figure = drawn.pareto(made, front.of_sheet(made, Path()))
    assert cells(figure.table, "on the front") == ["no", "yes", "yes"]  # full is beaten by LoRA
    marks = {mark["name"]: mark for mark in values(figure)}
    lora = next(row for row in made.rows if row.method == "lora")
    interval = lora.interval_of_mean(made.kind.drawn)
    assert [marks["LoRA qv"][end] for end in ("score", "low", "high")] == pytest.approx(
        [interval.value, interval.low, interval.high], abs=1e-6
    )
    assert cells(figure.table, "95% interval")[:2] == ["-", f"{interval.low:.1f} to {interval.high:.1f}"]
    assert "low" not in marks["full qv"] and "VeRA qv (400 bytes, 65.0), LoRA qv" in figure.words


def test_a_curve_is_the_median_between_the_least_and_the_most() -> None:
    figure = drawn.curves(one_sheet(*RUNS), "glue/mrpc")
    band = [mark for mark in values(figure) if mark["name"] == "LoRA qv"]
    # Exactly, since marks are rounded.
    assert [(mark["epoch"], mark["score"], mark["low"], mark["high"]) for mark in band] == [
        (1, 80.0, 70.0, 90.0),
        (2, 70.0, 60.0, 80.0),
    ]
    assert cells(figure.table, "epoch 2") == ["-", "70.0 (60.0 to 80.0)", "55.0 (50.0 to 60.0)"]  # full has one epoch


def test_every_seed_is_a_point_three_times() -> None:
    figure = drawn.seeds(one_sheet(*RUNS), "glue/mrpc")
    points = {(mark["method"], mark["seed"], mark["choice"]): mark["score"] for mark in values(figure)}
    assert len(points) == 3 * len(RUNS)
    assert points["lora", 1, "best"] == pytest.approx(80.0) and points["lora", 1, "last"] == pytest.approx(70.0)


def test_costs_are_shares_of_a_pass() -> None:
    group = [run.identity for run in RUNS[:3]]
    runs = [run.model_copy(update={"group": group}) for run in RUNS[:3]]
    (table,) = block(one_sheet(*runs), "Cost").tables
    assert [cells(table, heading) for heading in ("train s", "runs in a pass", "peak MiB")] == [["0.5"], ["3"], ["1"]]


def test_tuned_stands_beside_default() -> None:
    other = make_record(best=0.95, config={"optimizer": {"lr": 0.01}})
    default = make_record(best=0.9)
    tried = other.model_copy(update={"tuning": Tuning(lr=10, lr_head=1, default=default.identity)})
    (table,) = block(one_sheet(default, tried), "Tuned beside default").tables
    assert (cells(table, "default"), cells(table, "tuned")) == (["90.0"], ["95.0"])
    assert "No learning rates were tuned" in block(one_sheet(default), "Tuned beside default").notes[0]


def test_a_pair_is_found_by_either_of_its_methods(tmp_path: Path) -> None:
    for method, right in (("lora", 0.9), ("vera", 0.7)):
        leave_answers(tmp_path, method, right)
    (made,) = sheets_of(load(tmp_path))
    (table,) = block(made, "Which methods differ", tmp_path).tables
    assert [tag["method"].split("\n") for tag in table.tags] == [["lora", "vera"]]
    assert (cells(table, "method"), cells(table, "against")) == (["LoRA qv"], ["VeRA qv"])


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    made = one_sheet(*RUNS, make_record(method="vera", seed=7, error="out of <memory>"))
    assert "out of <memory>" in " ".join(block(made, "Failed runs").notes)
    assert "fewer than two rows can be compared" in block(made, "Which methods differ").notes[0]
    page = document.html([made], tmp_path, [], tmp_path / "ledger.md")
    assert "ledger.md is not there, so the ledger is left out" in page
    assert "out of &lt;memory&gt;" in page and "out of <memory>" not in page


def test_a_sheet_without_a_finished_run_has_a_section(tmp_path: Path) -> None:
    page = document.html([one_sheet(make_record(error="stopped"))], tmp_path, [], tmp_path / "ledger.md")
    assert "No run has finished yet." in page and "stopped" in page


def test_the_page_names_no_address_that_it_would_load(tmp_path: Path) -> None:
    page = document.html([one_sheet(*RUNS)], tmp_path, [], tmp_path / "ledger.md")
    without_scripts = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert re.findall(r"""(?:src|href)=["'](?!#|data:,)|https?://|@import|url\(""", without_scripts) == []
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', page, re.DOTALL)[1])
    assert sorted(figures) == [f"glue-embedded-minilm-{name}" for name in ("mrpc-curves", "mrpc-seeds", "pareto")]
