"""Tables: exact cells from made-up records, and what must never be mixed, dropped or made up."""

import json
from pathlib import Path

import pytest
from support.recipe_runs import around, row_of, run_of
from support.record_factory import make_judged_record, make_record, make_solving_record, make_text_record, save
from support.rendering import PUBLISHED, grids, render, rendered, seeds, shown

from benchmarks.analysis import front
from benchmarks.analysis.sheets import Sheet, rows_of, sheets_of
from benchmarks.errors import SuiteError
from benchmarks.papers import published
from benchmarks.records.schema import Record, Start
from benchmarks.report import columns, tables

GPT2 = {"source": "hub", "backbone": "gpt2-medium"}
NO_METEOR = {"meteor": "no Java runtime was found"}


def test_median_spread_and_sizes(tmp_path):
    main_table, *_ = grids(rendered(tmp_path, *seeds([0.80, 0.90, 0.85])))
    assert main_table == [
        {
            "method": "alpha",
            "targets": "qv",
            "trained": "12,345",
            "stored": "6,789",
            "adapter bytes": "27,156",
            "mrpc": "85.0 ± 5.0",  # median, and the deviation with n - 1: with n it would be 4.1
            "mean": "85.0",
            "mean last": "85.0",
            "mean held-out": "85.0",
            "gap": "0.0",
            "samples/s": "150",
        }
    ]


def test_what_runs_took_stands_in_a_table_of_its_own(tmp_path):
    *_, costs = grids(rendered(tmp_path, *(make_record(seed=seed) for seed in (0, 1))))
    (row,) = costs
    assert (row["task"], row["method"], row["seeds"], row["samples/s"]) == ("mrpc", "alpha", "2", "150")
    assert (row["train s"], row["peak MiB"], row["adapter bytes"]) == ("1.5", "1", "27,156")  # of a pass of two


def test_a_quarter_number_is_stored_as_it_is(tmp_path):
    (row,), *_ = grids(rendered(tmp_path, make_record(stored=75_904.5)))
    assert row["stored"] == "75,904.5"


def test_gap_is_the_median_of_differences_and_means_are_over_tasks(tmp_path):
    records = [
        make_record(seed=0, best=0.90, last=0.84, held_out=0.85),
        make_record(seed=1, best=0.80, last=0.74, held_out=0.78),
        make_record(seed=2, best=0.84, last=0.80, held_out=0.83),
        make_record(task="glue/rte", best=0.70, last=0.66, held_out=0.69),
    ]
    main_table, second, *_ = grids(rendered(tmp_path, *records))
    (row,) = main_table
    # Gaps of mrpc: 5, 2, 1, so 2 (the difference of the medians would be 1); of rte: 1.
    assert (row["mean"], row["mean last"], row["mean held-out"], row["gap"]) == ("77.0", "73.0", "76.0", "1.5")
    assert (row["mrpc"], row["rte"]) == ("84.0 ± 5.0", "70.0 (n=1)")
    assert second[0] == {
        "task": "mrpc",
        "method": "alpha",
        "targets": "qv",
        "seeds": "3",
        "best": "84.0 ± 5.0",
        "last": "80.0 ± 5.0",
        "held-out": "83.0 ± 3.6",
        "gap": "2.0 ± 2.1",
        "best epoch": "1",
    }
    assert [line["task"] for line in second] == ["mrpc", "rte"]


def test_variants_are_rows_of_their_own(tmp_path):
    low = seeds([0.80, 0.82], config={"optimizer": {"lr": 0.001, "decay": 0.1}})
    high = seeds([0.60, 0.62], config={"optimizer": {"lr": 0.01, "decay": 0.1}})
    other = seeds([0.70, 0.72], method="beta", config={"optimizer": {"lr": 0.5}})
    main_table, second, *_ = grids(rendered(tmp_path, *low, *high, *other))
    assert [(row["method"], row["variant"], row["mrpc"]) for row in main_table] == [
        ("alpha", "optimizer.lr=0.001", "81.0 ± 1.4"),
        ("alpha", "optimizer.lr=0.01", "61.0 ± 1.4"),
        ("beta", "-", "71.0 ± 1.4"),
    ]
    assert [line["variant"] for line in second] == ["optimizer.lr=0.001", "optimizer.lr=0.01", "-"]


def test_a_setting_that_one_run_lacks_tells_variants_apart(tmp_path):
    bare, more = make_record(config={"lr": 1, "x": {}}), make_record(seed=1, config={"lr": 1, "x": {"dropout": None}})
    main_table, *_ = grids(rendered(tmp_path, bare, more))
    assert [row["variant"] for row in main_table] == ["x=unset, x.dropout=null", "x={}, x.dropout=unset"]


def test_another_setting_on_another_task_is_no_variant(tmp_path):
    records = [make_record(config={"lr": 0.1}), make_record(task="glue/rte", config={"lr": 0.2})]
    (row,), *_ = grids(rendered(tmp_path, *records))
    assert "variant" not in row and row["mean"] == "90.0"


def test_another_backbone_of_the_same_name_is_not_mixed(tmp_path):
    records = [make_record(seed=0), make_record(seed=1, backbone_fingerprint="eeeeeeeeee")]
    main_table, *_ = grids(rendered(tmp_path, *records))
    assert [row["variant"] for row in main_table] == ["backbone fingerprint=b0b0b0", "backbone fingerprint=eeeeee"]


def test_a_row_that_lacks_a_task_has_no_mean_and_no_mark(tmp_path):
    records = [make_record(), make_record(task="glue/rte"), make_record(method="beta", best=0.99)]
    main_table, *_ = grids(rendered(tmp_path, *records))
    assert [(row["mean"], row["gap"], row["rte"]) for row in main_table] == [("90.0", "0.0", "90.0"), ("-", "-", "-")]
    (sheet,) = sheets_of(records)
    assert [each.row.method for each in front.of_sheet(sheet, tmp_path).standings] == ["alpha"]


def test_figure_points_are_the_tables_means(tmp_path):
    records = [
        *seeds([0.80, 0.84, 0.85], adapter_bytes=100),
        *seeds([0.60, 0.64, 0.68], task="glue/rte", adapter_bytes=100),
    ]
    (sheet,) = sheets_of(records)
    (point,) = front.of_sheet(sheet, tmp_path).standings
    assert (point.stored, point.score) == (100.0, pytest.approx(74.0))
    assert point.row.spread_of_mean(sheet.kind.drawn) == pytest.approx(3.278719)  # of 70, 74, 76.5
    assert sheet.title == "glue, minilm: generated data, not GLUE"


def test_failed_runs_are_counted_and_are_no_scores(tmp_path):
    failed = [make_record(seed=seed, error=f"loss is NaN | at step {seed}\ntrace") for seed in (7, 8)]
    text = rendered(tmp_path, make_record(best=0.5), *failed)
    (row,), *_ = grids(text)
    assert row["mrpc"] == "50.0"
    assert "3 records (1 finished, 2 failed)" in text
    assert "2 runs failed and have no score above:" in text
    assert r"- mrpc, alpha, qv, seed 7: loss is NaN \| at step 7" in text
    assert "trace" not in text


def test_failed_runs_alone_still_make_a_table(tmp_path):
    save(tmp_path, make_record(error="out of memory"))
    (table,) = render(tmp_path, [])
    assert "No run has finished yet." in table.read_text() and "out of memory" in table.read_text()
    assert not (tmp_path / "figures").exists()


def test_published_stands_beside_runs_on_real_data(tmp_path):
    real = {"source": "hub", "backbone": "roberta-large"}
    records = [make_record(task=f"glue/{key}", **real) for key in ("mrpc", "rte", "cola")]
    records += [make_record(method="beta", task=f"glue/{key}", **real) for key in ("mrpc", "rte", "cola")]
    text = rendered(tmp_path, *records, name="glue-roberta-large")
    alpha, beta, *_ = grids(text)[0]
    assert (alpha["mrpc, published"], alpha["rte, published"]) == ("91.4 ± 0.6", "86.65")
    assert (beta["mrpc, published"], beta["rte, published"]) == ("-", "-")
    assert "cola, published" not in alpha
    assert "from paper table 1 (arXiv 2401.00001)" in text
    assert "generated" not in text


def test_rows_of_several_ranks_are_told_apart(tmp_path):
    ranks = [PUBLISHED[0].model_copy(update={"rank": rank}) for rank in (4, 8)]
    record = make_record(source="hub", backbone="roberta-large")
    (row,), *_ = grids(rendered(tmp_path, record, name="glue-roberta-large", published=ranks))
    assert row["mrpc, published"] == "91.4 ± 0.6 (rank 4); 91.4 ± 0.6 (rank 8)"


def test_generated_data_says_so_and_has_no_published_figure(tmp_path):
    text = rendered(tmp_path, make_record(backbone="roberta-large"), name="glue-embedded-roberta-large")
    assert text.startswith("# glue, roberta-large: generated data, not GLUE\n")
    assert "The data is generated and is NOT GLUE" in text
    assert "published" not in text and "91.4" not in text


def test_real_and_generated_data_have_files_of_their_own(tmp_path):
    save(tmp_path, make_record(), make_record(source="hub", data_fingerprint="abcdef"))
    names = [path.relative_to(tmp_path).as_posix() for path in render(tmp_path, [])]
    assert names == [
        "tables/glue-minilm.md",
        "figures/glue-minilm.png",
        "figures/glue-minilm-seeds.png",
        "tables/glue-embedded-minilm.md",
        "figures/glue-embedded-minilm.png",
        "figures/glue-embedded-minilm-seeds.png",
    ]


def test_other_rows_of_data_are_split_off(tmp_path):
    usual = [*seeds([0.8, 0.9]), make_record(task="glue/rte", best=0.7)]
    save(tmp_path, *usual, make_record(seed=5, best=0.1, data_fingerprint="abcdef012345"))
    render(tmp_path, [])
    folder = tmp_path / "tables"
    main_text, split_text = [(folder / f"glue-embedded-minilm{end}.md").read_text() for end in ("", "-abcdef")]
    assert grids(main_text)[0][0]["mrpc"] == "85.0 ± 7.1"
    assert grids(main_text)[0][0]["rte"] == "70.0 (n=1)"
    assert [row["mrpc"] for row in grids(split_text)[0]] == ["10.0"]
    assert "[glue-embedded-minilm-abcdef.md]" in main_text and "[glue-embedded-minilm.md]" in split_text
    assert "(data abcdef)" in split_text.splitlines()[0]
    assert len(list(folder.iterdir())) == 2


def test_same_records_same_bytes(tmp_path):
    records = [*seeds([0.8, 0.9, 0.7]), *seeds([0.5, 0.6], method="beta"), make_record(seed=9, error="NaN")]
    first, second = tmp_path / "first", tmp_path / "second"
    save(first, *records)
    save(second, *reversed(records))
    written = [render(root, PUBLISHED) for root in (first, second)]
    assert [path.read_bytes() for path in written[0]] == [path.read_bytes() for path in written[1]]
    assert [path.suffix for path in written[0]] == [".md", ".png", ".png"]


def test_where_it_ran_is_said_with_its_count(tmp_path):
    text = rendered(tmp_path, make_record(), make_record(seed=1), make_record(seed=2, hardware="a GPU"))
    assert "- Ran on: a GPU, fp32, 1 process: 1 run.\n- Ran on: one test processor, fp32, 1 process: 2 runs." in text
    assert "- Data: mrpc, 3,668 train and 408 dev rows of glue/mrpc (embedded, d0d0d0): 3 runs." in text
    assert "- Packages: torch 2.0." in text and "- Code: 0123456789ab: 3 runs." in text


def test_what_runs_begin_from_is_said(tmp_path):
    began = {"config": {"start": "glue/mnli"}}
    start = Start(task="glue/mnli", identity="0123456789", runs=9, train_rows=392_702)
    warm = [make_record(seed=seed, **began).model_copy(update={"started_from": start}) for seed in range(2)]
    text = rendered(tmp_path, *warm, make_record(seed=2, method="beta"))
    said = "begun with the adapter of the best of 9 runs on 392,702 rows of mnli (012345)"
    assert f"- Start: mrpc, alpha, qv, {said}: 2 runs." in text


def test_runs_that_differ_in_what_they_begin_from_alone_stand_apart():
    start = Start(task="glue/mnli", identity="0123456789", runs=1, train_rows=392_702)
    other = start.model_copy(update={"identity": "9876543210"})
    runs = [make_record().model_copy(update={"started_from": began}) for began in (start, other)]
    assert [row.variant for row in rows_of(runs)] == ["started from=012345", "started from=987654"]


def texts(bleus, **facts):
    return [make_text_record({"bleu": bleu}, seed=seed, **facts) for seed, bleu in enumerate(bleus)]


def test_texts_have_a_column_a_score_in_the_papers_units(tmp_path):
    text = rendered(tmp_path, *texts([0.68, 0.70, 0.75], **GPT2), name="e2e-gpt2-medium")
    assert grids(text)[0] == [
        {
            "method": "alpha",
            "targets": "qv",
            "trained": "12,345",
            "stored": "6,789",
            "adapter bytes": "27,156",
            "bleu": "71.0 ± 3.6",  # the mean: the median would be 70.0
            "bleu, published": "70.1",
            "bleu, verdict": "not run",  # of a method that is none
            "nist": "8.62 ± 0.00",
            "nist_p": "8.71 ± 0.00",
            "nist_p, published": "8.81",
            "nist_p, verdict": "not run",
            "meteor": "46.2 ± 0.0",
            "rouge_l": "70.5 ± 0.0",
            "cider": "2.44 ± 0.00",
            "samples/s": "150",
        }
    ]
    assert "bleu x100, nist, nist_p, meteor x100, rouge_l x100, cider" in text
    of_scores = text.partition("## Cost")[0]
    assert "the mean over seeds" in of_scores and "median over seeds" not in of_scores
    assert "Nothing was chosen on the test split" in text and "so a paper's NIST stands beside nist_p" in text
    assert "630 instances with 4,693 references, decoded with beams=10, length_penalty=0.9: 3 runs." in text
    assert "from paper table 2 (arXiv 2401.00001)" in text
    assert "Absent" not in text and "Means" not in text


def test_the_second_table_of_texts_is_of_the_log_likelihood_as_it_is(tmp_path):
    scores = [(-1.5, -1.6), (-1.0, -1.1234), (-1.1, -1.1)]
    records = [make_text_record(seed=seed, best=best, held_out=half) for seed, (best, half) in enumerate(scores)]
    text = rendered(tmp_path, *records, name="e2e-embedded-minilm")
    assert "## Log-likelihood on dev: best, last and held-out" in text
    assert grids(text)[1] == [
        {
            "task": "e2e",
            "method": "alpha",
            "targets": "qv",
            "seeds": "3",
            "best": "-1.200 ± 0.265",  # the mean: the median would be -1.100
            "last": "-1.200 ± 0.265",
            "held-out": "-1.274 ± 0.282",
            "gap": "0.074 ± 0.066",
            "best epoch": "1",
        }
    ]


def test_an_absent_score_is_a_dash_and_says_why(tmp_path):
    records = [
        make_text_record(absent=NO_METEOR),
        make_text_record(seed=1),
        make_text_record(method="beta", absent=NO_METEOR),
    ]
    text = rendered(tmp_path, *records, name="e2e-embedded-minilm")
    alpha, beta, *_ = grids(text)[0]
    assert (alpha["meteor"], beta["meteor"]) == ("46.2 (n=1)", "-")
    # In its place, though the first record does not know of it.
    assert list(alpha)[5:-1] == ["bleu", "nist", "nist_p", "meteor", "rouge_l", "cider"]
    assert "- Absent: meteor, because no Java runtime was found: 2 runs." in text


def test_a_score_that_no_run_has_has_no_column_but_its_reason(tmp_path):
    text = rendered(tmp_path, make_text_record(absent=NO_METEOR), name="e2e-embedded-minilm")
    assert "meteor" not in grids(text)[0][0]
    assert "- Absent: meteor, because no Java runtime was found: 1 run." in text


def test_an_exam_has_a_column_a_reading_with_its_interval(tmp_path):
    shares = [(0.25, 0.5), (0.75, 0.5)]
    records = [make_solving_record({"paper": a, "math_verify": b}, seed=seed) for seed, (a, b) in enumerate(shares)]
    text = rendered(tmp_path, *records, name="math-embedded-minilm")
    (row,) = grids(text)[0]
    assert list(row)[5:] == ["gsm8k (paper)", "gsm8k (math_verify)", "dev log-likelihood", "samples/s"]
    assert (row["gsm8k (paper)"], row["gsm8k (math_verify)"]) == ("50.0 ± 35.4 [28.0, 72.0]", "50.0 ± 0.0 [28.0, 72.0]")
    assert row["dev log-likelihood"] == "-0.500 ± 0.000"
    asked = "gsm8k, 16 questions of openai/gsm8k (main, test), decoded with beams=1, max_new_tokens=64"
    assert f"- Exam: {asked}: 2 runs." in text
    assert "gsm8k (paper) x100" in text and "of 2 seeds unless" in text


def test_an_exams_published_score_stands_beside_the_papers_reading_alone(tmp_path):
    record = make_solving_record({"paper": 0.5, "math_verify": 0.5}, source="hub", backbone="mistral-7b")
    (row,) = grids(rendered(tmp_path, record, name="math-mistral-7b"))[0]
    assert row["gsm8k (paper), published"] == "69.2"
    assert [name for name in row if "published" in name] == ["gsm8k (paper), published"]


def test_a_reading_that_finds_nothing_comes_last(tmp_path):
    """Such as that of the papers' scripts of answers that were learnt from GSM8K itself."""
    record = make_solving_record({"paper": 0.0, "announced": 0.5})
    unread = record.exams["gsm8k"].marks["paper"].model_copy(update={"unread": 16})
    solved = record.exams["gsm8k"].model_copy(update={"marks": record.exams["gsm8k"].marks | {"paper": unread}})
    text = rendered(tmp_path, record.model_copy(update={"exams": {"gsm8k": solved}}), name="math-embedded-minilm")
    assert list(grids(text)[0][0])[5:7] == ["gsm8k (announced)", "gsm8k (paper)"]


@pytest.mark.parametrize(
    ("facts", "comparable"),
    [
        ({}, True),
        ({"judge": "smollm2"}, False),
        ({"questions": 16}, False),
        ({"prompts": "the suite's own (a)"}, False),
    ],
)
def test_a_published_score_stands_beside_a_judge_of_its_kind_alone(facts, comparable, tmp_path):
    record = make_judged_record(5.0, source="hub", backbone="llama2-7b")
    record = record.model_copy(update={"mt_bench": record.mt_bench.model_copy(update=facts)})
    (row,) = grids(rendered(tmp_path, record, name="alpaca-llama2-7b"))[0]
    assert [name.rpartition(", ")[2] for name in row if "published" in name] == ["published"] * comparable


def test_two_judges_have_columns_of_their_own(tmp_path):
    records = [make_judged_record(5.0), make_judged_record(7.0, judge="other", method="beta")]
    records.append(make_judged_record(None, method="gamma"))
    text = rendered(tmp_path, *records, name="alpaca-embedded-minilm")
    alpha, beta, gamma, *_ = grids(text)[0]
    mine, others = (f"MT-Bench turn 1 ({judge}, FastChat's (abc), 80 questions)" for judge in ("gpt-4", "other"))
    assert [(row[mine], row[others]) for row in (alpha, beta, gamma)] == [
        ("5.00 [0.25]", "-"),
        ("-", "7.00 [0.25]"),
        ("-", "-"),
    ]
    assert "of 1 seed unless" in text


def test_texts_are_drawn_by_their_first_score(tmp_path):
    untrained = make_text_record({"bleu": 0.01}, method="none", targets="-", trained=0, stored=0, adapter_bytes=0)
    unscored = texts([0.5], absent={"bleu": "lost"}, method="beta")
    lost = make_text_record(absent={"bleu": "lost"}, seed=3)
    (sheet,) = sheets_of([*texts([0.68, 0.70, 0.75]), lost, untrained, *unscored])
    alpha, none = front.of_sheet(sheet, tmp_path).standings
    assert (alpha.row.method, alpha.score) == ("alpha", pytest.approx(71.0))
    assert (none.row.method, none.stored, none.score) == ("none", 0, pytest.approx(1.0))
    assert sheet.kind.axis == "bleu x100 on the test split"


def test_an_untrained_backbone_alone_has_a_table_and_a_figure(tmp_path):
    save(tmp_path, make_text_record(method="none", targets="-", trained=0, stored=0, adapter_bytes=0))
    table, drawing, _ = render(tmp_path, PUBLISHED)
    (row,) = grids(table.read_text())[0]
    assert [row[column] for column in ("trained", "stored", "adapter bytes", "bleu")] == ["0", "0", "0", "68.1"]
    assert drawing.read_bytes().startswith(b"\x89PNG")


def test_generated_data_of_texts_says_so_and_has_no_published_figure(tmp_path):
    record = make_text_record(backbone="gpt2-medium")
    text = rendered(tmp_path, record, name="e2e-embedded-gpt2-medium")
    assert text.startswith("# e2e, gpt2-medium: generated data, not E2E\n")
    assert "The data is generated and is NOT E2E" in text
    assert "published" not in text and "70.1" not in text


def changed(root, change, record):
    """Write one record whose JSON ``change`` edits; return its path."""
    (path,) = save(root, record)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda record: record.update(scores=None), "finished without scores"),
        (lambda record: record.update(cost=None), "finished without cost"),
        (lambda record: record.update(epochs=[]), "finished without epochs"),
        (lambda record: record["scores"].pop("held_out"), "scores.held_out is missing"),
        (lambda record: record["scores"].update(best=float("nan")), "scores.best must be a finite number, got nan"),
        (
            lambda record: record["generation"]["scores"].update(nist=float("inf")),
            "generation.scores.nist must be a finite number, got inf",
        ),
        (lambda record: record["scores"].update(primary="f1"), "epoch 1 lacks the metric 'f1'"),
        (lambda record: record.update(status="failed"), "failed without a reason"),
    ],
)
def test_what_a_record_lacks_is_an_error_naming_the_file(tmp_path, change, complaint):
    path = changed(tmp_path, change, make_text_record())
    with pytest.raises(SuiteError, match=complaint) as caught:
        render(tmp_path, [])
    assert str(path) in str(caught.value)
    assert not (tmp_path / "tables").exists()


def test_one_seed_twice_is_refused(tmp_path):
    save(tmp_path, make_record(config={"lr": 1}), make_record(config={"lr": "1"}))
    with pytest.raises(SuiteError, match=r"two records of the same run \(glue/mrpc, alpha, qv, seed 0\)"):
        render(tmp_path, [])


def test_one_task_scored_by_two_metrics_is_refused(tmp_path):
    save(tmp_path, make_record(), make_record(method="beta", primary="f1"))
    with pytest.raises(SuiteError, match="glue/mrpc on minilm is scored by accuracy and by f1"):
        render(tmp_path, [])


def sheet_of(*records: Record) -> Sheet:
    return Sheet("glue", "minilm", embedded=True, fingerprint=None, records=list(records))


def test_the_brief_table_has_the_main_tables_cells():
    records = [*seeds([0.80, 0.90, 0.85]), make_record(task="glue/rte", best=0.7), make_record(seed=4, error="NaN")]
    (page,) = tables.pages(sheet_of(*records))
    text = shown(page.columns)
    cells = ["alpha", "qv", "12,345", "6,789", "27,156", "85.0 ± 5.0", "70.0 (n=1)", "150"]
    assert [column.cells for column in page.columns] == [[cell] for cell in cells]
    assert "mrpc" in text and "glue/" not in text and list(page.notes) == ["1 run failed"]


def test_the_brief_table_of_texts_has_the_main_tables_cells():
    made = columns.brief(sheet_of(*texts([0.68, 0.70, 0.75]), make_text_record(seed=4, error="NaN")))
    cells = ["alpha", "qv", "12,345", "6,789", "27,156", "71.0 ± 3.6", "8.62 ± 0.00", "8.71 ± 0.00", "46.2 ± 0.0"]
    assert [cell for column in made for cell in column.cells] == [*cells, "70.5 ± 0.0", "2.44 ± 0.00", "150"]
    assert {"bleu", "nist_p"} <= {column.heading for column in made}


def test_the_brief_table_never_mixes_backbones_or_data_and_shows_settings_as_they_are():
    records = [
        make_record(config={"maps": "[red]"}),
        make_record(seed=1, config={"maps": "[red]"}, backbone="other"),
        make_record(seed=2, config={"maps": "[red]"}, data_fingerprint="abcdef"),
        make_record(seed=3, config={"maps": "[blue]"}),
    ]
    made = columns.brief(sheet_of(*records))
    assert [len(column.cells) for column in made] == [4] * len(made)
    assert "maps=[red]" in shown(made) and "backbone name=other" in shown(made)


def printed_beside(tmp_path: Path, *records: Record, name: str, task: str) -> list[str]:
    ((line, *_), *_) = grids(rendered(tmp_path, *records, name=name, published=published.load()))
    return [line[f"{task}, published"], line[f"{task}, verdict"]]


def test_a_figure_that_two_papers_print_stands_once(tmp_path: Path) -> None:
    """VeRA's run on MRPC is in its own table and in VB-LoRA's."""
    vera = [run_of(score, seed, row_of("roberta-large", "vera")) for seed, score in enumerate(around(90.9))]
    assert printed_beside(tmp_path, *vera, name="glue-roberta-large", task="mrpc") == [
        "90.9 ± 0.7 (rank 256)",
        "reproduced",
    ]


def test_an_ablations_figure_stands_beside_runs_with_its_settings_alone(tmp_path: Path) -> None:
    row = row_of("roberta-large", "vb_lora", source="vb_lora", table=6, variant="b = 512, h = 60")
    cells = {}
    for name, of in {"ablation": row, "table 1": row_of("roberta-large", "vb_lora")}.items():
        chosen = {"task": "glue/cola", "rows": 8551, "dev": 1043, "primary": "matthews"}
        runs = [run_of(score, seed, of, **chosen) for seed, score in enumerate(around(67.8))]
        cells[name] = printed_beside(tmp_path / name, *runs, name="glue-roberta-large", task="cola")[0].split("; ")
    assert "67.8 ± 0.8" in cells["ablation"] and "67.8 ± 0.8" not in cells["table 1"]
    assert cells["table 1"].count("68.3 ± 0.7") == 1  # of tables 1 and 5
