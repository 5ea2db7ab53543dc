"""Published figures: what is in results/published is what was transcribed, and nothing loose is read."""

from collections import Counter
from collections.abc import Container
from pathlib import Path

import pytest
import yaml

import methods
from benchmarks.errors import SuiteError
from benchmarks.papers import published
from benchmarks.papers.published import AVERAGES, NO_TARGETS, PublishedRow, find, load

TRANSCRIBED = Path(__file__).parents[3].parent / "shared" / "papers" / "published.yaml"
FIELD = TRANSCRIBED.parent / "field"
# What a transcribed row has, of which published.yaml's rows are transcriptions; the rest is this suite's own.
TRANSCRIBED_FIELDS = ("source", "table", "benchmark", "backbone", "method", "targets", "rank")
TRANSCRIBED_FIELDS += ("parameters", "parameters_as_printed", "scores")
FIRST = {("vb_lora", 1): 15, ("vb_lora", 2): 8, ("vb_lora", 3): 10, ("vb_lora", 4): 8, ("lora_xs", "GLUE"): 6}
# The transcription of each table of the field, and the scores of it that are not carried over.
FILES = {
    ("c3a", 2): "c3a-table2-glue-test",
    ("c3a", 3): "c3a-tables3-4-llama",
    ("c3a", 4): "c3a-tables3-4-llama",
    ("dora", 1): "dora-table1-commonsense",
    ("dora", 5): "dora-table5-mtbench",
    ("fourierft", 2): "fourierft-table2-glue",
    ("fourierft", 3): "fourierft-table3-e2e",
    ("fourierft", 4): "fourierft-table4-alpaca",
    ("gralora", 6): "gralora-tables6-7",
    ("gralora", 7): "gralora-tables6-7",
    ("hf_peft", "MetaMathQA"): "hf_peft-metamath-comparison",
    ("lora", 2): "lora-table2-glue",
    ("lora", 3): "lora-table3-e2e",
    ("lora", 18): "lora-table18-e2e-ranks",
    ("lora_sb", 1): "lora_sb-secondhand-glue-math",
    ("lora_sb", 3): "lora_sb-secondhand-glue-math",
    ("macp", "GLUE"): "macp-notes-glue",
    ("pissa", 2): "pissa-tables2-7-math",
    ("pissa", 7): "pissa-tables2-7-math",
    ("psoft", 2): "psoft-tables2-4-5-13-15-loraxs",
    ("psoft", 4): "psoft-tables2-4-5-13-15-loraxs",
    ("psoft", 5): "psoft-tables2-4-5-13-15-loraxs",
    ("psoft", 13): "psoft-tables2-4-5-13-15-loraxs",
    ("psoft", 15): "psoft-tables2-4-5-13-15-loraxs",
    ("randlora", 4): "randlora-table4-glue",
    ("randlora", 15): "randlora-table15-commonsense",
    ("reft", 16): "reft-table16-glue-best-epoch",
    ("reft", "4 and 13"): "reft-tables4-13-glue-heldout",
    ("riemannian_lora", "1, 4 and 5"): "riemannian_lora-tables1-4-5-e2e",
    ("svft", 1): "svft-table1-math",
    ("trac", "GLUE"): "trac-notes-glue-averages",
    ("uni_lora", "GLUE"): "uni_lora-notes-glue",
    ("uni_lora", "math"): "uni_lora-notes-math-mtbench",
    ("uni_lora", "MT-Bench"): "uni_lora-notes-math-mtbench",
    ("uni_lora", "run records"): "uni_lora-run-records-glue",
    ("vb_lora", 5): "vb_lora-table5-selection",
    ("vb_lora", 6): "vb_lora-table6-length",
    ("vera", 2): "vera-table2-glue",
    ("vera", 3): "vera-table3-e2e",
    ("vera", 4): "vera-table4-alpaca",
    ("vera", "6 and 7"): "vera-tables6-7-ablations",
}
LEFT_OUT = {"randlora-table15-commonsense": 1}  # how many rows: that of the model without training
# The rows whose figures differ from those of the paper that they are said to repeat, and where.
REPEATED_OTHERWISE = {("macp", "fourierft", "avg")}  # 87.95 for 88.0
TABLE = """
source: someone
arxiv: '2401.00001'
table: 1
benchmark: glue
experiment: none
statistic: median
epoch: best
seeds: 5
train_rows: {}
scored_rows: {}
rows:
- {backbone: b, method: m, targets: [q, v], parameters: 10, parameters_as_printed: '10', scores: {mrpc: {value: 90.5}}}
"""


@pytest.fixture(scope="module")
def rows() -> list[PublishedRow]:
    return load()


def of_tables(rows: list[PublishedRow], tables: Container[tuple[str, int | str]]) -> list[PublishedRow]:
    return [row for row in rows if (row.source, row.table) in tables]


def test_every_table_has_its_rows(rows):
    counts = {key: len(of_tables(rows, [key])) for key in FIRST}
    assert counts == FIRST and sum(counts.values()) == 47
    assert {(row.source, row.table) for row in rows} == FIRST.keys() | FILES.keys()
    assert len(rows) == 496
    assert len(published.runnable(rows)) == 140


def test_rows_without_an_experiment_have_a_reason(rows):
    """What the suite lacks for them, or what their table says."""
    assert "their table does not say" not in published.without(rows)
    assert published.without(of_tables(rows, [("vb_lora", 1)])) == []
    assert published.without(of_tables(rows, [("c3a", 3)])) == ["no benchmark commonsense", "no method c3a"]
    (row,) = [row for row in rows if row.source == "reft" and row.method == "bitfit"]
    assert published.without([row]) == [row.no_experiment]
    assert published.without([row.model_copy(update={"no_experiment": None})]) == ["their table does not say"]


@pytest.mark.skipif(not FIELD.is_dir(), reason="the transcriptions (../shared/papers/field) are not here")
@pytest.mark.parametrize("name", sorted(set(FILES.values())))
def test_the_fields_figures_are_those_of_the_transcriptions(rows, name):
    """Every backbone, figure, spread and count. Methods have one name here, whatever a table calls them."""
    mine = of_tables(rows, [key for key, file in FILES.items() if file == name])
    given = [printed(row.model_dump()) for row in mine]
    table = yaml.safe_load((FIELD / f"{name}.yaml").read_text())
    source = [{"backbone": table.get("backbone"), **row} for row in table["rows"]]
    parts = {"pissa-tables2-7-math": halves, "lora-table18-e2e-ranks": in_hundredths}.get(name, lambda row: [row])
    wanted = [printed(part) for row in source for part in parts(row)]
    assert len(given) == len(wanted) - LEFT_OUT.get(name, 0)
    assert not Counter(given) - Counter(wanted)


def printed(row: dict) -> tuple:
    scores = {(score.removesuffix("_of_8"), cell["value"], cell.get("spread")) for score, cell in row["scores"].items()}
    share = f"{row['percent_params']}%" if "percent_params" in row else None
    count = row.get("parameters_as_printed") or share
    named = "0.3M" if "(DeLoRA table 8; 0.3M)" in row["method"] else count  # where its name has it
    if named and named.endswith("%"):
        named = f"{float(named[:-1])}%"  # the transcriptions are without their last zeros
    return (row["backbone"], frozenset(scores), row.get("parameters"), None if count == "-" else named)


def in_hundredths(row: dict) -> list[dict]:
    """Return a row of LoRA's table 18, which prints two scores as fractions, and a loss that is left out."""
    scores = {name: cell for name, cell in row["scores"].items() if name != "val_loss"}
    for name in ("meteor", "rouge_l"):
        scores[name] = {"value": round(100 * scores[name]["value"], 2)}
    return [row | {"scores": scores}]


def halves(row: dict) -> list[dict]:
    """Return the parts of a row that are of two benchmarks: each stands for itself here."""
    parts = ({name: score for name, score in row["scores"].items() if (name == "mt_bench") == last} for last in (0, 1))
    return [row | {"scores": part} for part in parts if part]


def test_a_row_that_repeats_another_papers_has_its_figures(rows):
    """Who ran a row is read, and not guessed: each score of it stands in a row of the paper that is named."""
    own = [row for row in rows if row.run_by is None]
    sources = {row.source for row in own}
    checked = 0
    for row in (row for row in rows if row.run_by in sources):
        same = [
            other
            for other in rows
            if other.runner == row.run_by
            and (other.source == row.run_by)
            and (other.backbone, other.method, other.benchmark) == (row.backbone, row.method, row.benchmark)
        ]
        for name, score in row.scores.items():
            printed = {other.scores[name].value for other in same if name in other.scores}
            if printed and (row.source, row.run_by, name) not in REPEATED_OTHERWISE:
                assert score.value in printed, (row.name, name)
                checked += 1
    assert checked > 150


def test_vb_loras_table_2_prints_veras_run_of_lora(rows):
    (row,) = [r for r in rows if (r.source, r.table, r.backbone, r.method) == ("vb_lora", 2, "gpt2-medium", "lora")]
    assert (row.run_by, row.epoch) == ("vera", "last")
    (hu,) = [r for r in rows if (r.source, r.table, r.backbone, r.method) == ("lora", 3, "gpt2-medium", "lora")]
    assert (hu.run_by, hu.epoch, hu.scores["bleu"].value, row.scores["bleu"].value) == (None, "best", 70.4, 68.9)


def test_loras_row_on_roberta_large_that_others_print_is_the_one_without_mnli(rows):
    repeated = [r for r in rows if r.runner == "lora" and r.backbone == "roberta-large" and r.method == "lora"]
    assert {(r.source, r.scores["rte"].value, bool(r.from_mnli)) for r in repeated} == {
        ("lora", 87.4, True),
        ("lora", 85.2, False),
        ("vera", 85.2, False),
        ("vb_lora", 85.2, False),
        ("fourierft", 85.2, False),
        ("uni_lora", 85.2, False),
    }


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
    (row,) = [
        row for row in find(published.runnable(rows), *setting, task) if row.source == "vb_lora" and not row.variant
    ]
    assert (row.scores[task].value, row.scores[task].spread, row.parameters) == (value, spread, parameters)


def test_find_returns_every_row_of_a_setting(rows):
    repeated = find(rows, "alpaca", "llama2-7b", "lora", "all", "mt_bench_turn_1")
    assert [(row.run_by, row.scores["mt_bench_turn_1"].value) for row in repeated] == [("vera", 5.19), (None, 5.63)]
    maps = "query,value,attention.output.dense,output.dense"
    ranks = find(rows, "glue", "roberta-large", "lora_xs", maps)
    assert [row.rank for row in ranks] == [4, 8, 12, 16, 20, 25, 16]  # Uni-LoRA's table repeats one
    assert [row.source for row in find(rows, "glue", "roberta-large", "lora_xs", maps, task="mrpc")] == ["uni_lora"]
    assert [row.source for row in find(rows, "glue", "roberta-large", "lora", "all")] == ["randlora"]


def test_rows_without_targets_stand_beside_any(rows):
    assert len(find(published.runnable(rows), "glue", "roberta-base", "full", "all")) == 1


@pytest.mark.skipif(not TRANSCRIBED.exists(), reason="the transcription is not beside this checkout")
def test_equal_to_the_transcription(rows):
    origin = ("source", "table", "benchmark")
    mine = [row.model_dump(include=set(TRANSCRIBED_FIELDS)) for row in of_tables(rows, FIRST)]
    source = yaml.safe_load(TRANSCRIBED.read_text())
    for row in source:
        if row["targets"] == "all-linear-but-head":  # which is what the suite's decoders call all
            row["targets"] = "all"
    runners = [row.pop("run_by", None) for row in source]
    assert Counter(f"{row.runner} paper" for row in of_tables(rows, [("vb_lora", 3)])) == Counter(filter(None, runners))

    def key(row):
        return [str(row[name]) for name in origin]

    # Unset optional fields come back as None from the file's rows: a row is compared on what either side says.
    mine = [{name: value for name, value in row.items() if value is not None} for row in mine]
    for row in mine:
        row["scores"] = {
            task: {name: number for name, number in score.items() if number is not None and name != "digits"}
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
        (("epoch: best", "epoch: best\nepoch: last"), "is not YAML: epoch stands twice"),
        (("{value: 90.5", "{value: 90.5, value: 95.0"), "is not YAML: value stands twice"),
        (("epoch: best", "epoch: first"), "epoch: Input should be 'best', 'last', 'held-out' or 'not stated'"),
        (("epoch: best\n", ""), "epoch: Field required"),
        (("seeds: 5", "seeds: five"), "seeds"),
        (("method: m, ", "method: m, source_trust: high, "), "source_trust: Input should be 'medium' or 'low'"),
        (("statistic: median", "statistic: mode"), "statistic: Input should be 'mean', 'median', 'one run'"),
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
    averaged = [(row, name) for row in rows for name in AVERAGES if name in row.scores and len(row.scores) > 1]
    assert len(averaged) == 175
    off = set()
    for row, name in averaged:
        values = [score.value for task, score in row.scores.items() if task not in AVERAGES]
        if sum(values) / len(values) != pytest.approx(row.scores[name].value, abs=0.0501):
            off.add((row.source, row.backbone, row.method, row.scores[name].value))
    assert off == {
        ("gralora", "roberta-base", "gralora", 85.8),  # the mean is 85.87
        ("randlora", "roberta-base", "lora", 82.4),  # 82.47
        ("uni_lora", "roberta-large", "uni_lora", 88.3),  # 88.23, in notes on the paper
    }


def test_every_row_stands_beside_a_run_of_its_method() -> None:
    """A method that adapts no maps has "-" for targets in a record, whatever the paper's row says."""
    rows = published.runnable(load())
    for row in rows:
        targets = row.target_names if methods.find()[row.method].adapts_sites else NO_TARGETS
        assert row in find(rows, row.benchmark, row.backbone, row.method, targets)


def test_a_score_has_the_digits_that_its_table_prints(rows):
    """VB-LoRA's table 2 prints a CIDEr of 2.50, of which YAML keeps 2.5."""
    (row,) = [r for r in of_tables(rows, [("vb_lora", 2)]) if r.scores["cider"].value == 2.5]
    assert (row.scores["cider"].text, row.scores["bleu"].decimals) == ("2.50", 1)
    (row,) = [r for r in of_tables(rows, [("fourierft", 3)]) if r.scores["nist"].value == 8.5]
    assert row.scores["nist"].printed == "8.50 ± 0.07"
