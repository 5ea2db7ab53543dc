"""A task is built from the settings of its file in conf/task, or of a record."""

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from support import tiny

from benchmarks.conf import ROOT, options
from benchmarks.errors import SuiteError
from benchmarks.tasks.build import build, kinds, of_record
from benchmarks.training import job

RECORDS = sorted((Path(__file__).parents[3] / ROOT / "records").rglob("*.json"))
NAMES = options("task")


def composed(name: str):
    return tiny.compose([f"task={name}", "method=lora", "backbone=smollm2-135m"])


@pytest.fixture
def mrpc() -> dict:
    return OmegaConf.to_container(composed("glue/mrpc").task, resolve=True)


def test_the_kinds_are_the_modules_that_name_a_class_after_themselves() -> None:
    assert kinds() == ["classification", "generation", "instruction"]


@pytest.mark.parametrize("name", NAMES)
def test_a_task_says_its_kind_which_is_no_part_of_a_runs_config(name: str) -> None:
    config = composed(name)
    config.backbone.targets = {"qv": ["q_proj"]}
    settings = OmegaConf.to_container(config.task, resolve=True)
    task = build(settings)
    assert type(task).__name__.lower() == settings["kind"]
    recorded = job.settings_of(config)["task"]
    assert "kind" not in recorded
    assert of_record(recorded) == of_record(settings) == task


def test_every_committed_record_has_a_task() -> None:
    assert len(RECORDS) > 90
    for file in RECORDS:
        record = json.loads(file.read_text())
        assert of_record(record["config"]["task"]).name == record["task"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "clasification"}, "task.kind=clasification is unknown; nearest: classification; available: "),
        ({"kind": "text"}, "task.kind=text is unknown"),  # a base class
        ({"labls": []}, "task.labls is unknown; nearest: labels; available: config, dataset, label, "),
        ({"kind": "generation"}, "task.label is unknown; nearest: "),
        ({"metric": "f1"}, "task.metric=f1 is unknown; nearest: accuracy_f1; available: accuracy, "),
    ],
)
def test_a_wrong_setting_is_named_with_the_nearest_right_one(mrpc: dict, change: dict, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        build(mrpc | change)


def test_a_missing_setting_is_named(mrpc: dict) -> None:
    del mrpc["metric"]
    with pytest.raises(SuiteError, match="task lacks metric; it needs config, dataset, "):
        build(mrpc)


def test_decode_must_be_a_set_of_settings() -> None:
    settings = OmegaConf.to_container(composed("alpaca").task, resolve=True)
    with pytest.raises(SuiteError, match=r"task.decode=4 must be a set of settings; give them one by one: beams, "):
        build(settings | {"decode": 4})
    with pytest.raises(SuiteError, match=r"task.decode.beems is unknown; nearest: beams; "):
        build(settings | {"decode": settings["decode"] | {"beems": 4}})


def test_settings_of_no_kind_are_refused(mrpc: dict) -> None:
    del mrpc["kind"]
    with pytest.raises(SuiteError, match=r"settings colour, config, .*, which are those of no kind of task: classif"):
        of_record(mrpc | {"colour": "blue"})
