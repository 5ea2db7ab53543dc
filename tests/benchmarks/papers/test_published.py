"""Published figures: what is in results/published is what was transcribed, and nothing loose is read."""

from pathlib import Path

import pytest
import yaml

import methods
from benchmarks.errors import SuiteError
from benchmarks.papers.published import NO_TARGETS, PUBLISHED, PublishedRow, find, load

TRANSCRIBED = Path(__file__).parents[3].parent / "shared" / "papers" / "published.yaml"
# What is this suite's own of a row, and no transcription.
OWN = ("count_follows", "settings_printed", "experiment", "statistic", "train_rows", "scored_rows", "start_rows")
ROWS = {
    ("vb_lora", 1): 15,
    ("vb_lora", 2): 8,
    ("vb_lora", 3): 10,
    ("vb_lora", 4): 8,
    ("lora_xs", "GLUE"): 6,
}
TABLE = """
source: someone
arxiv: '2401.00001'
table: 1
benchmark: glue
experiment: none
statistic: median
train_rows: {}
scored_rows: {}
rows:
- {backbone: b, method: m, targets: [q, v], parameters: 10, parameters_as_printed: '10', scores: {mrpc: {value: 90.5}}}
"""


@pytest.fixture(scope="module")
def rows() -> list[PublishedRow]:
    return load()


def test_every_table_has_its_rows(rows):
    counts = {key: sum((row.source, row.table) == key for row in rows) for key in ROWS}
    assert counts == ROWS
    assert len(rows) == sum(ROWS.values()) == 47
    assert len(list(PUBLISHED.glob("*.yaml"))) == len(ROWS)


@pytest.mark.parametrize(
    ("setting", "task", "value", "spread", "parameters"),
    [
        (("glue", "roberta-large", "vb_lora", "all"), "rte", 87.4, 0.7, 33_000),
        (("glue", "roberta-base", "tied_lora", "qv"), "mrpc", 88.5, 1.0, 43_000),
        (("glue", "roberta-base", "full", "-"), "cola", 63.6, None, 125_000_000),
        (("e2e", "gpt2-medium", "lora", "qv"), "nist", 8.69, None, 350_000),
        (("math", "gemma-7b", "vb_lora", "all"), "gsm8k", 75.96, None, 670_000),
    ],
)
def test_printed_figures(rows, setting, task, value, spread, parameters):
    (row,) = find(rows, *setting, task)
    assert (row.scores[task].value, row.scores[task].spread, row.parameters) == (value, spread, parameters)


def test_find_returns_every_row_of_a_setting(rows):
    repeated = find(rows, "alpaca", "llama2-7b", "lora", "all")
    assert [(row.run_by, row.scores["mt_bench_turn_1"].value) for row in repeated] == [
        ("vera paper", 5.19),
        ("vb_lora paper", 5.63),
    ]
    maps = "query,value,attention.output.dense,output.dense"
    ranks = find(rows, "glue", "roberta-large", "lora_xs", maps)
    assert [row.rank for row in ranks] == [4, 8, 12, 16, 20, 25]
    assert find(rows, "glue", "roberta-large", "lora_xs", maps, task="mrpc") == []
    assert find(rows, "glue", "roberta-large", "lora", "all") == []


def test_rows_without_targets_stand_beside_any(rows):
    assert len(find(rows, "glue", "roberta-base", "full", "all")) == 1


@pytest.mark.skipif(not TRANSCRIBED.exists(), reason="the transcription is not beside this checkout")
def test_equal_to_the_transcription(rows):
    origin = ("source", "table", "benchmark")
    mine = [row.model_dump(exclude={"arxiv"}, exclude_unset=True) for row in rows]
    source = yaml.safe_load(TRANSCRIBED.read_text())
    for row in source:
        if row["targets"] == "all-linear-but-head":  # which is what the suite's decoders call all
            row["targets"] = "all"

    def key(row):
        return [str(row[name]) for name in origin]

    # Unset optional fields come back as None from the file's rows: a row is compared on what either side says.
    mine = [{name: value for name, value in row.items() if value is not None} for row in mine]
    for row in mine:
        for own in OWN:
            row.pop(own, None)
        row["scores"] = {
            task: {name: number for name, number in score.items() if number is not None}
            for task, score in row["scores"].items()
        }
    assert sorted(mine, key=key) == sorted(source, key=key)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("value: 90.5", "value: '90.5'"), "rows.0.scores.mrpc.value"),
        (("method: m, ", ""), "rows.0.method"),
        (("method: m, ", "method: m, colour: red, "), "rows.0.colour"),
        (("rows:", "rows: ["), "is not YAML"),
    ],
)
def test_a_loose_file_is_refused_by_name(tmp_path, change, complaint):
    path = tmp_path / "someone.yaml"
    path.write_text(TABLE)
    assert load(tmp_path)[0].target_names == "q,v"
    path.write_text(TABLE.replace(*change))
    with pytest.raises(SuiteError, match=complaint) as caught:
        load(tmp_path)
    assert str(path) in str(caught.value)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(SuiteError, match="holds no published tables"):
        load(tmp_path)


def test_printed_averages_are_the_means_of_their_rows(rows):
    """A slip in one score, beyond rounding, would part a row from the average that the paper prints for it."""
    averaged = [row for row in rows if "avg" in row.scores]
    assert len(averaged) == 15
    for row in averaged:
        values = [score.value for task, score in row.scores.items() if task != "avg"]
        assert sum(values) / len(values) == pytest.approx(row.scores["avg"].value, abs=0.0501)


def test_every_row_stands_beside_a_run_of_its_method() -> None:
    """A method that adapts no maps has "-" for targets in a record, whatever the paper's row says."""
    rows = load()
    for row in rows:
        targets = row.target_names if methods.find()[row.method].adapts_sites else NO_TARGETS
        assert row in find(rows, row.benchmark, row.backbone, row.method, targets)
