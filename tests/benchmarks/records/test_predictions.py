"""What a run answered is kept, and gives its scores again: best, last and held-out, of every kind of task."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from support import tiny

from benchmarks.analysis import dev_scores
from benchmarks.errors import SuiteError
from benchmarks.records import predictions, store
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
        again = dev_scores.again(own, record.scores.primary, record.config["task"])
        assert again == pytest.approx(dev_scores.stored(record.scores), abs=1e-6)
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
        assert tiny.command_line(patch, tiny.job("lora", bert, glue, cut)) == 130
    assert tiny.command_line(monkeypatch, tiny.job("lora", bert, glue, cut)) == 0
    (one,), (other,) = finished(whole), finished(cut)
    for name in ("best", "last", "held_out"):
        assert np.array_equal(getattr(predictions.read(one), name), getattr(predictions.read(other), name))


WHOLE = {
    "labels": np.array([0, 1, 1, 0], np.uint8),
    "halves": np.array([0, 1, 0, 1], np.uint8),
    **{name: np.array([0, 1, 0, 0], np.uint8) for name in ("best", "last", "held_out")},
}
NUMBERS = np.array([0.0, 1.0, np.nan, 0.0], np.float32)
BROKEN = {
    "a missing array": ({"best": None}, "it lacks best"),
    "fewer answers": ({"last": WHOLE["last"][:3]}, r"last has the shape \[3\], and there are 4 labels"),
    "columns": ({"best": WHOLE["best"][:, None]}, r"best has the shape \[4, 1\]"),
    "answers that are nan": ({"held_out": NUMBERS}, "held_out holds numbers that are not finite"),
    "one half": ({"halves": np.zeros(4, np.uint8)}, "halves must name both halves of dev"),
    "three halves": ({"halves": np.array([0, 1, 2, 1], np.uint8)}, "halves must name both halves of dev"),
    "no rows": (dict.fromkeys(WHOLE, np.zeros(0, np.uint8)), "halves must name both halves of dev"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_arrays_that_no_run_answered_are_one_line(case: str, tmp_path: Path) -> None:
    change, complaint = BROKEN[case]
    arrays = {name: array for name, array in (WHOLE | change).items() if array is not None}
    file = predictions.place(tmp_path / "record.json")
    safetensors.numpy.save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, file)
    with pytest.raises(SuiteError, match=f"{file} does not hold a run's predictions \\({complaint}"):
        predictions.read(tmp_path / "record.json")


def test_a_file_of_something_else_is_one_line(tmp_path: Path) -> None:
    assert predictions.read(tmp_path / "record.json") is None
    predictions.place(tmp_path / "record.json").write_bytes(b"nothing")
    with pytest.raises(SuiteError, match="does not hold a run's predictions"):
        predictions.read(tmp_path / "record.json")
