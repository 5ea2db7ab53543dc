"""Methods compared in pairs, from records and predictions: who differs, and who is left out."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.answers import CLASSES, HALVES, ROWS, leave_answers
from support.record_factory import make_record, save

from benchmarks.analysis import comparisons, sheets
from benchmarks.analysis import rescoring as rescore
from benchmarks.errors import SuiteError
from benchmarks.records import predictions
from benchmarks.records.predictions import Predictions
from benchmarks.report import comparison_table as compare
from benchmarks.report import rank_figure as ranks
from benchmarks.tasks.build import of_record


def compared(root: Path, **settings) -> comparisons.Compared:
    (sheet,) = sheets.sheets_of(sheets.load(root))
    return comparisons.compare(sheet, root, **settings)


def test_methods_that_differ_are_told_apart_and_others_are_not(tmp_path: Path) -> None:
    for method, right in (("alpha", 0.9), ("beta", 0.7), ("gamma", 0.7)):
        leave_answers(tmp_path, method, right, seeds=5)
    found = compared(tmp_path)
    by_name = {(pair.one, pair.other): pair for pair in found.pairs}
    assert set(by_name) == {("alpha qv", "beta qv"), ("alpha qv", "gamma qv"), ("beta qv", "gamma qv")}
    assert all(by_name["alpha qv", other].corrected < 0.01 for other in ("beta qv", "gamma qv"))
    same = by_name["beta qv", "gamma qv"]
    assert same.corrected > 0.05 and same.overall.interval.holds(0.0)
    assert all(pair.corrected >= pair.overall.p for pair in found.pairs)
    assert next(iter(found.ranks)) == "alpha qv" and found.ranks["alpha qv"] == 1
    (group,) = ranks.alike(found.ranks, found.pairs)
    assert set(group) == {"beta qv", "gamma qv"}


def test_several_tasks_are_averaged(tmp_path: Path) -> None:
    for task in ("glue/mrpc", "glue/rte"):
        for method, right in (("alpha", 0.8), ("beta", 0.7)):
            leave_answers(tmp_path, method, right, task=task)
    (pair,) = compared(tmp_path).pairs
    values = [pair.by_task[task].interval.value for task in ("glue/mrpc", "glue/rte")]
    assert pair.overall.interval.value == pytest.approx(sum(values) / 2)
    assert pair.overall.error < max(own.error for own in pair.by_task.values())


def test_tasks_that_are_not_asked_for_leave_no_row_out(tmp_path: Path) -> None:
    for method, right in (("alpha", 0.8), ("beta", 0.7)):
        leave_answers(tmp_path, method, right)
    leave_answers(tmp_path, "alpha", 0.8, task="glue/rte")
    with pytest.raises(SuiteError, match="fewer than two rows"):
        compared(tmp_path)
    assert compare.main(["--root", str(tmp_path), "--tasks", "mrpc", "--write"]) == 0
    table = tmp_path / "tables" / "compare-glue-embedded-minilm-mrpc.md"
    assert "(../figures/ranks-glue-embedded-minilm-mrpc.png)" in table.read_text()
    own = compared(tmp_path, wanted=["mrpc"])
    assert (own.tasks, own.left_out, len(own.pairs)) == (["glue/mrpc"], [], 1)


def test_one_seed_of_an_accuracy_has_mcnemars_p_too(tmp_path: Path) -> None:
    for method, right in (("alpha", 0.9), ("beta", 0.7)):
        leave_answers(tmp_path, method, right, seeds=1)
    (pair,) = compared(tmp_path).pairs
    assert pair.mcnemar == pytest.approx(pair.overall.p, abs=0.01) and pair.mcnemar < 0.01
    leave_answers(tmp_path, "alpha", 0.9, seeds=2)
    leave_answers(tmp_path, "beta", 0.7, seeds=2)
    assert compared(tmp_path).pairs[0].mcnemar is None


def test_rows_that_cannot_be_compared_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for method in ("alpha", "beta"):
        leave_answers(tmp_path, method, 0.8)
    save(tmp_path, make_record("glue/mrpc", "old", "qv"))  # from before predictions were kept
    leave_answers(tmp_path, "gamma", 0.8, seeds=5)
    for record in leave_answers(tmp_path, "gamma", 0.8, seeds=3):
        (path,) = save(tmp_path, record)
        path.unlink()
    found = compared(tmp_path)
    assert len(found.pairs) == 1
    assert any("old qv: glue/mrpc, seed 0 left no predictions" in line for line in found.left_out)
    assert any("gamma qv share no seed on glue/mrpc" in line for line in found.left_out)
    assert compare.main(["--root", str(tmp_path)]) == 0
    assert "Left out, 3: " in capsys.readouterr().out


def test_formats_and_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for method, right in (("alpha", 0.9), ("beta", 0.7)):
        leave_answers(tmp_path, method, right)
    for kind in ("text", "markdown", "latex", "json"):
        assert compare.main(["--root", str(tmp_path), "--format", kind]) == 0
        shown = capsys.readouterr().out
        assert "alpha qv" in shown
    ((pair,),) = [sheet["pairs"] for sheet in json.loads(shown)]
    assert pair["overall"]["p"] < 0.05  # three seeds are few
    assert compare.main(["--root", str(tmp_path), "--write"]) == 0
    drawn = tmp_path / "figures" / "ranks-glue-embedded-minilm.png"
    assert "ranks-glue-embedded-minilm.png" in (tmp_path / "tables" / "compare-glue-embedded-minilm.md").read_text()
    before = drawn.read_bytes()
    assert before.startswith(b"\x89PNG")
    assert compare.main(["--root", str(tmp_path), "--write"]) == 0
    assert drawn.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--sheet", "glue-huge"], ["glue-huge", "there are: glue-embedded-minilm"]),
        (["--tasks", "mrpc,cola"], ["no task cola", "mrpc are there"]),
        (["--targets", "all"], ["fewer than two rows can be compared"]),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], wanted: list[str], tmp_path: Path, capsys) -> None:
    leave_answers(tmp_path, "alpha", 0.9)
    leave_answers(tmp_path, "beta", 0.9)
    assert compare.main(["--root", str(tmp_path), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert all(part in line for part in wanted)


def test_groups_are_of_neighbours_and_the_largest() -> None:
    class Told:
        def __init__(self, one: str, other: str, corrected: float) -> None:
            self.one, self.other, self.corrected = one, other, corrected

    names = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
    told = [Told("a", "c", 0.01), Told("a", "d", 0.001), Told("b", "d", 0.04), Told("a", "b", 0.2), Told("c", "d", 0.9)]
    told.append(Told("b", "c", 0.3))
    assert ranks.alike(names, told) == [("a", "b"), ("b", "c"), ("c", "d")]
    assert ranks.alike(names, []) == []  # nothing was tested
    assert ranks.alike(names, [Told("a", "b", 0.2), Told("a", "c", 0.2)]) == [("a", "b")]


def test_a_held_out_difference_is_that_of_the_stored_scores(tmp_path: Path) -> None:
    """Each half is scored on its own; the difference of two rows is that of their mean scores."""
    correlated = CLASSES | {"labels": None, "metric": "pearson_spearman", "primary": "pearson", "name": "glue/stsb"}
    labels = np.random.default_rng(3).random(ROWS).astype(np.float32) * 5
    wanted = []
    for method, noise in (("alpha", 0.5), ("beta", 2.0)):
        answered = labels + np.random.default_rng(4).normal(0, noise, ROWS)
        answered = np.where(HALVES == 0, answered, 3 * answered + 4)  # two epochs, of another scale each
        record = make_record("glue/stsb", method, "qv", 0, config={"task": correlated}, primary="pearson")
        (path,) = save(tmp_path, record)
        own, task = Predictions(labels, HALVES, answered, answered, answered), of_record(correlated)
        predictions.write(path, own, task.answers_classes)
        wanted.append(rescore.scores(own, task)["held_out"])
    (pair,) = compared(tmp_path).pairs
    assert pair.overall.interval.value == pytest.approx(wanted[0] - wanted[1], abs=0.01)
