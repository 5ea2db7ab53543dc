"""What a run answered is kept, and gives its scores again: best, last and held-out, of every kind of task."""

from pathlib import Path

import numpy as np
import pytest
from support import tiny

from benchmarks.analysis import rescoring
from benchmarks.errors import SuiteError
from benchmarks.records import predictions, store
from benchmarks.tasks.build import of_record
from scripts import rescore


@pytest.fixture(autouse=True)
def own_cache(own_datasets_cache: None) -> None:
    pass


def finished(root: Path) -> list[Path]:
    found = sorted(root.rglob("records/**/*.json"))
    assert found
    return found


@pytest.mark.parametrize("task", ["glue/mrpc", "glue/cola", "glue/stsb"])
def test_stored_predictions_give_the_stored_scores(
    task: str, bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ["data.train_rows=48", "data.validation_rows=40", "seeds=[0,1]", "train.epochs=3", "method.lr=3e-3"]
    job = tiny.job("lora", bert, "embedded", tmp_path, f"task={task}", *more)
    assert tiny.command_line(monkeypatch, job) == 0
    paths = finished(tmp_path)
    assert len(paths) == 2
    for path in paths:
        record, own = store.read(path), predictions.read(path)
        assert own.best.shape == own.labels.shape == own.halves.shape == (40,)
        assert own.best.dtype == (np.float32 if task == "glue/stsb" else np.uint8)
        assert set(own.halves.tolist()) == {0, 1}
        again = rescoring.scores(own, of_record(record.config["task"]))
        assert again == pytest.approx(rescoring.stored(record.scores), abs=1e-6)
        assert predictions.place(path).stat().st_size < 2000
    assert rescore.main([str(path) for path in paths]) == 0
    one, other = (predictions.read(path) for path in paths)
    assert np.array_equal(one.labels, other.labels)
    assert not np.array_equal(one.best, other.best) or not np.array_equal(one.last, other.last)


def test_a_run_that_went_on_after_a_kill_keeps_every_epochs(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.training import checkpoint

    saved = checkpoint.save
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert tiny.command_line(monkeypatch, tiny.job("lora", bert, glue, whole)) == 0

    def killed(group, progress, path) -> None:
        saved(group, progress, path)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            tiny.command_line(patch, tiny.job("lora", bert, glue, cut))
    assert tiny.command_line(monkeypatch, tiny.job("lora", bert, glue, cut)) == 0
    (one,), (other,) = finished(whole), finished(cut)
    for name in ("best", "last", "held_out"):
        assert np.array_equal(getattr(predictions.read(one), name), getattr(predictions.read(other), name))


def test_a_file_of_something_else_is_one_line(tmp_path: Path) -> None:
    assert predictions.read(tmp_path / "record.json") is None
    predictions.place(tmp_path / "record.json").write_bytes(b"nothing")
    with pytest.raises(SuiteError, match="does not hold a run's predictions"):
        predictions.read(tmp_path / "record.json")
