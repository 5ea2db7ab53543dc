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
from benchmarks.training import job as plan
from benchmarks.training.rates import Point, points_of, scaled

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
    task = build(OmegaConf.to_container(config.task, resolve=True))
    return points_of(config, task, plan.method_of(config))


def test_a_factor_multiplies_a_number_or_each_kinds() -> None:
    assert scaled(1e-3, 3) == 3e-3
    assert scaled({"vector_bank": 1e-3, "logits": 1e-2}, 0.3) == {"vector_bank": 3e-4, "logits": 3e-3}
    assert 3 * 0.1 != 0.3 and scaled(0.1, 3) == 0.3  # as a person writes it, and not as it is multiplied
    assert scaled(1 / 3, 0.5) == 0.166666666667


def test_a_factor_of_one_leaves_a_rate_as_it_is_written() -> None:
    assert scaled(1 / 3, 1) == 1 / 3
    assert isinstance(scaled(1, 1.0), int)  # which an identity tells from 1.0


def test_a_point_names_rates_and_factors_and_the_default_is_the_job_itself() -> None:
    own, twice = {"vector_bank": 0.005, "logits": 0.01}, {"vector_bank": 0.01, "logits": 0.02}
    rates = {"method__lr": own, "method__lr_head": 0.003}
    assert points(composed("vb_lora", **rates, tune__grid={"lr_head": [1, 3], "lr": [1, 2]})) == [
        Point(),
        Point({"method.lr_head": 0.003, "method.lr": twice}, {"lr": 2, "lr_head": 1.0}),
        Point({"method.lr_head": 0.009, "method.lr": own}, {"lr": 1, "lr_head": 3}),
        Point({"method.lr_head": 0.009, "method.lr": twice}, {"lr": 2, "lr_head": 3}),
    ]


def test_a_rate_that_follows_another_in_a_recipe_is_not_multiplied_with_it() -> None:
    """LoRA's on RoBERTa: the head's is the adapter's."""
    config = composed("lora", backbone="roberta-base", tune__grid={"lr": [1, 3]})
    assert config.method.lr_head == config.method.lr == 5e-4
    (_, point) = points(config)
    assert point.settings == {"method.lr": 1.5e-3, "method.lr_head": 5e-4}


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
    "other rates": ("lora", {"lrs": [1, 3]}, "has lrs, and multiplies lr and lr_head alone"),
    "a number": ("lora", {"lr": 3}, "has lr: 3, which is no list of factors"),
    "a word": ("lora", "lr", "tune.grid=lr multiplies no rates: say tune.grid="),
    "a list": ("lora", [1, 3], "multiplies no rates"),
    "nothing": ("lora", {}, "tune.grid={} multiplies no rates"),
    "no factors": ("lora", {"lr": []}, r"has lr: \[\] without 1"),
    "a factor below zero": ("lora", {"lr": [1, -3]}, "has lr: -3, which is no factor above 0"),
    "a factor of zero": ("lora", {"lr_head": [0, 1]}, "has lr_head: 0, which"),
    "a factor without end": ("lora", {"lr": [1, float("inf")]}, "has lr: inf, which"),
    "a factor that is no number": ("lora", {"lr": [1, float("nan")]}, "has lr: nan, which"),
    "a factor in words": ("lora", {"lr": [1, "three"]}, "has lr: three, which"),
    "yes": ("lora", {"lr": [1, True]}, "has lr: True, which"),
    "a factor twice": ("lora", {"lr": [1, 3, 3.0]}, "has lr: 3 twice: give each factor once"),
    "no default": ("lora", {"lr": [1, 3], "lr_head": [0.3, 3]}, r"has lr_head: \[0.3, 3\] without 1, the default"),
    "a rate of nothing": ("head", BOTH, "has lr, at which method=head trains nothing on glue/rte: .* tune lr_head"),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_is_no_tuning_is_one_line(case: str) -> None:
    method, grid, complaint = REFUSED[case]
    with pytest.raises(SuiteError, match=complaint) as caught:
        points(composed(method, tune__grid=grid))
    assert "\n" not in str(caught.value)


def test_a_rate_that_is_none_is_refused_before_it_is_multiplied() -> None:
    with pytest.raises(SuiteError, match=r"tune\.grid: the learning rate abc is no number"):
        points(composed("lora", method__lr="abc", tune__grid=BOTH))


def test_rates_that_are_named_are_not_multiplied_too() -> None:
    with pytest.raises(SuiteError, match=r"grid and tune.grid are both given: .* null one"):
        points(composed("lora", grid={"method.lr": [1e-3]}, tune__grid=BOTH))


@pytest.mark.parametrize(
    ("method", "grid", "complaint"),
    [("none", {"lr": [1, 3]}, "method=none has no learning rate"), ("lora", BOTH, "has lr_head, at which method=lora")],
)
def test_without_a_head_its_rate_is_no_rate(method: str, grid: dict, complaint: str) -> None:
    with pytest.raises(SuiteError, match=complaint):
        points(composed(method, "e2e", "smollm2-135m", tune__grid=grid))


def runs(config: DictConfig) -> list[plan.Run]:
    return plan.runs_of(plan.prepare(config, Accelerator(), Console(quiet=True)))


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
