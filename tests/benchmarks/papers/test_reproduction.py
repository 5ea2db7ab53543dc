"""Published rows as runs: which rows and tasks are chosen, and that every one composes."""

import pytest

from benchmarks import conf
from benchmarks.errors import SuiteError
from benchmarks.papers import published, recipes, reproduction


def test_every_published_row_composes_on_each_of_its_tasks() -> None:
    jobs = [(row, task) for row in published.load() for task in reproduction.tasks_of(row, [])]
    assert len(jobs) == 21 * 6 + 8 + 10 + 8
    for row, task in jobs[::7]:  # a sample: every row is composed for the ledger
        config = conf.composed(recipes.overrides(row, task))
        assert len(config.seeds) == {"glue": 5, "e2e": 3, "alpaca": 1, "math": 1}[row.benchmark]


def test_a_table_is_narrowed_by_backbone_and_method() -> None:
    narrowed = {"backbone": ["roberta-base"], "method": ["lora", "vb_lora"]}
    rows = reproduction.chosen_rows("vb_lora", "1", narrowed, conf.PUBLISHED)
    assert {(row.backbone, row.method) for row in rows} == {("roberta-base", "lora"), ("roberta-base", "vb_lora")}
    assert reproduction.tasks_of(rows[0], ["rte", "cola"]) == ["glue/cola", "glue/rte"]


def test_a_method_that_does_not_exist_is_named_with_the_nearest() -> None:
    row = published.load()[0].model_copy(update={"method": "loar"})
    with pytest.raises(SuiteError, match="method loar, which is unknown; nearest: lora; known: full, head, lora"):
        recipes.overrides(row)
