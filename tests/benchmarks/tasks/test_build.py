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
    settings = OmegaConf.to_container(config.task, resolve=True)
    task = build(settings)
    assert type(task).__name__.lower() == settings["kind"]
    asked = job.read(config)
    recorded = asked.run_config(asked.method, [])["task"]
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
        ({"labls": []}, "task.labls is not a setting; nearest: labels; known: name, dataset, config, "),
        ({"kind": "generation"}, r"task.revision is missing"),
        ({"labels": [False, True]}, r"^task.labels.0 must be text, got false, which YAML also makes of .* in quotes$"),
        ({"labels": "yes"}, r"^task.labels must be a list, or null, got yes$"),
        ({"labels": ["yes"]}, r"^task.labels must have at least 2, or null, got \['yes'\]$"),
        ({"labels": ["yes", "yes"]}, r"^task.labels must name each class once, got yes, yes$"),
        ({"text": "sentence1"}, r"^task.text must be a list, got sentence1$"),
        ({"text": []}, r"^task.text must have at least 1, got \[\]$"),
        ({"metric": "f1"}, "task.metric=f1 is unknown; nearest: accuracy_f1; available: accuracy, "),
    ],
)
def test_a_wrong_setting_is_named_with_the_nearest_right_one(mrpc: dict, change: dict, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        build(mrpc | change)


def test_a_missing_setting_is_named(mrpc: dict) -> None:
    del mrpc["metric"]
    with pytest.raises(SuiteError, match=r"^task.metric is missing$"):
        build(mrpc)


def test_decode_must_be_a_set_of_settings() -> None:
    settings = OmegaConf.to_container(composed("alpaca").task, resolve=True)
    with pytest.raises(SuiteError, match=r"^task.decode must be a mapping, got 4$"):
        build(settings | {"decode": 4})
    for wrong, message in (
        ({"beems": 4}, r"^task.decode.beems is not a setting; nearest: beams; "),
        ({"beams": 0}, r"^task.decode.beams must be at least 1, got 0$"),
        ({"instances": 0}, r"^task.decode.instances must be at least 1, or null, got 0$"),
        ({"length_penalty": "high"}, r"^task.decode.length_penalty must be a number, got high$"),
    ):
        with pytest.raises(SuiteError, match=message):
            build(settings | {"decode": settings["decode"] | wrong})


def test_an_instruction_task_checks_its_templates_and_exams() -> None:
    settings = OmegaConf.to_container(composed("math").task, resolve=True)
    exam = settings["exams"]["math"]
    for wrong, message in (
        ({"templates": ["no column"]}, r"^task.templates must end with a template that has a single \{column\}: "),
        ({"exams": {"math": exam | {"kind": "essay"}}}, r"^task.exams.math.kind must be 'number' or 'expression', got"),
        ({"exams": {"math": exam | {"stop": "x"}}}, r"^task.exams.math.stop is not a setting; nearest: stops; "),
        ({"target_max_length": 0}, r"^task.target_max_length must be at least 1, or null, got 0$"),
    ):
        with pytest.raises(SuiteError, match=message):
            build(settings | wrong)
    assert build(settings | {"exams": {"math": exam, "gsm8k": None}}).exams.keys() == {"math"}


def test_settings_of_no_kind_are_refused(mrpc: dict) -> None:
    del mrpc["kind"]
    with pytest.raises(SuiteError, match=r"settings colour, config, .*, which fit no kind of task: classif"):
        of_record(mrpc | {"colour": "blue"})
