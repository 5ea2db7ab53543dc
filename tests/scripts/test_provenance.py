"""The command that says who ran the published figures: the committed table, a cell's figures, and its formats."""

import json
from pathlib import Path

import pytest

from benchmarks.papers import provenance, published
from scripts import provenance as command

ROOT = Path(__file__).parents[2]
RTE = ["--method", "lora", "--backbone", "roberta-base", "--task", "rte"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert command.main(list(arguments)) == 0
    return capsys.readouterr().out


def test_lora_on_rte_stands_at_four_figures_and_each_says_who_ran_it(capsys: pytest.CaptureFixture[str]) -> None:
    (cell,) = json.loads(run(capsys, *RTE, "--format", "json"))
    compared = {
        (f["value"], f["run_by"], f["source"], f["from_mnli"]) for f in cell["figures"] if not f["not_compared"]
    }
    assert compared == {
        (86.6, "lora", "lora", True),
        (86.6, "lora", "vera", True),
        (86.6, "lora", "vb_lora", True),
        (78.4, "not stated", "fourierft", False),
        (76.2, "not stated", "gralora", False),
        (71.5, "randlora", "randlora", False),
    }
    assert (cell["papers"], cell["spread"], cell["over_seeds"]) == (4, 15.1, 0.8)
    apart = {(f["value"], f["run_by"], f["not_compared"]) for f in cell["figures"] if f["not_compared"]}
    assert apart == {(76.68, "c3a", "scored on a part of dev"), (75.3, "red", "scored on a part of dev")}


def test_vera_averages_lower_where_others_run_it(capsys: pytest.CaptureFixture[str]) -> None:
    cell = ["--method", "vera", "--backbone", "roberta-base", "--task", "avg", "--format", "json"]
    (found,) = json.loads(run(capsys, *cell))
    values = {(f["source"], f["value"], f["source_trust"]) for f in found["figures"] if f["run_by"] != "vera"}
    assert {("randlora", 82.7, None), ("trac", 83.9, "low"), ("c3a", 83.38, None)} <= values
    (own,) = {f["value"] for f in found["figures"] if f["run_by"] == "vera"}
    assert own == 85.2


def test_one_cell_is_a_table_in_each_format(capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("text", "markdown", "latex"):
        shown = run(capsys, *RTE, "--format", form)
        assert all(figure in shown for figure in ("86.6", "78.4", "76.2", "71.5", "from MNLI", "randlora 4"))
    bleu = run(capsys, "--method", "lora", "--task", "e2e", "--metric", "bleu", "--format", "markdown")
    assert "# lora, gpt2-medium, e2e: bleu" in bleu and "# lora, gpt2-large, e2e: bleu" in bleu
    assert "| 68.9 | vera | vb_lora 2 | not stated | last |" in bleu


def test_without_a_choice_it_is_what_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = run(capsys, "--write", "--format", "markdown")
    table, figure = tmp_path / "results/tables/provenance.md", tmp_path / "results/figures/provenance.png"
    assert table.read_text() == shown == (ROOT / "results/tables/provenance.md").read_text()
    first = figure.read_bytes()
    assert first.startswith(b"\x89PNG")
    run(capsys, "--write", "--format", "json")
    assert figure.read_bytes() == first


def test_the_overview_is_sorted_and_counts_what_it_marks(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(run(capsys, "--format", "json"))
    spreads = [cell["spread"] for cell in found["cells"]]
    assert spreads == sorted(spreads, reverse=True) and len(spreads) > 90
    assert (found["cells"][0]["method"], found["cells"][0]["task"]) == ("lora", "glue/rte")
    smaller = sum(gain["smaller"] for gain in found["gains"])
    assert all(gain["smaller"] == (gain["gain"] < gain["baseline_spread"]) for gain in found["gains"])
    assert f"{smaller} of them are smaller" in run(capsys).replace("\n", " ")


def test_every_published_row_is_in_a_cell() -> None:
    rows = published.load()
    cells = provenance.cells(rows)
    assert sum(len(cell.figures) for cell in cells) == sum(len(row.scores) for row in rows)
