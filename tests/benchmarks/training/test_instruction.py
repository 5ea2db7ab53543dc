"""Whole runs of every method on instructions, and the exam after them."""

from pathlib import Path

import pytest
from support import tiny

import methods


@pytest.fixture(autouse=True)
def own_cache(own_datasets_cache: None) -> None:
    pass


@pytest.mark.parametrize("method", ["none", "full", *tiny.KINDS])
def test_a_method_learns_and_sits_an_exam(
    method: str, llama: Path, sums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = [f"method.lr={tiny.RATES[method]}"] if method in tiny.RATES else []
    shares = methods.find()[method].adapts_sites
    more = [*rate, f"seeds={[0, 1] if shares else [0]}", "train.schedule=constant"]
    assert tiny.command_line(monkeypatch, tiny.instructing_job(method, llama, sums, tmp_path, *more)) == 0
    found = tiny.read(tmp_path)
    assert len(found) == (2 if shares else 1)
    for record in found.values():
        assert record.status == "finished", record.error
        solved = record.exams["gsm8k"]
        assert solved.kind == "number"
        assert len(solved.predictions) == len(solved.answers) == 3
        assert all("####" in answer for answer in solved.answers)
        assert {"paper", "math_verify"} <= set(solved.marks)
        losses = [epoch.train_loss for epoch in record.epochs]
        assert len(losses) == 1 or losses[1] < losses[0] - 0.05


def test_parts_of_a_batch_are_the_batch(llama: Path, sums: Path, tmp_path: Path, monkeypatch) -> None:
    """Three parts of eight rows: not alike, and a last batch of fewer rows than parts would still be whole."""
    found = []
    for parts in ("null", "3", "8"):
        root = tmp_path / parts
        more = ("method.dropout=0.1", f"train.accumulate={parts}", "seeds=[0,1]")
        assert tiny.command_line(monkeypatch, tiny.instructing_job("lora", llama, sums, root, *more)) == 0
        found.append([epoch.train_loss for record in tiny.read(root).values() for epoch in record.epochs])
    assert found[1] == pytest.approx(found[0], abs=1e-5)
    assert found[2] == pytest.approx(found[0], abs=1e-5)


def test_computing_activations_again_changes_nothing(llama: Path, sums: Path, tmp_path: Path, monkeypatch) -> None:
    found = []
    for setting in ("null", "true"):
        root = tmp_path / setting
        more = ("method.dropout=0.1", f"train.gradient_checkpointing={setting}", "seeds=[0,1]")
        assert tiny.command_line(monkeypatch, tiny.instructing_job("lora", llama, sums, root, *more)) == 0
        found.append([(record.epochs, record.exams["gsm8k"].predictions) for record in tiny.read(root).values()])
    assert found[0] == found[1]


BAD = {
    "a template without a column": ({"task.templates": "['Do it.']"}, ["task.templates"]),
    "an exam of another kind": (
        {"++task.exams.gsm8k.kind": "essay"},
        ["task.exams.gsm8k.kind must be 'number' or 'expression', got essay"],
    ),
    "no length": ({"task.source_max_length": "0"}, ["task.source_max_length must be at least 1, or null, got 0"]),
    "no parts": ({"train.accumulate": "0"}, ["train.accumulate must be at least 1, or null, got 0"]),
    "an unknown optimizer": (
        {"train.optimizer": "sgd"},
        ["train.optimizer must be 'paged_adamw_32bit', or null, got sgd"],
    ),
    "an optimizer of another device": ({"train.optimizer": "paged_adamw_32bit"}, ["cpu", "train.optimizer=null"]),
    "a maybe": (
        {"train.gradient_checkpointing": "maybe"},
        ["train.gradient_checkpointing must be true or false, or null, got maybe"],
    ),
    "an exam that is not there": ({"data.root": "nowhere"}, ["data.root=nowhere", "alpaca-cleaned/"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(
    case: str, llama: Path, sums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    overrides, wanted = BAD[case]
    more = [f"{key}={value}" for key, value in overrides.items()]
    line = tiny.refused(monkeypatch, capsys, tiny.instructing_job("lora", llama, sums, tmp_path, *more))
    assert all(part in line for part in wanted), line
    assert not list(tmp_path.rglob("records/*"))
