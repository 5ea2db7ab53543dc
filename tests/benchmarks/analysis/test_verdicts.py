"""Published scores judged: by runs of their own protocol alone, and everything else is named."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.recipe_runs import around, row_of, run_of
from support.record_factory import make_judged_record, make_solving_record

from benchmarks import conf
from benchmarks.analysis import verdicts
from benchmarks.analysis.verdicts import Verdict
from benchmarks.papers import published, recipes
from benchmarks.papers.published import PublishedRow
from benchmarks.records.schema import Record, Start, Tuning, Written
from benchmarks.training import job

ROW = row_of("roberta-large", "vb_lora")  # MRPC 91.4 +- 0.6 in the paper
CENTRE, SPREAD = ROW.scores["mrpc"].value, ROW.scores["mrpc"].spread


def began(record: Record, **changes: Any) -> Record:
    start = {"task": "glue/mnli", "identity": "0", "runs": 1, "train_rows": 392_702} | changes
    return record.model_copy(update={"started_from": Start(**start)})


def without(config: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != key}


def judged(*records: Record, row: PublishedRow = ROW, score: str = "mrpc") -> Verdict:
    (own,) = [v for v in verdicts.verdicts([row], records) if v.score == score]
    return own


def test_a_score_within_our_interval_is_reproduced() -> None:
    own = judged(*(run_of(score, seed) for seed, score in enumerate(around(CENTRE + 0.1))))
    assert (own.ruling, own.runs, own.reason) == ("reproduced", 5, "median over 5 seeds")
    assert own.measured == pytest.approx(CENTRE + 0.1)
    assert own.low < CENTRE < own.high
    assert own.difference == pytest.approx(0.1)


def test_a_backbone_is_known_by_its_fingerprint_where_that_is_known() -> None:
    """Wherever it lies; and another one at the recipe's own place is not it."""
    recipe = verdicts.recipe_of(job.read(conf.composed([*recipes.overrides(ROW, "glue/mrpc")])))
    run = run_of(CENTRE, 0)
    assert verdicts.differences(run, ROW, "mrpc", recipe) == []
    moved = run.model_copy(update={"backbone": run.backbone.model_copy(update={"path": "/models/other"})})
    known = replace(recipe, fingerprint=run.backbone.fingerprint)
    assert verdicts.differences(moved, ROW, "mrpc", known) == []
    (reason,) = verdicts.differences(run, ROW, "mrpc", replace(recipe, fingerprint="0123"))
    assert reason == f"a backbone of the fingerprint {run.backbone.fingerprint} instead of 0123"


def test_one_outside_of_it_may_lie_within_the_papers_spread() -> None:
    assert SPREAD is not None
    near, far = (
        judged(*(run_of(score, seed) for seed, score in enumerate(around(CENTRE - off, 0.01))))
        for off in (0.9 * SPREAD, 2 * SPREAD)
    )
    assert (near.ruling, far.ruling) == ("within the spread", "not reproduced")
    assert far.difference == pytest.approx(-2 * SPREAD)
    assert far.high < CENTRE


@pytest.mark.parametrize(("digits", "ruling"), [(1, "reproduced"), (2, "within the spread")])
def test_rounding_is_half_a_unit_of_the_last_digit_in_print(digits: int, ruling: str) -> None:
    """The paper's 91.4 stands for 91.35 to 91.45; its 91.40 would stand for 91.395 to 91.405."""
    row = ROW.model_copy(update={"scores": {"mrpc": ROW.scores["mrpc"].model_copy(update={"digits": digits})}})
    runs = [run_of(score, seed) for seed, score in enumerate(around(CENTRE + 0.03, 0.001))]
    assert judged(*runs, row=row).ruling == ruling


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"source": "embedded"}, "the suite's own data (5)"),
        ({"rows": 600}, "600 rows learnt instead of 3,668 (5)"),
        ({"dev": 100}, "100 rows scored instead of 408 (5)"),
        (
            {"path": "/models/other"},
            "the backbone at /models/other, which may differ from FacebookAI/roberta-large",
        ),
        ({"config": {"backbone.random": True}}, "backbone.random=true instead of unset (5)"),
        ({"config": {"train.epochs": 5}}, "train.epochs=5 instead of 40 (5)"),
        (
            {"config": {"method.lr_head": 1e-3, "train.epochs": 5}},
            "method.lr_head=0.001 instead of 0.003, train.epochs=5 instead of 40",
        ),
        ({"error": "out of memory"}, "failed (5)"),
    ],
)
def test_runs_of_another_protocol_are_named_and_give_no_verdict(facts: dict, reason: str) -> None:
    own = judged(*(run_of(score, seed, **facts) for seed, score in enumerate(around(CENTRE))))
    assert (own.ruling, own.measured, own.difference) == ("not comparable", None, None)
    assert reason in own.reason


@pytest.mark.parametrize(("more", "ending"), [({}, ""), ({"train.max_length": 7}, " and 1 more")])
def test_a_reason_names_three_settings_and_counts_the_rest(more: dict, ending: str) -> None:
    config = {"train.epochs": 5, "train.batch_size": 7, "method.rank": 3} | more
    own = judged(*(run_of(score, seed, config=config) for seed, score in enumerate(around(CENTRE))))
    assert own.reason.count("instead of") == 3
    assert own.reason.endswith(f"{ending} (5)") and ("more" in own.reason) == bool(ending)


def test_what_changes_a_result_by_rounding_alone_is_no_difference() -> None:
    config = {"train.accumulate": 4, "train.gradient_checkpointing": False, "method.lr_head": 0.0030}
    assert judged(*(run_of(score, seed, config=config) for seed, score in enumerate(around(CENTRE)))).runs == 5


def test_a_missing_seed_is_named_and_none_counts_twice() -> None:
    four = [run_of(score, seed) for seed, score in enumerate(around(CENTRE)[:4])]
    fp32 = [record.model_copy(update={"config": record.config | {"precision": "fp32"}}) for record in four]
    for records in (four, four + four, four + fp32):
        own = judged(*records)
        assert (own.ruling, own.reason) == ("not comparable", "4 of 5 seeds")


def test_a_score_that_rounds_to_the_published_one_is_reproduced() -> None:
    own = judged(*(run_of(CENTRE + 0.04, seed) for seed in range(5)))
    assert (own.low, own.high) == (own.measured, own.measured)
    assert own.ruling == "reproduced"


@pytest.mark.parametrize(("off", "ruling"), [(0.049, "reproduced"), (0.051, "within the spread")])
@pytest.mark.parametrize("sign", [-1, 1])
def test_half_a_unit_of_the_last_printed_digit_is_rounding(off: float, ruling: str, sign: int) -> None:
    """91.4 stands for all from 91.35 to 91.45."""
    assert judged(*(run_of(CENTRE + sign * off, seed) for seed in range(5))).ruling == ruling


@pytest.mark.parametrize(("off", "ruling"), [(0.049, "within the spread"), (0.051, "not reproduced")])
def test_the_papers_spread_is_rounded_too(off: float, ruling: str) -> None:
    assert judged(*(run_of(CENTRE + SPREAD + off, seed) for seed in range(5))).ruling == ruling


def test_seeds_beyond_the_protocols_are_not_judged() -> None:
    """The five of the lowest seeds are, and a sixth would move the median."""
    own = judged(*(run_of(CENTRE if seed < 5 else 50.0, seed) for seed in (7, 6, 5, 4, 3, 2, 1, 0)))
    assert (own.runs, own.measured, own.reason) == (5, pytest.approx(CENTRE), "median over 5 seeds")


def test_a_configuration_of_a_tuning_is_no_run_of_a_row() -> None:
    runs = [run_of(score, seed) for seed, score in enumerate(around(CENTRE))]
    note = Tuning(lr=3.0, lr_head=1.0, default="0")
    assert judged(*runs).ruling == "reproduced"
    assert judged(*(record.model_copy(update={"tuning": note}) for record in runs)).ruling == "not run"


def test_a_row_whose_settings_no_paper_prints_gets_no_ruling() -> None:
    row = row_of("roberta-large", "tied_lora")
    own = judged(*(run_of(score, seed, row) for seed, score in enumerate(around(80.0))), row=row)
    assert (own.ruling, own.measured) == ("not comparable", pytest.approx(80.0))
    assert "no paper prints" in own.reason


def test_a_task_that_the_paper_began_from_mnli_is_judged_by_runs_that_did() -> None:
    row = row_of("roberta-large", "lora", source="lora", from_mnli=["mrpc", "rte", "stsb"])
    plain = [run_of(score, seed, row, "glue/rte", 2490, 277) for seed, score in enumerate(around(80.0))]
    warm = [began(record) for record in plain]
    assert judged(*warm, row=row, score="rte").ruling == "not reproduced"  # the paper's is 87.4
    few = judged(*(began(record, train_rows=4000) for record in plain), row=row, score="rte")
    assert few.reason == "begun from 4,000 rows of glue/mnli instead of 392,702 (5)"
    many = judged(*(began(record, runs=9) for record in plain), row=row, score="rte")
    assert many.reason == "begun from the best of 9 runs on glue/mnli instead of 1 (5)"
    mixed = [began(record, identity=str(record.seed % 2)) for record in plain]
    assert judged(*mixed, row=row, score="rte").reason == "3 of 5 seeds"  # those of one start, and not of two
    cold = [record.model_copy(update={"config": without(record.config, "start")}) for record in warm]
    own = judged(*cold, row=row, score="rte")
    assert (own.ruling, own.reason) == ("not comparable", "start=unset instead of glue/mnli (5)")


def test_other_runs_do_not_stand_in() -> None:
    others = [run_of(score, seed) for seed, score in enumerate(around(CENTRE))]
    assert judged(*others, score="rte").ruling == "not run"
    assert judged(*others, row=row_of("roberta-base", "vb_lora")).ruling == "not run"
    assert judged(*others, row=row_of("roberta-large", "vb_lora", "all")).ruling == "not run"
    wrong = [run_of(score, seed, config={"train.epochs": 5}) for seed, score in enumerate(around(10.0))]
    assert judged(*others, *wrong).ruling == "reproduced"


def test_a_grids_best_point_is_judged() -> None:
    """As LoRA-XS's: each rate is a run of its protocol, and the best median counts."""
    row = row_of("roberta-large", "lora_xs", "query,value,attention.output.dense,output.dense", rank=16)
    row = row.model_copy(update={"scores": ROW.scores})
    cells = [
        run_of(score, seed, row, config={"method.lr": lr, "method.lr_head": 1e-3})
        for lr, centre in ((6e-4, 80.0), (1e-3, CENTRE))
        for seed, score in enumerate(around(centre))
    ]
    own = judged(*cells, row=row)
    assert (own.ruling, own.runs, own.measured) == ("reproduced", 5, pytest.approx(CENTRE))
    off = [record for record in cells if record.config["method"]["lr"] == 6e-4]
    assert judged(*off, row=row).ruling == "not reproduced"
    lucky = run_of(99.0, 0, row, config={"method.lr": 6e-4, "method.lr_head": 6e-4})
    assert judged(lucky, *cells, row=row).measured == pytest.approx(CENTRE)  # one seed is no point of the grid
    other = run_of(CENTRE, 0, row, config={"method.lr": 5e-2})
    assert "method.lr=0.05" in judged(other, row=row).reason


def test_one_seed_is_judged_over_its_questions() -> None:
    row = row_of("mistral-7b", "vb_lora", "all")
    published_at = row.scores["gsm8k"].value
    base = run_of(50.0, 0, row, "math", 100_000)
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
    assert own.measured == pytest.approx(100 * share)
    assert (own.high + own.low) / 2 == pytest.approx(100 * share, abs=0.3)
    assert judged(record, row=row, score="math").ruling == "not comparable"


@pytest.mark.parametrize(("extractor", "share"), [("paper", 80), ("metamath", 50)])
def test_answers_are_read_as_the_rows_authors_read_them(extractor: str, share: float) -> None:
    """LoRA-XS's and VB-LoRA's scripts take 7,200 for 72, and MetaMath's, which SVFT's are, do not."""
    assert {row.extractor for row in published.load() if row.source == "svft"} == {"metamath"}
    facts = {"extractor": extractor, "scored_rows": {"gsm8k": 1000, "math": 5000}}
    row = row_of("mistral-7b", "vb_lora", "all").model_copy(update=facts)
    solved = make_solving_record({"paper": 0.8, "metamath": 0.5}, 1000).exams["gsm8k"]
    texts = ["The answer is: 72"] * 500 + ["The answer is: 7,200"] * 300 + ["The answer is: 6"] * 200
    solved = solved.model_copy(update={"predictions": texts, "answers": ["#### 72"] * 1000})
    base = run_of(50.0, 0, row, "math", 100_000)
    scores = base.scores.model_copy(update={"primary": "log_likelihood"})
    own = judged(base.model_copy(update={"exams": {"gsm8k": solved}, "scores": scores}), row=row, score="gsm8k")
    assert own.measured == pytest.approx(share)
    assert own.low < share < own.high


JUDGED_ROW = row_of("llama2-7b", "vb_lora", "all")


def judged_run(score: float | None, error: float | None = 0.25, row: PublishedRow = JUDGED_ROW, **facts: Any) -> Record:
    """Return a run by the recipe of a row on Llama2, whose answers got ``score`` in the first turn."""
    (rows,) = set(row.train_rows.values())
    base = run_of(50.0, 0, row, "alpaca", rows)
    scores = base.scores.model_copy(update={"primary": "log_likelihood"})
    mark = make_judged_record(score).mt_bench.model_copy(update={"turn_1_error": error} | facts)
    return base.model_copy(update={"mt_bench": mark, "scores": scores})


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("off", "ruling"), [(0.49, "reproduced"), (0.52, "not reproduced")])
def test_a_judged_run_is_judged_by_its_standard_error(off: float, sign: int, ruling: str) -> None:
    """1.96 x 0.25 and half of the last printed digit are 0.495."""
    centre = JUDGED_ROW.scores["mt_bench_turn_1"].value
    own = judged(judged_run(centre + sign * off), row=JUDGED_ROW, score="mt_bench_turn_1")
    assert (own.ruling, own.reason) == (ruling, "one seed, over questions, by their standard error")
    assert (own.low, own.high) == (pytest.approx(own.measured - 0.49), pytest.approx(own.measured + 0.49))


def test_both_turns_are_judged_by_their_own_error() -> None:
    """VeRA's table 4 is of both turns, as its words say: 5.08 on Llama2-7B."""
    row = row_of("llama2-7b", "vera", "all", source="vera")
    facts = {"turn_1": None, "both_turns": 5.3, "both_turns_error": 0.1}
    own = judged(judged_run(None, row=row, **facts), row=row, score="mt_bench")
    assert (own.printed, own.measured) == ("5.08", 5.3)
    assert (own.low, own.high) == (pytest.approx(5.3 - 0.196), pytest.approx(5.3 + 0.196))
    assert own.ruling == "not reproduced"
    own = judged(judged_run(None, row=row, **facts | {"both_turns_error": 0.12}), row=row, score="mt_bench")
    assert own.ruling == "reproduced"


def test_a_judged_run_without_an_error_is_its_score_alone() -> None:
    own = judged(judged_run(5.0, error=None), row=JUDGED_ROW, score="mt_bench_turn_1")
    assert (own.low, own.measured, own.high) == (5.0, 5.0, 5.0)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"judge": "smollm2"}, "another judge, or other prompts or questions, than the papers'"),
        ({"questions": 16}, "16 rows scored instead of 80"),
    ],
)
def test_another_judge_gives_no_verdict(facts: dict[str, Any], reason: str) -> None:
    own = judged(judged_run(5.0, **facts), row=JUDGED_ROW, score="mt_bench_turn_1")
    assert own.ruling == "not comparable" and reason in own.reason


def test_a_run_that_was_not_judged_has_no_verdict() -> None:
    bare = judged_run(5.0).model_copy(update={"mt_bench": None})
    own = judged(bare, row=JUDGED_ROW, score="mt_bench_turn_1")
    assert own.ruling == "not comparable" and "0 rows scored instead of 80" in own.reason


def test_a_row_of_a_method_that_is_not_here_is_not_run() -> None:
    row = ROW.model_copy(update={"method": "magic_lora"})
    own = judged(run_of(CENTRE, 0), row=row)
    assert (own.ruling, own.runs, own.reason) == ("not run", 0, "there is no method magic_lora here")


def test_five_seeds_of_the_papers_own_distribution_are_mostly_reproduced() -> None:
    random = np.random.default_rng(0)
    base = [run_of(CENTRE, seed) for seed in range(5)]
    rulings = []
    for _ in range(60):
        scores = random.normal(CENTRE, 0.6, 5) / 100
        records = [
            record.model_copy(update={"scores": record.scores.model_copy(update={"best": float(score)})})
            for record, score in zip(base, scores, strict=True)
        ]
        rulings.append(judged(*records).ruling)
    assert 50 <= rulings.count("reproduced") < 60


def test_the_row_that_other_papers_print_of_lora_is_judged_by_runs_that_began_from_no_other() -> None:
    row = row_of("roberta-large", "lora")  # LoRA's own without MNLI, as VB-LoRA's table 1 repeats it
    runs = [run_of(score, seed, row, "glue/rte", 2490, 277) for seed, score in enumerate(around(85.2))]
    assert judged(*runs, row=row, score="rte").ruling == "reproduced"
    warm = [began(record.model_copy(update={"config": record.config | {"start": "glue/mnli"}})) for record in runs]
    assert "start=glue/mnli instead of unset" in judged(*warm, row=row, score="rte").reason


@pytest.mark.parametrize(("epoch", "apart"), [("best", 0.0), ("not stated", 0.0), ("last", 3.0), ("held-out", 2.0)])
def test_a_score_on_dev_is_of_the_epoch_that_the_papers_is(epoch: str, apart: float) -> None:
    runs = [run_of(score, seed) for seed, score in enumerate(around(CENTRE))]
    runs = [
        run.model_copy(
            update={
                "scores": run.scores.model_copy(
                    update={"last": run.scores.best - 0.03, "held_out": run.scores.best - 0.02}
                )
            }
        )
        for run in runs
    ]
    own = judged(*runs, row=ROW.model_copy(update={"epoch": epoch}))
    assert own.measured == pytest.approx(CENTRE - apart)
    assert own.ruling == ("not reproduced" if apart else "reproduced")


@pytest.mark.parametrize(
    ("source", "ruling", "reason"),
    [
        ("vera", "reproduced", "mean over 3 seeds; the paper names no statistic"),
        ("lora", "not comparable", "the paper's score is of the best epoch, and ours of the last"),
    ],
)
def test_a_text_is_scored_after_the_last_epoch_so_a_best_ones_score_does_not_compare(
    source: str, ruling: str, reason: str
) -> None:
    """VeRA ran LoRA again and prints its last epoch; the LoRA paper prints the best."""
    row = row_of("gpt2-medium", "lora", source=source)
    bleu = row.scores["bleu"].value
    runs = []
    for seed, score in enumerate((bleu - 0.2, bleu, bleu + 0.2)):
        run = run_of(50.0, seed, row, "e2e", 42_061)
        scores = run.scores.model_copy(update={"primary": "log_likelihood"})
        written = Written(
            instances=630, references=1, scores={"bleu": score / 100}, absent={}, seconds=1, predictions=[]
        )
        runs.append(run.model_copy(update={"generation": written, "scores": scores}))
    own = judged(*runs, row=row, score="bleu")
    assert (own.ruling, own.reason) == (ruling, reason)
    assert own.measured == pytest.approx(bleu)


def test_an_ablation_is_judged_by_runs_with_its_settings() -> None:
    row = row_of("roberta-large", "vb_lora", source="vb_lora", table=6, variant="b = 512, h = 60")
    plain = [run_of(score, seed, task="glue/cola", rows=8551, dev=1043) for seed, score in enumerate(around(67.8))]
    assert "method.vectors=90 instead of 60" in judged(*plain, row=row, score="cola").reason
    runs = [run_of(score, seed, row, "glue/cola", 8551, 1043) for seed, score in enumerate(around(67.8))]
    own = judged(*runs, row=row, score="cola")
    assert (own.ruling, own.variant) == ("reproduced", "b = 512, h = 60")


def test_a_row_without_an_experiment_has_no_verdict() -> None:
    assert verdicts.verdicts([ROW.model_copy(update={"experiment": None})], []) == []
