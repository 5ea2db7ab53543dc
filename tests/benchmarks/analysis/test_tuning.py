"""Default beside tuned: chosen on what is not scored, counted once, and in no other table than its own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from support import tiny
from support.answers import leave_answers, make_record, save
from support.rendering import grids, rendered, seeds

from benchmarks.analysis import comparisons, sheets, tuning
from benchmarks.records import store
from benchmarks.records.schema import LOG_LIKELIHOOD, Epoch, Record, Tuning
from benchmarks.records.selection import summarise
from benchmarks.report import columns
from scripts import tables

Halves = Sequence[tuple[float, float]]  # a run's scores on dev's halves, by epoch


def tried(
    seed: int,
    halves: Halves,
    lr: float = 1.0,
    lr_head: float = 1.0,
    decay: float = 0.0,
    primary: str = "accuracy",
    error: str | None = None,
    **facts: str,
) -> Record:
    """Return a run at factors of the default's learning rates, with these scores by epoch."""

    def at(*rates: float) -> Record:
        config = {"method": {"lr": 1e-3 * rates[0], "lr_head": 1e-3 * rates[1]}, "decay": decay}
        return make_record(seed=seed, config=config, primary=primary, error=error, **facts)

    own, default = at(lr, lr_head), at(1.0, 1.0).identity
    history = [
        Epoch(epoch=number, train_loss=0.5, scores={primary: sum(both) / 2}, halves=both)
        for number, both in enumerate(halves, 1)
    ]
    note = None if own.identity == default else Tuning(lr=lr, lr_head=lr_head, default=default)
    scores = None if error else summarise(history, primary)
    return own.model_copy(update={"epochs": history, "scores": scores, "tuning": note})


def in_one_pass(seconds: float, *runs: Record) -> list[Record]:
    """Return the runs as a group that trained for so many seconds."""
    group = [run.identity for run in runs]
    costs = [run.cost and run.cost.model_copy(update={"train_seconds": seconds}) for run in runs]
    return [run.model_copy(update={"group": group, "cost": cost}) for run, cost in zip(runs, costs, strict=True)]


def tuned(*runs: Record) -> tuning.Tuned:
    (sheet,) = sheets.sheets_of(runs)
    (own,) = tuning.tunings(sheet)
    return own


def drawn(configurations: int, seeds: int, epochs: int, seed: int) -> np.ndarray:
    """Return (configurations, seeds, epochs, 2) whole numbers of so few values that many tie."""
    return np.random.default_rng(seed).integers(0, 6, (configurations, seeds, epochs, 2))


def as_halves(own: np.ndarray) -> Halves:
    return [tuple(float(each) for each in epoch / 10) for epoch in own]


@pytest.mark.parametrize("draw", range(12))
def test_the_nested_choice_is_a_plain_one(draw: int) -> None:
    factors = [(1.0, 1.0), (0.5, 1.0), (1.0, 0.5), (1.0, 2.0), (2.0, 1.0), (0.5, 2.0), (2.0, 2.0)]  # by nearness
    count, epochs = 3, 4
    values = drawn(len(factors), count, epochs, draw)
    order = np.random.default_rng(draw).permutation(len(factors))  # records come in any
    runs = [tried(s, as_halves(values[c, s]), *factors[c]) for c in order for s in range(count)]

    scores = {seed: 0 for seed in range(count)}
    names = []
    for half in (0, 1):
        other = 1 - half
        best, most = 0, -1
        for c in range(len(factors)):
            total = sum(max(values[c, s, e, other] for e in range(epochs)) for s in range(count))
            if total > most:
                best, most = c, total
        names.append(factors[best])
        for s in range(count):
            epoch = min(e for e in range(epochs) if values[best, s, e, other] == max(values[best, s, :, other]))
            scores[s] += values[best, s, epoch, half]

    own = tuned(*runs)
    assert own.scores == pytest.approx({seed: score / 20 for seed, score in scores.items()})
    written = [Tuning(lr=lr, lr_head=head, default="").label or "default" for lr, head in names]
    assert own.chosen == written
    assert (len(own.given), own.failed, own.unfinished, own.reason) == (7, 0, 0, "")


def test_such_draws_choose_differently_and_tie() -> None:
    """Or the test above would say little."""
    found = [drawn(7, 3, 4, draw).max(2).sum(1) for draw in range(12)]  # (configurations, halves)
    assert any(own[:, 0].argmax() != own[:, 1].argmax() for own in found)
    assert any((own == own.max(0)).sum() > 2 for own in found)


@pytest.mark.parametrize("primary", ["accuracy", LOG_LIKELIHOOD])
def test_the_default_alone_has_its_held_out_score(primary: str) -> None:
    sign = -1 if primary == LOG_LIKELIHOOD else 1
    values = sign * np.random.default_rng(0).random((5, 4, 2))
    runs = [tried(s, [tuple(map(float, epoch)) for epoch in own], primary=primary) for s, own in enumerate(values)]
    assert tuning.best_on(0, [runs]) is runs
    assert tuning.held_out([runs, runs]) == {run.seed: run.scores.held_out for run in runs}


def test_a_choice_on_the_half_that_is_scored_would_flatter() -> None:
    """Each configuration but the default is good on one half alone, so what is chosen there is bad on the other."""
    runs = [
        run
        for seed in (0, 1)
        for run in (
            tried(seed, [(0.5, 0.5)]),
            tried(seed, [(0.9, 0.25)], 3.0),
            tried(seed, [(0.25, 0.8)], 0.3),
        )
    ]
    own = tuned(*runs)
    assert own.scores == {0: 0.25, 1: 0.25}  # where each half's best would say 0.85
    assert own.chosen == ["lr x0.3", "lr x3"]
    assert [run.scores.held_out for run in own.runs] == [0.5, 0.5]


def test_a_higher_log_likelihood_is_better() -> None:
    runs = [tried(0, [(-1.5, -1.5)], primary=LOG_LIKELIHOOD), tried(0, [(-1.2, -1.0)], 3.0, primary=LOG_LIKELIHOOD)]
    assert tuned(*runs).chosen == ["lr x3", "lr x3"]


def test_a_shared_pass_is_counted_once_and_an_earlier_one_too() -> None:
    default = in_one_pass(60.0, *(tried(seed, [(0.5, 0.5)]) for seed in (0, 1, 2)))
    others = in_one_pass(100.0, *(tried(seed, [(0.5, 0.5)], factor) for factor in (0.3, 3.0) for seed in (0, 1)))
    own = tuned(*default, *others)
    # The default's third seed was not tuned: 60 s of three runs are 40 s of two, and 100 s of four are of all four.
    assert (own.seconds, own.default_seconds, own.uncounted) == (140.0, 40.0, 0)
    assert sorted(own.scores) == [0, 1]


def test_what_failed_is_not_chosen_and_cost_all_the_same() -> None:
    runs = in_one_pass(
        90.0,
        *(tried(seed, [(0.5, 0.5)]) for seed in (0, 1, 2)),
        *(tried(seed, [(0.9, 0.9)], 3.0, error="not finite" if seed == 1 else None) for seed in (0, 1, 2)),
        *(tried(seed, [(0.6, 0.6)], 0.3) for seed in (0, 1, 2)),
    )
    own = tuned(*runs)
    assert (len(own.given), own.failed, own.unfinished, own.chosen[0]) == (3, 1, 0, "lr x0.3")
    assert (own.seconds, own.default_seconds, own.uncounted) == (90.0, 30.0, 0)
    left = [run for run in runs if run.seed != 2 or run.tuning is None or run.tuning.lr == 3]
    own = tuned(*left)
    assert (len(own.given), own.failed, own.unfinished, own.chosen) == (3, 1, 1, ["default"] * 2)
    alone = [run if run.status == "finished" else run.model_copy(update={"group": [run.identity]}) for run in runs]
    assert tuned(*alone).uncounted == 1  # nothing that trained with it says how long


def sheet_of(root: Path, *runs: Record) -> tuple[list[dict], dict, str]:
    text = rendered(root, *runs)
    main_table, _, _, own = grids(text)
    return main_table, own, text


def test_the_table_shows_default_beside_tuned_and_the_cost(tmp_path: Path) -> None:
    runs = in_one_pass(
        1200.0,
        *(tried(seed, [(0.5 + seed / 100, 0.5)]) for seed in (0, 1, 2)),
        *(tried(seed, [(0.6, 0.6)], 3.0, 0.3) for seed in (0, 1, 2)),
    )
    main_table, (line,), text = sheet_of(tmp_path, *runs)
    assert line == {
        "task": "mrpc",
        "method": "alpha",
        "targets": "qv",
        "configurations": "2",
        "seeds": "3",
        "default": "50.5 ± 0.5",
        "tuned": "60.0 ± 0.0",
        "difference": "9.5 ± 0.5",
        "chosen": "lr x3, lr_head x0.3",
        "train s": "1,200",
        "x default": "2.0",
    }
    assert [row["mrpc"] for row in main_table] == ["50.5 ± 0.5"] and "variant" not in main_table[0]
    assert "6 records (6 finished, of which 3 to tune, 0 failed)" in text
    assert "Not tuned equally" not in text


def test_every_other_part_of_a_table_is_as_without_a_tuning(tmp_path: Path) -> None:
    plain = [*seeds([0.8, 0.9]), *(tried(seed, [(0.5, 0.5)], method="beta") for seed in (0, 1))]
    others = [tried(seed, [(0.9, 0.9)], 3.0, method="beta") for seed in (0, 1)]
    without = grids(rendered(tmp_path / "a", *plain, drawn=True))
    among = grids(rendered(tmp_path / "b", *plain, *others, drawn=True))
    assert among[:3] == without
    a, b = (tmp_path / root / "figures" / "glue-embedded-minilm.png" for root in "ab")
    assert a.read_bytes() == b.read_bytes()
    brief = [columns.brief(sheet) for runs in ([*plain, *others], plain) for sheet in sheets.sheets_of(runs)]
    assert brief[0] == brief[1]


def test_unequal_numbers_and_failures_are_said(tmp_path: Path) -> None:
    runs = [tried(0, [(0.5, 0.5)]), tried(0, [(0.6, 0.6)], 3.0), tried(0, [(0.7, 0.7)], 0.3, error="not finite")]
    runs += [tried(0, [(0.5, 0.5)], method="beta"), tried(0, [(0.6, 0.6)], 3.0, method="beta")]
    _, (alpha, beta), text = sheet_of(tmp_path, *runs)
    assert (alpha["configurations"], beta["configurations"]) == ("2 of 3, 1 failed", "2")
    assert "Not tuned equally: rows of mrpc have 2 to 3 configurations" in text
    assert "- mrpc, alpha, qv, seed 0, lr x0.3: not finite" in text
    assert alpha["train s"] == "at least 3"


def test_as_many_configurations_at_other_factors_are_not_equal(tmp_path: Path) -> None:
    runs = [tried(0, [(0.5, 0.5)]), tried(0, [(0.6, 0.6)], 3.0)]
    runs += [tried(0, [(0.5, 0.5)], method="beta"), tried(0, [(0.6, 0.6)], 10.0, method="beta")]
    assert "Not tuned equally: rows of mrpc have different factors" in sheet_of(tmp_path, *runs)[2]


def test_where_configurations_alone_have_finished_that_is_said(tmp_path: Path) -> None:
    text = rendered(tmp_path, tried(0, [(0.6, 0.6)], 3.0))
    assert "No run has finished yet, except configurations of a tuning" in text


def test_a_default_that_failed_has_no_score_and_says_why(tmp_path: Path) -> None:
    runs = [tried(0, [(0.5, 0.5)], error="the loss | stopped"), tried(0, [(0.6, 0.6)], 3.0)]
    text = rendered(tmp_path, *runs)
    ((line,),) = grids(text)
    assert [line[name] for name in ("seeds", "default", "tuned", "difference", "x default")] == ["-"] * 5
    assert line["chosen"] == r"the default failed: the loss \| stopped"


def test_runs_beside_no_default_are_not_dropped_in_silence(tmp_path: Path) -> None:
    text = rendered(tmp_path, *seeds([0.8]), tried(0, [(0.6, 0.6)], 3.0))
    assert "1 run of a tuning left out, because the default run of the same seed has no record" in text
    assert len(grids(text)) == 3


def test_variants_are_tuned_apart(tmp_path: Path) -> None:
    runs = [tried(0, [(0.5, 0.5)], factor, decay=decay) for factor in (1.0, 3.0) for decay in (0, 1)]
    _, lines, text = sheet_of(tmp_path, *runs)
    assert [(line["variant"], line["configurations"]) for line in lines] == [("decay=0", "2"), ("decay=1", "2")]
    assert "Not tuned equally" not in text


def test_a_tuning_on_other_rows_does_not_take_the_main_table(tmp_path: Path) -> None:
    main = seeds([0.8, 0.9])
    runs = [tried(0, [(0.5, 0.5)], factor, data_fingerprint="aaaaaa") for factor in (1.0, 0.3, 3.0, 10.0)]
    names = {sheet.stem: len(sheet.records) for sheet in sheets.sheets_of([*main, *runs])}
    assert names == {"glue-embedded-minilm": 2, "glue-embedded-minilm-aaaaaa": 4}


def test_no_comparison_has_a_configuration_of_a_tuning(tmp_path: Path) -> None:
    for method, right in (("alpha", 0.9), ("beta", 0.6)):
        leave_answers(tmp_path, method, right)
    (plain,) = sheets.sheets_of(sheets.load(tmp_path))
    before = comparisons.compare(plain, tmp_path)
    for run in plain.records:
        config = run.config | {"train": {"epochs": 4}}
        note = Tuning(lr=3.0, lr_head=1.0, default=run.identity)
        other = make_record(run.task, run.method, "qv", run.seed, 0.99, config=config)
        save(tmp_path, other.model_copy(update={"tuning": note}))
    (sheet,) = sheets.sheets_of(sheets.load(tmp_path))
    assert len(sheet.records) == 2 * len(plain.records)
    assert comparisons.compare(sheet, tmp_path) == before


def test_records_from_before_tunings_are_read_and_a_default_says_nothing_of_one(tmp_path: Path) -> None:
    (path,) = save(tmp_path, make_record())
    path.write_text(path.read_text().replace(' "tuning": null,\n', ""))
    assert "tuning" not in path.read_text()
    assert store.read(path).tuning is None
    assert store.read(path).stands and not tried(0, [(0.5, 0.5)], 3.0).stands


def test_two_methods_are_tuned_and_not_twice(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root, short = tmp_path / "results", ["train.batch_size=16"]
    jobs = {
        method: tiny.job(method, bert, glue, tmp_path, *short, "seeds=[0,1]", "tune.grid={lr_head:[0.3,1,3]}")
        for method in ("lora", "head")
    }
    # One default run is there before: it is neither trained again nor changed.
    assert tiny.command_line(monkeypatch, tiny.job("lora", bert, glue, tmp_path, *short)) == 0
    (first,) = root.rglob("records/**/*.json")
    before = first.read_bytes()
    for job in jobs.values():
        assert tiny.command_line(monkeypatch, job) == 0
    said = capsys.readouterr().out
    assert "1 of 6 runs are done" in said and "seed 1, lr_head x0.3: accuracy" in " ".join(said.split())
    assert first.read_bytes() == before
    made = {path: path.read_bytes() for path in root.rglob("records/**/*.json")}
    assert len(made) == 12
    for job in jobs.values():
        assert tiny.command_line(monkeypatch, job) == 0
    assert capsys.readouterr().out.count("all 6 runs are done") == 2
    assert {path: path.read_bytes() for path in root.rglob("records/**/*.json")} == made

    assert tables.main(["--root", str(root), "--print"]) == 0
    printed = capsys.readouterr().out
    assert "glue, tiny: tuned, held-out scores" in printed
    main_table, _, _, own = grids((root / "tables" / "glue-tiny.md").read_text())
    assert [(row["method"], row["mrpc"].count("±")) for row in main_table] == [("head", 1), ("lora", 1)]
    assert [(row["method"], row["configurations"], row["seeds"]) for row in own] == [
        ("head", "3", "2"),
        ("lora", "3", "2"),
    ]
    assert own[0]["x default"] == "3.0" and float(own[1]["x default"]) > 1
    (sheet,) = sheets.sheets_of(sheets.load(root))
    for line in tuning.tunings(sheet):
        groups = {tuple(run.group): run.cost.train_seconds for run in sheet.records if run.method == line.row.method}
        assert line.seconds == pytest.approx(sum(groups.values()))  # of all passes, each once

    # The same rates by name are the same run, and a table shows a run as one thing.
    threefold = [run for run in sheet.records if run.method == "lora" and run.tuning and run.tuning.lr_head == 3]
    rate = threefold[0].config["method"]["lr_head"]
    named = tiny.job("lora", bert, glue, tmp_path, *short, f"method.lr_head={rate}")
    assert tiny.command_line(monkeypatch, named) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: seed 0 is done as a configuration of a tuning (") and "results=DIR" in line
