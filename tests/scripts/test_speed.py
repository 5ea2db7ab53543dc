"""The command that times steps: what it prints is the medians and ratios of the times that it took."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support import tiny
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import conf
from benchmarks.report import speed_table
from benchmarks.training import speed
from scripts import speed as command

DRY = "backbone.dropout=0.0"
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


def timed(method: str, bert: Path, glue: Path, root: Path, runs: int = 1) -> speed.Timed:
    settings = tiny.settings(tiny.job(method, bert, glue, root, "targets=qv", DRY))
    return speed.timed(settings, runs, speed.Size(4), steps=3)


@pytest.mark.parametrize(
    ("method", "runs", "beside"), [("lora", 2, ["peft"]), ("tied_lora", 1, []), ("full", 1, ["plain"])]
)
def test_every_variant_takes_each_step(
    method: str, runs: int, beside: list[str], bert: Path, glue: Path, tmp_path: Path
) -> None:
    made = timed(method, bert, glue, tmp_path, runs)
    assert list(made.seconds) == ["floor", "ours", *beside]
    assert all(len(taken) == 3 for taken in made.seconds.values())
    ratio = made.ratio("ours", "floor")
    steps = np.array(made.seconds["ours"]) / np.array(made.seconds["floor"])
    assert ratio.value == np.median(steps) and steps.min() <= ratio.low <= ratio.value <= ratio.high <= steps.max()
    assert made.ratio("ours", "nothing") is None


@pytest.mark.parametrize("dropout", ["0.0", "0.1"])
def test_random_rows_have_the_length_that_was_asked_for(dropout: str, bert: Path, glue: Path, tmp_path: Path) -> None:
    settings = tiny.settings(tiny.job("lora", bert, glue, tmp_path, f"backbone.dropout={dropout}"))
    made = speed.timed(settings, 2, speed.Size(4, 24), steps=3)
    assert made.tokens == 2 * 4 * 24
    assert [len(taken) for taken in made.seconds.values()] == [3, 3, 3]


def test_a_gpus_peak_is_of_the_variants_own_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a stand-in for the allocator: what another variant holds counts for nobody else, nor does what went before."""
    held, most = 100, 0

    def take(kept: int, beside: int) -> None:
        nonlocal held, most
        most = max(most, held + kept + beside)
        held += kept

    def forget() -> None:
        nonlocal most
        most = held

    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: held)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: most)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", forget)
    tensors = speed._Tensors(torch.device("cuda"))
    tensors.of("floor", lambda: take(20, 5))
    tensors.of("ours", lambda: take(30, 0))
    tensors.of("floor", lambda: take(0, 40))
    tensors.of("ours", lambda: take(2, 10))
    assert tensors.peak == {"floor": 20 + 40, "ours": 30 + 2 + 10}


def test_the_limit_grows_with_the_rank(bert: Path, glue: Path, tmp_path: Path) -> None:
    limits = []
    for rank in (1, 9):
        settings = tiny.settings(tiny.job("lora", bert, glue, tmp_path, f"method.rank={rank}", DRY))
        limits.append(speed.timed(settings, 1, speed.Size(4), 1).limit)
    assert limits[0] < limits[1] < 2


def test_the_command_prints_and_writes_it(
    bert: Path, glue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conf, "ROOT", tmp_path / "results")
    settings = [
        part for part in tiny.job("tied_lora", bert, glue, tmp_path) if not part.startswith(("method=", "targets="))
    ]
    options = ["--methods", "tied_lora", "--targets", "qv", "--runs", "1", "--rows", "4", "--steps", "2", "--write"]
    assert command.main([*settings, *options, "--format", "markdown"]) == 0
    printed = capsys.readouterr().out
    (table,) = (tmp_path / "results" / "tables").glob("speed-*.md")
    assert table.read_text() in printed
    (line,) = [line for line in printed.splitlines() if line.startswith("| tied_lora | qv | 1 |")]
    peaks = [cell for cell in line.strip("| ").split(" | ")[-3:-1]]
    assert all(cell.isdigit() for cell in peaks)
    assert len(list((tmp_path / "results" / "figures").glob("speed-*"))) == 3


def test_without_peft_its_column_is_empty(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "_peft", lambda: None)
    made = timed("lora", bert, glue, tmp_path)
    settings = tiny.settings(tiny.job("lora", bert, glue, tmp_path, DRY))
    page = speed_table.page([made], speed.subject(settings, speed.Size(4), 3))
    (cell,) = next(column.cells for column in page.columns if column.heading == "ours / beside")
    assert "peft" not in made.seconds and cell == "-"


def test_products_that_are_added_in_place_are_counted() -> None:
    """2 x 3 by 3 x 5 is 60 operations, and four of them 240; torch's own counter says 0 for both."""
    counter = FlopCounterMode(display=False, custom_mapping=speed._IN_PLACE)
    with counter:
        torch.zeros(2, 5).addmm_(torch.ones(2, 3), torch.ones(3, 5))
        torch.zeros(4, 2, 5).baddbmm_(torch.ones(4, 2, 3), torch.ones(4, 3, 5))
    assert counter.get_total_flops() == 300


def test_a_peak_is_of_a_variants_tensors_alone(bert: Path, glue: Path, tmp_path: Path) -> None:
    """The same each time, at least the model's own bytes, and what a step holds beside them grows with its rows."""
    settings = tiny.settings(tiny.job("lora", bert, glue, tmp_path, "targets=qv", DRY))
    peaks = [speed.timed(settings, 1, speed.Size(rows, 24), steps=1).peak for rows in (2, 2, 8)]
    weights = (bert / "model.safetensors").stat().st_size
    assert peaks[0] == peaks[1] and min(peaks[0].values()) > weights
    grown = [more - before for more, before in zip(peaks[2].values(), peaks[0].values(), strict=True)]
    assert min(grown) > weights / 10


@pytest.mark.parametrize("method", ["lora", "vera", "vb_lora"])
@pytest.mark.parametrize("targets", ["qv", "all"])
def test_a_step_holds_no_more_than_pefts(method: str, targets: str, bert: Path, glue: Path, tmp_path: Path) -> None:
    settings = tiny.settings(tiny.job(method, bert, glue, tmp_path, f"targets={targets}", DRY))
    peak = speed.timed(settings, 1, speed.Size(16, 24), steps=1).peak
    assert peak["ours"] <= 1.01 * peak["peft"]
