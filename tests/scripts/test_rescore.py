"""The command that computes scores again: from predictions, from texts and from an exam's answers."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support import tiny

from benchmarks.records import predictions, store
from benchmarks.tasks import embedded
from scripts import rescore

COMMITTED = Path(__file__).parents[2] / "results" / "records" / "glue" / "mrpc" / "minilm"


@pytest.fixture(autouse=True)
def own_cache(own_datasets_cache: None) -> None:
    pass


@pytest.mark.parametrize("kind", ["text", "markdown", "json", "latex"])
def test_a_committed_run_has_its_stored_scores(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = [path for path in COMMITTED.glob("lora-qv/seed0-*.json") if store.read(path).tuning is None]
    assert rescore.main([str(path), "--format", kind]) == 0
    told = capsys.readouterr().out
    best = f"{100 * store.read(path).scores.best:.1f}"
    assert told.count(path.stem) == 3 and best in told and "DIFFERS" not in told
    if kind == "json":
        first, *_ = json.loads(told)
        expected = {"scored": "dev, best", "by": "accuracy", "stored": best, "now": best, "same": True}
        assert first == {"record": path.stem} | expected


def test_a_record_is_scored_again_from_itself(
    llama: Path, sums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert tiny.command_line(monkeypatch, tiny.instructing_job("none", llama, sums, tmp_path)) == 0
    (path,) = tmp_path.rglob("records/**/*.json")
    assert rescore.main([str(path)]) == 0
    record = store.read(path)
    # The same record of a run that knew two of the three answers, and its scores as they were before.
    solved = record.exams["gsm8k"]
    right = [f"The answer is: {answer.partition('#### ')[2]}" for answer in solved.answers]
    knowing = solved.model_copy(update={"predictions": [*right[:2], "Nobody knows."]})
    store.write(path, record.model_copy(update={"exams": {"gsm8k": knowing}}))
    capsys.readouterr()
    assert rescore.main([str(path)]) == 1
    told = capsys.readouterr().out
    assert told.count("66.7 [20.8, 93.9], 1 unread  DIFFERS") == len(solved.marks)
    assert told.count("0.0 [0.0, 56.1]") == len(solved.marks)
    assert told.count("log_likelihood") == 3 and told.count("DIFFERS") == len(solved.marks)
    predictions.place(path).unlink()
    store.write(path, record.model_copy(update={"exams": {}}))
    assert rescore.main([str(path)]) == 2
    said = capsys.readouterr()
    assert "cannot be scored again" in said.err and "written before predictions were kept" in said.err
    assert said.out == ""


def test_texts_are_scored_again_on_their_own_references(
    gpt2: Path, restaurants: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job = tiny.writing_job("lora", gpt2, restaurants, tmp_path, "train.schedule=constant", "method.lr=1e-2")
    assert tiny.command_line(monkeypatch, job) == 0
    (path,) = tmp_path.rglob("records/**/*.json")
    cache = ["--cache", str(tmp_path / "cache")]
    root = ["--data-root", str(restaurants)]
    assert rescore.main([str(path), *root, *cache]) == 0
    assert "3 instances" in capsys.readouterr().out
    record = store.read(path)
    (test,) = restaurants.rglob("test*.parquet")
    changed = [*record.generation.predictions[:-1], pq.read_table(test)["human_reference"][-1].as_py()]
    written = record.generation.model_copy(update={"predictions": changed})
    store.write(path, record.model_copy(update={"generation": written}))
    assert rescore.main([str(path), *root, *cache]) == 1
    assert "DIFFERS" in capsys.readouterr().out
    assert rescore.main([str(path), *cache]) == 2
    assert "--data-root DIR" in capsys.readouterr().err
    assert rescore.main([str(path), "--data-root", str(embedded.write(tmp_path, "e2e_nlg")), *cache]) == 2
    assert "other rows of" in capsys.readouterr().err
