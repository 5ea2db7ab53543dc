"""The model card: what it says is what the run's record holds, and its snippet loads the adapter."""

import os
import re
from pathlib import Path

import pytest
import torch
import yaml
from support import tiny
from support.adapter_factory import PRODUCTS, leave, logits, own_logits

from benchmarks.models import saved
from benchmarks.models.peft import card
from scripts import export

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


@pytest.fixture(params=["bert", "llama", "gpt2"])
def backbone(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def exported(directory: Path, root: Path, *more: str) -> tuple[Path, str, dict]:
    """Export an adapter; return the folder, its card and the card's head."""
    out = root / "exported"
    arguments = ["--to", "peft", "--out", str(out), "--cache", str(root / "cache"), *more]
    assert export.main([str(directory), *arguments]) == 0
    text = (out / "README.md").read_text()
    return out, text, yaml.safe_load(text.split("---\n")[1])


def snippet(text: str) -> str:
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return code


@pytest.mark.parametrize("method", PRODUCTS[:2])
def test_the_snippet_gives_the_runs_logits(
    method: str, backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = leave(method, backbone, tmp_path)
    out, text, _ = exported(directory, tmp_path)
    monkeypatch.chdir(out)
    names: dict = {}
    exec(snippet(text), names)
    assert names["logits"].isfinite().all()
    expected = own_logits(directory, tmp_path / "cache")
    torch.testing.assert_close(logits(names["model"]), expected, rtol=0, atol=1e-5)


def test_it_says_what_the_record_holds(bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tiny.command_line(monkeypatch, tiny.job("vb_lora", bert, glue, tmp_path, "adapter.save=true")) == 0
    record = tiny.read(tmp_path)[0]
    (run,) = tmp_path.rglob("adapter.json")
    _, text, head = exported(run.parent, tmp_path, "--license", "mit")
    assert head["license"] == "mit" and head["library_name"] == "peft" and "base_model" not in head
    assert head["tags"] == ["peft", "lora", "vb_lora", "glue/mrpc"]
    assert head["datasets"] == record.config["task"]["dataset"]
    scores, counts = record.scores, record.parameters
    for name, value in (("best", scores.best), ("last", scores.last), ("held-out", scores.held_out)):
        assert f"| {name} | {100 * value:.1f} |" in text
    assert f"stores {counts.stored:,.15g}" in text and f"in {counts.adapter_bytes:,} bytes" in text
    for fact in (record.identity, record.data.fingerprint, record.backbone.fingerprint, "VB-LoRA: Li, Han and Ji"):
        assert fact in text


def test_without_a_record_it_says_that_it_does_not_know(bert: Path, tmp_path: Path) -> None:
    _, text, head = exported(leave("lora", bert, tmp_path), tmp_path)
    assert "Unknown: the run's record" in text and "license" not in head and "None was given" in text
    assert not re.search(r"\| (best|last|held-out) \|", text)


def test_names_that_people_choose_are_no_markup(bert: Path, tmp_path: Path) -> None:
    directory = leave("lora", bert, tmp_path)
    run = saved.find(directory)
    evil = "x]\n---\n# <script>`alert`</script> [a](http://b)"
    out, _, _ = exported(directory, tmp_path)
    run.run["task"] |= {"name": evil, "dataset": evil}
    run.backbone["path"] = str(bert)
    card.write(out, run, None, None)
    text = (out / "README.md").read_text()
    head, body = text.removeprefix("---\n").split("\n---\n", 1)
    assert yaml.safe_load(head)["datasets"] == evil
    (title,) = [line for line in body.splitlines() if line.startswith("# ")]
    assert title == "# LoRA on `x] --- # <script>'alert'</script> [a](http://b)`"
    assert os.listdir(out)
