"""The command beside a row asks for the very runs that the records are of."""

import shlex
from pathlib import Path

import pytest
from support.record_factory import make_record

from benchmarks import conf
from benchmarks.records import store
from benchmarks.records.schema import Record
from benchmarks.report import made_by
from benchmarks.training import job

RECORDS = Path(__file__).parents[3] / "results" / "records"
FOLDERS = (
    "glue/mrpc/minilm/vb_lora-qv",
    "glue/rte/minilm/full",
    "alpaca/smollm2/lora-all",
    "e2e/smollm2/vera-all",
    "gsm8k/smollm2-135m/none",
)


def first_of(folder: str) -> Record:
    return store.read(store.files(RECORDS / folder)[0])


def without_null(settings: dict) -> dict:
    return {
        key: without_null(value) if isinstance(value, dict) else value
        for key, value in settings.items()
        if value is not None
    }


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_commands_config_is_the_records(folder: str) -> None:
    run = first_of(folder)
    made = made_by.command([run])
    python, script, *words = shlex.split(made.line)
    assert (python, script, made.fault) == ("python", "scripts/train.py", "")
    settings = job.read(conf.composed(words))
    names = settings.target_names() if run.targets != "-" else []
    config = settings.run_config(settings.points[0].method, names) | {"seed": settings.seeds[0]}
    recorded = {key: value for key, value in run.config.items() if key != "precision"}
    assert without_null(config) == without_null(recorded)
    assert (settings.backbone_name, settings.precision) == (run.backbone.name, run.environment.precision)
    assert (settings.data.train_rows, settings.data.validation_rows) == (run.data.train_rows, run.data.validation_rows)
    assert settings.data.root == "DIR"


def test_what_differs_from_conf_is_named_and_every_seed() -> None:
    runs = [run for path in store.files(RECORDS / FOLDERS[0]) if (run := store.read(path)).tuning is None]
    changed = runs[0].model_copy(deep=True)
    changed.config["method"]["rank"] = 3
    words = shlex.split(made_by.command([changed, *runs[1:]]).line)
    assert {"method.rank=3", "seeds=[0,1,2]"} <= set(words)
    assert "method.vectors=90" not in words


def test_a_setting_that_conf_does_not_know_gives_no_command() -> None:
    run = first_of(FOLDERS[0]).model_copy(deep=True)
    run.config["train"]["momentum"] = 0.9
    made = made_by.command([run])
    assert made.line == "" and "train.momentum" in made.fault


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({}, "there is no method alpha here"),
        ({"method": "lora", "task": "glue/none"}, "there is no task glue/none here"),
        ({"method": "lora", "backbone": "unheard"}, "no file in conf/backbone has the name unheard"),
    ],
)
def test_what_is_not_here_gives_no_command_and_the_reason(facts: dict, reason: str) -> None:
    made = made_by.command([make_record(**facts)])
    assert made.line == "" and reason in made.fault
