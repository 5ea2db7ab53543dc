"""Methods compared in pairs, from records and predictions: who differs, and who is left out."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from support.answers import CLASSES, HALVES, LABELS, ROWS, leave, leave_answers
from support.record_factory import make_record, save

from benchmarks.analysis import comparisons, dev_scores, parts, sheets
from benchmarks.analysis.intervals import Interval
from benchmarks.errors import SuiteError
from benchmarks.records import predictions
from benchmarks.records.predictions import Predictions
from benchmarks.records.schema import LOG_LIKELIHOOD
from benchmarks.tasks.scoring import glue


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
    assert next(iter(found.ranks)) == "alpha qv" and found.ranks["alpha qv"] == Interval(1, 1, 1)
    (group,) = comparisons.alike(found.ranks, found.pairs)
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


def test_mcnemars_p_is_that_of_the_rows_that_one_run_alone_has_right(tmp_path: Path) -> None:
    """12 rows of one run and 3 of the other: 2 (1 + 15 + 105 + 455) / 2^15."""
    for method, wrong in (("alpha", slice(0, 3)), ("beta", slice(3, 15))):
        answers = LABELS.copy()
        answers[wrong] = 1 - answers[wrong]
        leave(tmp_path, method, [answers])
    (pair,) = compared(tmp_path, score="best").pairs
    assert pair.mcnemar == pytest.approx(0.03515625)


def test_on_one_task_the_p_is_that_tasks_own(tmp_path: Path) -> None:
    """One right and the other wrong everywhere: a sign test over the rows, and no certainty."""
    leave(tmp_path, "alpha", [LABELS] * 2)
    leave(tmp_path, "beta", [1 - LABELS] * 2)
    (pair,) = compared(tmp_path, score="best").pairs
    assert pair.overall.p == 2.0 ** (1 - ROWS)


def test_rows_that_cannot_be_compared_are_named(tmp_path: Path) -> None:
    for method in ("alpha", "beta"):
        leave_answers(tmp_path, method, 0.8)
    save(tmp_path, make_record("glue/mrpc", "old", "qv"))  # from before predictions were kept
    leave_answers(tmp_path, "gamma", 0.8, seeds=5)
    for record in leave_answers(tmp_path, "gamma", 0.8, seeds=3):
        (path,) = save(tmp_path, record)
        path.unlink()
    found = compared(tmp_path)
    assert len(found.pairs) == 1
    assert any("old qv: glue/mrpc, seed 0 has no predictions" in line for line in found.left_out)
    assert any("gamma qv share no seed on glue/mrpc" in line for line in found.left_out)


NAN = np.full(ROWS, np.nan, np.float32)
WRONG = {
    "of another run": (lambda kept: replace(kept, held_out=1 - kept.held_out), "gives held_out 0."),
    "of other epochs": (lambda kept: replace(kept, best=kept.labels), "gives best 1, and its record has 0."),
    "that are nan": (lambda kept: replace(kept, best=NAN), "best holds numbers that are not finite"),
    "with one half": (lambda kept: replace(kept, halves=0 * kept.halves), "halves must name both halves of dev"),
    "with one answer more": (lambda kept: replace(kept, last=np.append(kept.last, 1)), "last has the shape [201]"),
    "of other rows": (
        lambda kept: Predictions(*(getattr(kept, field.name)[::-1] for field in fields(kept))),
        "has other labels or halves than most runs on glue/mrpc",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_predictions_that_are_not_the_runs_leave_its_row_out(case: str, tmp_path: Path) -> None:
    for method in ("alpha", "beta", "gamma"):
        records = leave_answers(tmp_path, method, 0.8)
    change, complaint = WRONG[case]
    (path,) = save(tmp_path, records[1])
    predictions.write(path, change(predictions.read(path)), classes=case != "that are nan")
    found = compared(tmp_path)
    assert [(pair.one, pair.other) for pair in found.pairs] == [("alpha qv", "beta qv")]
    (line,) = found.left_out
    assert line.startswith(f"gamma qv: {predictions.place(path)} ") and complaint in line and "\n" not in line


def test_predictions_of_another_task_are_not_compared(tmp_path: Path) -> None:
    for task, right in (("glue/mrpc", 0.8), ("glue/rte", 0.6)):
        for method in ("alpha", "beta", "gamma"):
            leave_answers(tmp_path, method, right, task=task)
    mrpc, rte = (sorted((tmp_path / "records" / "glue" / task).rglob("*.safetensors")) for task in ("mrpc", "rte"))
    mrpc[0].write_bytes(rte[0].read_bytes())
    assert [line.partition(":")[0] for line in compared(tmp_path).left_out] == ["alpha qv"]


def test_groups_are_of_neighbours_and_the_largest() -> None:
    class Told:
        def __init__(self, one: str, other: str, corrected: float) -> None:
            self.one, self.other, self.corrected = one, other, corrected

    names = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
    told = [Told("a", "c", 0.01), Told("a", "d", 0.001), Told("b", "d", 0.04), Told("a", "b", 0.2), Told("c", "d", 0.9)]
    told.append(Told("b", "c", 0.3))
    assert comparisons.alike(names, told) == [("a", "b"), ("b", "c"), ("c", "d")]
    assert comparisons.alike(names, []) == []  # nothing was tested
    assert comparisons.alike(names, [Told("a", "b", 0.2), Told("a", "c", 0.2)]) == [("a", "b")]
    assert comparisons.alike(names, [Told("a", "b", 0.05)]) == [("a", "b")]  # told apart below the level, not at it


def test_a_held_out_difference_is_that_of_the_stored_scores(tmp_path: Path) -> None:
    """Each half is scored on its own; the difference of two rows is that of their mean scores."""
    correlated = CLASSES | {"labels": None, "metric": "pearson_spearman", "primary": "pearson", "name": "glue/stsb"}
    labels = np.random.default_rng(3).random(ROWS).astype(np.float32) * 5
    wanted = []
    for method, noise in (("alpha", 0.5), ("beta", 2.0)):
        answered = labels + np.random.default_rng(4).normal(0, noise, ROWS)
        answered = np.where(HALVES == 0, answered, 3 * answered + 4)  # two epochs, of another scale each
        own = Predictions(labels, HALVES, answered, answered, answered)
        scores = dev_scores.again(own, "pearson", correlated)
        record = make_record("glue/stsb", method, "qv", 0, config={"task": correlated}, primary="pearson", **scores)
        (path,) = save(tmp_path, record)
        predictions.write(path, own, classes=False)
        wanted.append(scores["held_out"])
    (pair,) = compared(tmp_path).pairs
    assert pair.overall.interval.value == pytest.approx(wanted[0] - wanted[1], abs=0.01)


@pytest.mark.parametrize("primary", ["accuracy", "f1", "matthews", LOG_LIKELIHOOD])
def test_examples_parts_average_to_the_score(primary: str) -> None:
    random = np.random.default_rng(5)
    labels = random.integers(0, 2, ROWS)
    answered = np.where(random.random(ROWS) < 0.8, labels, 1 - labels)
    facts = {"name": "x", "labels": ["no", "yes"], "metric": "matthews" if primary == "matthews" else "accuracy_f1"}
    if primary == LOG_LIKELIHOOD:
        answered, labels = -random.random(ROWS), random.integers(5, 50, ROWS)
        wanted = (answered * labels).sum() / labels.sum()
    else:
        wanted = glue.score(facts["metric"], answered, labels)[primary]
    own = parts._within(answered, labels, primary, facts)
    assert own.shape == (ROWS,) and own.mean() == pytest.approx(wanted, abs=0.01)


def test_matthews_is_0_without_the_one_row_that_was_answered_otherwise() -> None:
    """It is 1 / sqrt(3) of all rows, and 1/2, 1/2, 1 and 0 without each; a row's part is 4 x that of all - 3 x that."""
    answered, labels = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    facts = {"name": "x", "labels": ["no", "yes"], "metric": "matthews"}
    own = parts._within(answered, labels, "matthews", facts)
    np.testing.assert_allclose(own, 4 / 3**0.5 - 3 * np.array([0.5, 0.5, 1, 0]))


def test_pearson_without_the_one_row_that_was_answered_otherwise_is_an_error() -> None:
    answered, labels = np.array([1.0, 1.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0, 5.0])
    facts = {"name": "glue/stsb", "labels": None, "metric": "pearson_spearman"}
    with pytest.raises(SuiteError, match="glue/stsb without one of its rows: a correlation is undefined"):
        parts._within(answered, labels, "pearson", facts)


def test_ranks_are_scipys() -> None:
    scores = np.array([0.5, 0.9, 0.5, 0.1, 0.9, 0.9])
    np.testing.assert_array_equal(comparisons._ranked(scores), stats.rankdata(-scores))


def test_ranks_on_several_tasks_have_students_interval() -> None:
    tasks = ("cola", "mrpc", "rte", "sst2")
    scores = {"alpha": (0.9, 0.8, 0.9, 0.5), "beta": (0.8, 0.9, 0.8, 0.7), "gamma": (0.7, 0.7, 0.7, 0.6)}
    rows = {name: {t: {0: np.full(5, s)} for t, s in zip(tasks, own, strict=True)} for name, own in scores.items()}
    made = comparisons._ranks(rows, tasks)
    assert list(made) == ["beta", "alpha", "gamma"]
    low, high = stats.t.interval(0.95, 3, 1.75, stats.sem([1, 2, 1, 3]))
    assert made["alpha"] == Interval(1.75, max(low, 1.0), pytest.approx(min(high, 3.0)))
    low, high = stats.t.interval(0.95, 3, 2.75, stats.sem([3, 3, 3, 2]))
    assert made["gamma"] == Interval(2.75, pytest.approx(low, abs=0.02), 3.0)
    assert comparisons._ranks(rows, ["mrpc"])["beta"] == Interval(1, 1, 1)


@pytest.mark.parametrize(("apart", "border"), [(0.0, 0.90), (1.0, 0.89), (4.0, 0.80)])
def test_the_interval_of_a_mean_rank_covers_it(apart: float, border: float) -> None:
    """Seven methods on six tasks; the note says that it is too short for those that are nearly always first or last."""
    random = np.random.default_rng(0)

    def ranks(tasks: int) -> np.ndarray:
        scores = np.linspace(apart, 0, 7) + random.standard_normal((tasks, 7))
        return np.stack([comparisons._ranked(own) for own in scores], axis=1)

    truth = ranks(20_000).mean(axis=1)
    covered = np.mean(
        [
            [comparisons._over_tasks(own, 7).holds(true) for own, true in zip(ranks(6), truth, strict=True)]
            for _ in range(600)
        ],
        axis=0,
    )
    assert border < covered.min() < 0.97 and covered[1:-1].min() > 0.89


def test_one_shared_seed_gives_an_interval_and_no_p_of_methods(tmp_path: Path) -> None:
    leave_answers(tmp_path, "alpha", 0.9, seeds=1)
    leave_answers(tmp_path, "beta", 0.6, seeds=1)
    made = compared(tmp_path)
    (pair,) = made.pairs
    assert pair.corrected is None and pair.mcnemar < 0.01 and abs(pair.overall.interval.value) > 0.1
    assert comparisons.alike(made.ranks, made.pairs) == []  # nothing was tested
