"""Factors on a method's own learning rates: which runs they make, and what is no tuning."""

import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from accelerate import Accelerator
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from support import tiny

import methods
from benchmarks.errors import SuiteError
from benchmarks.tasks.build import build
from benchmarks.training import job as reading
from benchmarks.training import plan
from benchmarks.training.rates import points_of, scaled
from benchmarks.training.settings import Point

BOTH = {"lr": [0.3, 1, 3], "lr_head": [0.3, 1, 3]}
ON_GLUE = [name for name in tiny.CLASSIFYING if name != "head"]  # which has one rate there, and the others two
ON_TEXT = [name for name in tiny.GENERATING if name != "none"]


@cache
def _composed(*settings: str) -> DictConfig:
    return tiny.compose(list(settings))


def composed(method: str, task: str = "glue/rte", backbone: str = "minilm", **changes: Any) -> DictConfig:
    config = copy.deepcopy(_composed(f"task={task}", f"backbone={backbone}", f"method={method}"))
    for key, value in changes.items():
        OmegaConf.update(config, key.replace("__", "."), value, merge=False)
    return config


def points(config: DictConfig) -> list[Point]:
    settings = reading.read(config)
    return points_of(settings, build(settings.task), plan.method_of(settings))


def test_a_factor_multiplies_a_number_or_each_kinds() -> None:
    assert scaled(1e-3, 3) == 3e-3
    assert scaled({"vector_bank": 1e-3, "logits": 1e-2}, 0.3) == {"vector_bank": 3e-4, "logits": 3e-3}
    assert 3 * 0.1 != 0.3 and scaled(0.1, 3) == 0.3  # as a person writes it, and not as it is multiplied
    assert scaled(1 / 3, 0.5) == 0.166666666667


def test_a_factor_of_one_leaves_a_rate_as_it_is_written() -> None:
    assert scaled(1 / 3, 1) == 1 / 3
    assert isinstance(scaled(1, 1.0), int)  # which an identity tells from 1.0


def test_a_point_names_rates_and_factors_and_the_default_is_the_job_itself() -> None:
    once, twice = {"vector_bank": 0.005, "logits": 0.01}, {"vector_bank": 0.01, "logits": 0.02}
    config = composed("vb_lora", method__lr=once, method__lr_head=0.003, tune__grid={"lr_head": [1, 3], "lr": [1, 2]})
    method = OmegaConf.to_container(config.method)
    assert points(config) == [
        Point(method=method),
        Point(method=method | {"lr": twice}, factors={"lr": 2, "lr_head": 1.0}),
        Point(method=method | {"lr_head": 0.009}, factors={"lr": 1, "lr_head": 3}),
        Point(method=method | {"lr_head": 0.009, "lr": twice}, factors={"lr": 2, "lr_head": 3}),
    ]


def test_a_rate_that_follows_another_in_a_recipe_is_not_multiplied_with_it() -> None:
    """LoRA's on RoBERTa: the head's is the adapter's."""
    config = composed("lora", backbone="roberta-base", tune__grid={"lr": [1, 3]})
    assert config.method.lr_head == config.method.lr == 5e-4
    (_, point) = points(config)
    assert (point.method["lr"], point.method["lr_head"]) == (1.5e-3, 5e-4)


def test_every_method_that_trains_gets_as_many_configurations() -> None:
    glue = {name: len(points(composed(name, tune__grid=BOTH))) for name in ON_GLUE}
    head = {name: len(points(composed(name, tune__grid={"lr_head": [0.3, 1, 3]}))) for name in tiny.CLASSIFYING}
    text = {
        name: len(points(composed(name, "e2e", "smollm2-135m", tune__grid={"lr": [0.3, 1, 3]}))) for name in ON_TEXT
    }
    assert set(glue.values()) == {9} and set(head.values()) == set(text.values()) == {3}
    found = methods.find().items()
    assert {*glue, *head, *text} == {n for n, m in found if m.adapts_sites or m.trains_backbone or m.trains_head}


REFUSED = {
    "other rates": ("lora", {"lrs": [1, 3]}, "may hold lr and lr_head alone, got lrs"),
    "a number": ("lora", {"lr": 3}, "lr must be a list of factors, got 3"),
    "a word": ("lora", "lr", "must hold factors on rates, got tune.grid=lr: say tune.grid="),
    "a list": ("lora", [1, 3], "must hold factors on rates"),
    "nothing": ("lora", {}, "must hold factors on rates, got tune.grid={}"),
    "no factors": ("lora", {"lr": []}, r"factors of lr must include 1, .*, got \[\]"),
    "a factor below zero": ("lora", {"lr": [1, -3]}, "a factor of lr must be a finite number above 0, got -3"),
    "a factor of zero": ("lora", {"lr_head": [0, 1]}, "a factor of lr_head must be .*, got 0"),
    "a factor without end": ("lora", {"lr": [1, float("inf")]}, "a factor of lr must be .*, got inf"),
    "a factor that is no number": ("lora", {"lr": [1, float("nan")]}, "a factor of lr must be .*, got nan"),
    "a factor in words": ("lora", {"lr": [1, "three"]}, "a factor of lr must be .*, got three"),
    "yes": ("lora", {"lr": [1, True]}, "a factor of lr must be .*, got True"),
    "a factor twice": ("lora", {"lr": [1, 3, 3.0]}, "lr has the factor 3 twice: give each factor once"),
    "no default": (
        "lora",
        {"lr": [1, 3], "lr_head": [0.3, 3]},
        r"factors of lr_head must include 1, the default .*, got \[0.3, 3\]",
    ),
    "a rate of nothing": (
        "head",
        BOTH,
        "has lr, but method=head trains nothing at that rate on glue/rte: tune lr_head",
    ),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_is_no_tuning_is_one_line(case: str) -> None:
    method, grid, complaint = REFUSED[case]
    with pytest.raises(SuiteError, match=complaint) as caught:
        points(composed(method, tune__grid=grid))
    assert "\n" not in str(caught.value)


def test_a_rate_that_is_none_is_refused_before_it_is_multiplied() -> None:
    with pytest.raises(SuiteError, match=r"tune\.grid: a learning rate must be a finite number of at least 0, got abc"):
        points(composed("lora", method__lr="abc", tune__grid=BOTH))


def test_rates_that_are_named_are_not_multiplied_too() -> None:
    with pytest.raises(SuiteError, match=r"grid and tune.grid are both given: .* leave one out"):
        points(composed("lora", grid={"method.lr": [1e-3]}, tune__grid=BOTH))


@pytest.mark.parametrize(
    ("method", "grid", "complaint"),
    [("none", {"lr": [1, 3]}, "method=none has no learning rate"), ("lora", BOTH, "has lr_head, but method=lora")],
)
def test_without_a_head_its_rate_is_no_rate(method: str, grid: dict, complaint: str) -> None:
    with pytest.raises(SuiteError, match=complaint):
        points(composed(method, "e2e", "smollm2-135m", tune__grid=grid))


def runs(config: DictConfig) -> list[plan.Run]:
    return plan.runs_of(plan.prepare(reading.read(config), Accelerator(), Console(quiet=True)))


@pytest.mark.parametrize("method", ["lora", "vb_lora"])
def test_the_default_runs_are_those_that_there_would_be_without_a_tuning(
    method: str, bert: Path, glue: Path, tmp_path: Path
) -> None:
    job = tiny.job(method, bert, glue, tmp_path, "seeds=[0,1]")
    plain = runs(tiny.compose(job))
    tuned = runs(tiny.compose([*job, "tune.grid={lr:[0.3,1],lr_head:[1,3]}"]))
    default = [run for run in tuned if run.tuning is None]
    assert default == plain and len(tuned) == 8
    others = [run for run in tuned if run.tuning is not None]
    assert [run.tuning.default for run in others] == [plain[run.config["seed"]].identity for run in others]
    assert [run.label for run in tuned] == [
        f"seed {seed}{apart}" for apart in (", lr x0.3", ", lr x0.3, lr_head x3", "", ", lr_head x3") for seed in (0, 1)
    ]
    assert len({run.identity for run in tuned}) == len({run.path for run in tuned}) == 8
    # What it is tried for is no part of what a run is: the same rates by name are the same run.
    rate = others[0].config["method"]["lr"]
    named = [f"method.lr.{kind}={own}" for kind, own in rate.items()] if method == "vb_lora" else [f"method.lr={rate}"]
    assert [run.identity for run in runs(tiny.compose([*job, *named]))] == [run.identity for run in others[:2]]
