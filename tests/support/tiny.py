"""What the tests of whole runs share: jobs to compose, the command line inside this process, records read back."""

import sys
from dataclasses import fields
from pathlib import Path

import pytest
from omegaconf import DictConfig

import methods
from benchmarks import conf
from benchmarks.analysis import sheets
from benchmarks.records import schema
from benchmarks.training import job as reading
from benchmarks.training.settings import JobSettings
from scripts import train

# What fits a backbone whose maps are 32 and 64 wide, by hyperparameter, for whatever method has it.
FITTING = {"rank": 2, "frequencies": 8, "vectors": 12, "vector_length": 32}
TARGETS = "{qv:[query,value],all:[query,key,value,attention.output.dense,intermediate.dense,output.dense]}"
CLASSIFYING = [name for name, method in methods.find().items() if method.trains_head]
GENERATING = [n for n, m in methods.find().items() if m.adapts_sites or m.trains_backbone or not m.trains_head]
# Learning rates at which a Llama as small as the tests' learns in a few steps.
RATES = {"lora": "1e-2", "full": "1e-3", "tied_lora": "1e-2", "lora_xs": "1e-1", "vera": "2e-1"}
RATES |= {"lora_fa": "1e-2", "pissa": "1e-2", "dora": "1e-2"}
RATES |= {"randlora": "1e-1", "tinylora": "2e-2", "uni_lora": "1e-1"}
RATES |= {"bitfit": "1e-1", "fourierft": "1e-1", "ia3": "1e-1", "one_lora": "1e-2", "rasa": "1e-2", "svft": "1e-1"}
RATES["vb_lora"] = "{vector_bank:1e-2,logits:1e-2}"

# Methods that have between them all that methods may have: factors that are trained and that are frozen and shared, a
# vector in the middle and one at the end, rates by kind of tensor, gains of outputs and inputs, biases, a change that
# is no product. Where what is tested is not the method, but how it is trained, these stand for all.
KINDS = ["lora", "vera", "vb_lora", "dora", "fourierft", "ia3"]
SHARING = [name for name in CLASSIFYING if not methods.find()[name].trains_backbone]


def fitting(method: str) -> list[str]:
    known = {field.name for field in fields(methods.find()[method])}
    return [f"method.{key}={value}" for key, value in FITTING.items() if key in known]


def job(method: str, backbone: Path, data: Path | str, root: Path, *overrides: str) -> list[str]:
    """Return the overrides of a small job whose results and cache lie below ``root``; later ones win."""
    base = [
        f"method={method}",
        *fitting(method),
        "task=glue/mrpc",
        "backbone=encoder",
        f"backbone.path={backbone}",
        "backbone.name=tiny",
        f"backbone.targets={TARGETS}",
        f"data.root={data}",
        f"results={root}/results",
        f"cache={root}/cache",
        "precision=fp32",
        "wandb.mode=disabled",
        "train.epochs=2",
        "train.batch_size=8",
    ]
    chosen = dict(override.split("=", 1) for override in [*base, *overrides])
    return [f"{key}={value}" for key, value in chosen.items()]


def writing_job(method: str, backbone: Path, data: Path | str, root: Path, *overrides: str) -> list[str]:
    """Return the overrides of a small job of the task e2e on a GPT-2."""
    base = [
        "task=e2e",
        "backbone=gpt2-tiny",
        "backbone.random=false",
        "backbone.shape=null",
        "backbone.fused={c_attn:[q,k,v]}",
        "backbone.targets={all:[c_attn.q,c_attn.k,c_attn.v,attn.c_proj,mlp.c_fc,mlp.c_proj]}",
        "targets=all",
        "train.max_length=160",
        "train.warmup_steps=1",
        "task.decode.beams=2",
        "task.decode.max_new_tokens=12",
        "task.decode.instances=3",
    ]
    made = [override for override in job(method, backbone, data, root) if not override.startswith("backbone.targets")]
    chosen = dict(override.split("=", 1) for override in [*made, *base, *overrides])
    return [f"{key}={value}" for key, value in chosen.items()]


def instructing_job(method: str, backbone: Path, data: Path | str, root: Path, *overrides: str) -> list[str]:
    """Return the overrides of a small job of the task alpaca on a Llama, with an exam of three questions."""
    exam = "dataset:openai/gsm8k,config:main,split:test,revision:null,question:question,answer:answer,kind:number"
    base = [
        "task=alpaca",
        "backbone=decoder",
        "backbone.targets={all:[q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj]}",
        "targets=all",
        'task.train="train[:75%]"',
        'task.validation="train[75%:]"',
        f"+task.exams.gsm8k={{{exam}}}",
        "task.decode.max_new_tokens=8",
        "task.decode.instances=3",
        "train.max_length=320",
        "train.accumulate=null",
        "adapter.save=false",
    ]
    chosen = dict(override.split("=", 1) for override in [*job(method, backbone, data, root), *base, *overrides])
    return [f"{key}={value}" for key, value in chosen.items()]


def settings(overrides: list[str]) -> JobSettings:
    """Return a job's settings as they are read from a command line."""
    return reading.read(compose(overrides))


def compose(overrides: list[str]) -> DictConfig:
    return conf.composed(overrides)


def command_line(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> int:
    """Run ``python scripts/train.py`` in this process; return its exit status."""
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")  # so that what main sets is undone
    monkeypatch.setattr(sys, "argv", ["run", *arguments])
    try:
        return train.main()
    except SystemExit as end:
        return end.code or 0
    return 0


def read(root: Path) -> dict[int, schema.Record]:
    """Return the records of a job by seed; two of one seed are an error."""
    found = sheets.load(root / "results")
    by_seed = {record.seed: record for record in found}
    assert len(by_seed) == len(found)
    return by_seed


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """Return the one line that a refused command leaves on stderr."""
    capsys.readouterr()
    assert command_line(monkeypatch, arguments) == 2
    err = capsys.readouterr().err
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert "Traceback" not in line
    return line
