"""Published scores judged: by runs of their own protocol alone, and everything else is named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.record_factory import make_record, make_solving_record, save

from benchmarks import conf
from benchmarks.analysis import verdicts
from benchmarks.analysis.verdicts import Verdict
from benchmarks.papers import published, recipes
from benchmarks.papers.published import NO_TARGETS, PublishedRow
from benchmarks.records.schema import Record, Start, Tuning
from benchmarks.report import verdict_table as verdict
from benchmarks.training import job

ROWS = published.load()


def row_of(backbone: str, method: str, targets: str = "qv", **facts: Any) -> PublishedRow:
    found = [row for row in ROWS if (row.backbone, row.method, row.target_names) == (backbone, method, targets)]
    (row,) = [row for row in found if all(getattr(row, name) == value for name, value in facts.items())]
    return row


ROW = row_of("roberta-large", "vb_lora")  # MRPC 91.4 +- 0.6 in the paper
CENTRE, SPREAD = ROW.scores["mrpc"].value, ROW.scores["mrpc"].spread


def run(
    score: float,
    seed: int,
    row: PublishedRow = ROW,
    task: str = "glue/mrpc",
    rows: int = 3668,
    dev: int = 408,
    path: str | None = None,
    **facts: Any,
) -> Record:
    """Return a run's record by the row's recipe; ``score`` is x100."""
    settings = job.read(conf.composed(recipes.overrides(row, task)))
    targets = [] if row.targets == NO_TARGETS else settings.target_names()
    config = settings.run_config(settings.method, targets) | {"seed": seed, "precision": "bf16"}
    changes = facts.pop("config", {})
    for name, value in changes.items():
        part, _, key = name.partition(".")
        config[part] = config[part] | {key: value}
    chosen = {"source": "hub", "backbone": row.backbone} | facts
    record = make_record(task, row.method, row.target_names, seed, score / 100, config=config, **chosen)
    own = conf.composed(recipes.overrides(row, task)).backbone
    return record.model_copy(
        update={
            "data": record.data.model_copy(update={"train_rows": rows, "validation_rows": dev}),
            "backbone": record.backbone.model_copy(update={"path": own.path if path is None else path}),
        }
    )


def began(record: Record, **changes: Any) -> Record:
    start = {"task": "glue/mnli", "identity": "0", "runs": 1, "train_rows": 392_702} | changes
    return record.model_copy(update={"started_from": Start(**start)})


def without(config: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != key}


def judged(*records: Record, row: PublishedRow = ROW, score: str = "mrpc") -> Verdict:
    (own,) = [v for v in verdicts.verdicts([row], records) if v.score == score]
    return own


def around(centre: float, deviation: float = 0.3) -> list[float]:
    return [centre + deviation * step for step in (-1.2, -0.4, 0.0, 0.5, 1.1)]


def test_a_score_within_our_interval_is_reproduced() -> None:
    own = judged(*(run(score, seed) for seed, score in enumerate(around(CENTRE + 0.1))))
    assert (own.ruling, own.runs, own.reason) == ("reproduced", 5, "median over 5 seeds")
    assert own.measured == pytest.approx(CENTRE + 0.1)
    assert own.low < CENTRE < own.high
    assert own.difference == pytest.approx(0.1)


def test_one_outside_of_it_may_lie_within_the_papers_spread() -> None:
    assert SPREAD is not None
    near, far = (
        judged(*(run(score, seed) for seed, score in enumerate(around(CENTRE - off, 0.01))))
        for off in (0.9 * SPREAD, 2 * SPREAD)
    )
    assert (near.ruling, far.ruling) == ("within the spread", "not reproduced")
    assert far.difference == pytest.approx(-2 * SPREAD)
    assert far.high < CENTRE


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"source": "embedded"}, "the suite's own data (5)"),
        ({"rows": 600}, "600 rows learnt for 3,668 (5)"),
        ({"dev": 100}, "100 rows scored for 408 (5)"),
        (
            {"path": "/models/other"},
            "the backbone at /models/other, which cannot be known to be FacebookAI/roberta-large",
        ),
        ({"config": {"backbone.random": True}}, "backbone.random=true for unset (5)"),
        ({"config": {"train.epochs": 5}}, "train.epochs=5 for 40 (5)"),
        (
            {"config": {"method.lr_head": 1e-3, "train.epochs": 5}},
            "method.lr_head=0.001 for 0.003, train.epochs=5 for 40",
        ),
        ({"error": "out of memory"}, "failed (5)"),
    ],
)
def test_runs_of_another_protocol_are_named_and_give_no_verdict(facts: dict, reason: str) -> None:
    own = judged(*(run(score, seed, **facts) for seed, score in enumerate(around(CENTRE))))
    assert (own.ruling, own.measured, own.difference) == ("not comparable", None, None)
    assert reason in own.reason


def test_what_changes_a_result_by_rounding_alone_is_no_difference() -> None:
    config = {"train.accumulate": 4, "train.gradient_checkpointing": False, "method.lr_head": 0.0030}
    assert judged(*(run(score, seed, config=config) for seed, score in enumerate(around(CENTRE)))).runs == 5


def test_a_missing_seed_is_named_and_none_counts_twice() -> None:
    four = [run(score, seed) for seed, score in enumerate(around(CENTRE)[:4])]
    fp32 = [record.model_copy(update={"config": record.config | {"precision": "fp32"}}) for record in four]
    for records in (four, four + four, four + fp32):
        own = judged(*records)
        assert (own.ruling, own.reason) == ("not comparable", "4 of 5 seeds")


def test_a_score_that_rounds_to_the_published_one_is_reproduced() -> None:
    own = judged(*(run(CENTRE + 0.04, seed) for seed in range(5)))
    assert (own.low, own.high) == (own.measured, own.measured)
    assert own.ruling == "reproduced"


def test_a_configuration_of_a_tuning_is_no_run_of_a_row() -> None:
    runs = [run(score, seed) for seed, score in enumerate(around(CENTRE))]
    note = Tuning(lr=3.0, lr_head=1.0, default="0")
    assert judged(*runs).ruling == "reproduced"
    assert judged(*(record.model_copy(update={"tuning": note}) for record in runs)).ruling == "not run"


def test_a_row_whose_settings_no_paper_prints_gets_no_ruling() -> None:
    row = row_of("roberta-large", "tied_lora")
    own = judged(*(run(score, seed, row) for seed, score in enumerate(around(80.0))), row=row)
    assert (own.ruling, own.measured) == ("not comparable", pytest.approx(80.0))
    assert "no paper prints" in own.reason


def test_a_task_that_the_paper_began_from_mnli_is_judged_by_runs_that_did() -> None:
    row = row_of("roberta-large", "lora")
    plain = [run(score, seed, row, "glue/rte", 2490, 277) for seed, score in enumerate(around(80.0))]
    warm = [began(record) for record in plain]
    assert judged(*warm, row=row, score="rte").ruling == "not reproduced"  # the paper's is 85.2
    few = judged(*(began(record, train_rows=4000) for record in plain), row=row, score="rte")
    assert few.reason == "begun from 4,000 rows of glue/mnli for 392,702 (5)"
    many = judged(*(began(record, runs=9) for record in plain), row=row, score="rte")
    assert many.reason == "begun from the best of 9 on glue/mnli for one of 1 (5)"
    mixed = [began(record, identity=str(record.seed % 2)) for record in plain]
    assert judged(*mixed, row=row, score="rte").reason == "3 of 5 seeds"  # those of one start, and not of two
    cold = [record.model_copy(update={"config": without(record.config, "start")}) for record in warm]
    own = judged(*cold, row=row, score="rte")
    assert (own.ruling, own.reason) == ("not comparable", "start=unset for glue/mnli (5)")


def test_other_runs_do_not_stand_in() -> None:
    others = [run(score, seed) for seed, score in enumerate(around(CENTRE))]
    assert judged(*others, score="rte").ruling == "not run"
    assert judged(*others, row=row_of("roberta-base", "vb_lora")).ruling == "not run"
    assert judged(*others, row=row_of("roberta-large", "vb_lora", "all")).ruling == "not run"
    wrong = [run(score, seed, config={"train.epochs": 5}) for seed, score in enumerate(around(10.0))]
    assert judged(*others, *wrong).ruling == "reproduced"


def test_a_grids_best_point_is_judged() -> None:
    """As LoRA-XS's: each rate is a run of its protocol, and the best median counts."""
    row = row_of("roberta-large", "lora_xs", "query,value,attention.output.dense,output.dense", rank=16)
    row = row.model_copy(update={"scores": ROW.scores})
    cells = [
        run(score, seed, row, config={"method.lr": lr, "method.lr_head": 1e-3})
        for lr, centre in ((6e-4, 80.0), (1e-3, CENTRE))
        for seed, score in enumerate(around(centre))
    ]
    own = judged(*cells, row=row)
    assert (own.ruling, own.runs, own.measured) == ("reproduced", 5, pytest.approx(CENTRE))
    off = [record for record in cells if record.config["method"]["lr"] == 6e-4]
    assert judged(*off, row=row).ruling == "not reproduced"
    lucky = run(99.0, 0, row, config={"method.lr": 6e-4, "method.lr_head": 6e-4})
    assert judged(lucky, *cells, row=row).measured == pytest.approx(CENTRE)  # one seed is no point of the grid
    other = run(CENTRE, 0, row, config={"method.lr": 5e-2})
    assert "method.lr=0.05" in judged(other, row=row).reason


def test_one_seed_is_judged_over_its_questions() -> None:
    row = row_of("mistral-7b", "vb_lora", "all")
    published_at = row.scores["gsm8k"].value
    base = run(50.0, 0, row, "math", 100_000)
    right = round(10 * published_at)
    row = row.model_copy(update={"scored_rows": {"gsm8k": 1000, "math": 5000}})
    solved = make_solving_record({"paper": right / 1000}, 1000).exams["gsm8k"]
    solved = solved.model_copy(
        update={"predictions": ["The answer is: 5"] * right + ["The answer is: 6"] * (1000 - right)}
    )
    scores = base.scores.model_copy(update={"primary": "log_likelihood"})
    record = base.model_copy(update={"exams": {"gsm8k": solved}, "scores": scores})
    own = judged(record, row=row, score="gsm8k")
    assert (own.ruling, own.reason) == ("reproduced", "one seed, over 1,000 questions")
    share = right / 1000
    assert own.high - own.low == pytest.approx(2 * 196 * (share * (1 - share) / 1000) ** 0.5, rel=0.1)
    assert judged(record, row=row, score="math").ruling == "not comparable"


def test_there_is_a_verdict_on_every_printed_score_and_here_none_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    scores = [name for row in ROWS for name in row.scores if name != "avg"]
    assert verdict.main(["--root", str(Path(__file__).parents[3] / "results"), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found) == len(scores) == 156
    assert {own["ruling"] for own in found} == {"not run"}


def test_it_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path, *(run(score, seed) for seed, score in enumerate(around(CENTRE))))
    for kind in ("text", "markdown", "latex"):
        assert verdict.main(["--root", str(tmp_path), "--format", kind]) == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert "reproduced" in shown and f"{CENTRE:.2f} [" in shown
        if kind != "latex":
            assert "156 scores: 1 reproduced, 0 within the spread, 0 not reproduced, 0 not comparable, 155 not" in shown
    assert verdict.main(["--root", str(tmp_path / "nowhere")]) == 2
    assert "holds no records/" in capsys.readouterr().err


def test_five_seeds_of_the_papers_own_distribution_are_mostly_reproduced() -> None:
    random = np.random.default_rng(0)
    base = [run(CENTRE, seed) for seed in range(5)]
    rulings = []
    for _ in range(60):
        scores = random.normal(CENTRE, 0.6, 5) / 100
        records = [
            record.model_copy(update={"scores": record.scores.model_copy(update={"best": float(score)})})
            for record, score in zip(base, scores, strict=True)
        ]
        rulings.append(judged(*records).ruling)
    assert 50 <= rulings.count("reproduced") < 60
