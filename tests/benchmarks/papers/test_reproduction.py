"""Published rows as runs: which rows and tasks are chosen, and that every one composes."""

from pathlib import Path

import pytest
from rich.console import Console
from support import printed

from benchmarks import conf
from benchmarks.errors import SuiteError
from benchmarks.papers import published, recipes, reproduction


def test_every_published_row_composes_on_each_of_its_tasks() -> None:
    runnable = published.runnable(published.load())
    jobs = [(row, task) for row in runnable for task in reproduction.tasks_of(row, [])]
    # Of GLUE, its ablations twice, Uni-LoRA's records, E2E, its ranks, Alpaca twice, and MetaMathQA four times.
    assert len(jobs) == 38 * 6 + 14 + 2 * 2 + 11 + 17 + 11 + 10 + 9 + 8 + 5 + 6 + 9
    for row, task in jobs[::7]:  # a sample: every row is composed for the ledger
        config = conf.composed(recipes.overrides(row, task))
        usual = {"glue": 5, "e2e": 3, "alpaca": 1, "math": 1}[row.benchmark]
        assert len(config.seeds) == (3 if row.experiment == "pissa-table2" else usual)


TWICE = printed.table(
    """
- {backbone: minilm, method: lora, targets: qv, run_by: other, scores: {sst2: {value: 50}, cola: {value: 50}}}
- {backbone: minilm, method: lora, targets: qv, scores: {sst2: {value: 51}}}
"""
)


def test_a_setting_that_a_table_prints_in_two_rows_runs_once(tmp_path: Path) -> None:
    (tmp_path / "someone.yaml").write_text(TWICE)
    rows = reproduction.chosen_rows("someone", "1", {}, tmp_path)
    made = reproduction.planned(rows, [], [f"cache={tmp_path}", f"results={tmp_path}/results"], Console(quiet=True))
    assert [(planned.row.run_by, planned.task) for planned in made.jobs] == [
        ("other", "glue/sst2"),
        ("other", "glue/cola"),
    ]


def test_a_table_is_narrowed_by_backbone_and_method() -> None:
    narrowed = {"backbone": ["roberta-base"], "method": ["lora", "vb_lora"]}
    rows = reproduction.chosen_rows("vb_lora", "1", narrowed, conf.PUBLISHED)
    assert {(row.backbone, row.method) for row in rows} == {("roberta-base", "lora"), ("roberta-base", "vb_lora")}
    assert reproduction.tasks_of(rows[0], ["rte", "cola"]) == ["glue/cola", "glue/rte"]


def test_a_method_that_does_not_exist_is_named_with_the_nearest() -> None:
    row = published.runnable(published.load())[0].model_copy(update={"method": "loar"})
    with pytest.raises(
        SuiteError, match="method loar, which is unknown; nearest: lora; known: bitfit, dora, fourierft, full"
    ):
        recipes.overrides(row)


def test_an_ablations_settings_are_its_recipes() -> None:
    chosen = {"vb_lora 5": {"selection": "noisy_topk", "topk": 2}, "vb_lora 6": {"vector_length": 512, "vectors": 60}}
    for name, wanted in chosen.items():
        of_table = [row for row in published.load() if f"{row.source} {row.table}" == name]
        (row,) = [row for row in of_table if {f"method.{key}": value for key, value in wanted.items()} == row.settings]
        method = conf.composed(recipes.overrides(row)).method
        assert {key: method[key] for key in wanted} == wanted


def test_a_table_without_a_recipe_is_named_apart_from_an_unknown_one() -> None:
    with pytest.raises(
        SuiteError,
        match=r"table fourierft 4 has no row that the suite can run \(which settings .*\); known: fourierft 2",
    ):
        reproduction.chosen_rows("fourierft", "4", {}, conf.PUBLISHED)
    with pytest.raises(SuiteError, match="table fourierft 12 is unknown"):
        reproduction.chosen_rows("fourierft", "12", {}, conf.PUBLISHED)


def test_a_row_with_an_experiment_must_have_targets() -> None:
    row = published.runnable(published.load())[0].model_copy(update={"targets": None})
    with pytest.raises(SuiteError, match="a row of fourierft 2 has an experiment, so it must have targets"):
        recipes.overrides(row)
