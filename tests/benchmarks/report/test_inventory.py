"""What exists before a run: every file of conf/, formulas as methods have them, and rows that are begun or done."""

from pathlib import Path

import pytest
from support.recipe_runs import row_of, run_of
from support.record_factory import save

import methods
from benchmarks import conf
from benchmarks.markup import Page
from benchmarks.report import inventory


def lines(page: Page) -> list[dict[str, str]]:
    headings = [column.heading for column in page.columns]
    return [dict(zip(headings, cells, strict=True)) for cells in zip(*(c.cells for c in page.columns), strict=True)]


@pytest.mark.parametrize(("section", "group"), [("tasks", "task"), ("backbones", "backbone"), ("methods", "method")])
def test_every_file_of_a_group_has_a_line(section: str, group: str) -> None:
    listed = [line[group] for line in lines(inventory.SECTIONS[section]())]
    assert listed == conf.options(group) and len(listed) > 5


def test_tasks_have_a_kind_and_scores() -> None:
    by_name = {line["task"]: line for line in lines(inventory.tasks())}
    mrpc, e2e, gsm8k = (by_name[name] for name in ("glue/mrpc", "e2e", "gsm8k"))
    assert (mrpc["kind"], mrpc["best epoch by"], mrpc["scores"]) == ("classification", "accuracy", "accuracy_f1")
    assert (e2e["kind"], e2e["best epoch by"]) == ("generation", "log_likelihood") and "meteor" in e2e["scores"]
    assert (gsm8k["kind"], gsm8k["scores"]) == ("instruction", "exam gsm8k")  # math's other exam is switched off


def test_backbones_have_the_recipes_of_their_folder() -> None:
    by_name = {line["backbone"]: line for line in lines(inventory.backbones())}
    assert by_name["gpt2-tiny"]["methods with a recipe"] == "vb_lora"
    assert (by_name["llama2-7b"]["path"], by_name["llama2-7b"]["more recipes"]) == (
        "meta-llama/Llama-2-7b-hf",
        "lora-pissa, qlora",
    )
    assert by_name["encoder"]["path"] == "backbone.path=ID_OR_DIR"
    named = ", ".join(line[column] for line in by_name.values() for column in ("methods with a recipe", "more recipes"))
    assert len(named.replace("-, ", "").removesuffix(", -").split(", ")) >= len(conf.options("recipe"))


def test_methods_have_hyperparameters_and_their_formula() -> None:
    by_name = {line["method"]: line for line in lines(inventory.methods())}
    for name, method in methods.find().items():
        stored = "all of the backbone" if method.trains_backbone else method.formula
        assert by_name[name]["numbers stored"] == stored
        starts = ("zero" if method.starts_at_zero else "not zero") if method.adapts_sites else "-"
        assert by_name[name]["starts at"] == starts
    assert by_name["vera"]["hyperparameters"].startswith("rank=256, d_initial=0.1, ")
    assert "lr={vector_bank:0.001,logits:0.01}" in by_name["vb_lora"]["hyperparameters"]
    again = {name: line["made again from"] for name, line in by_name.items() if line["made again from"] != "-"}
    seeded, weighed = ("fourierft", "lora_fa", "randlora", "uni_lora", "vera"), ("lora_xs", "pissa", "svft", "tinylora")
    assert again == dict.fromkeys(seeded, "projection_seed") | dict.fromkeys(weighed, "the weights")


def test_what_methods_can_do_is_what_they_say_of_themselves() -> None:
    """That they do it, tests of runs in one pass, of four bits, of merging and of exports say."""
    by_name = {line["method"]: line for line in lines(inventory.capabilities())}
    assert list(by_name) == conf.options("method")
    for name, method in methods.find().items():
        can = {heading for heading, answer in by_name[name].items() if answer == "yes"}
        assert ("runs in one pass" in can) == ("over nf4" in can) == (not method.trains_backbone)
        assert ("merges" in can) == method.adapts_sites
        assert ("starts at zero" in can) == (method.adapts_sites and method.starts_at_zero)
    of_weights = {name for name, line in by_name.items() if line["needs W"] == "yes"}
    assert of_weights == {"dora", "lora_xs", "pissa", "svft", "tinylora"}


def test_where_sources_disagree_both_settings_are_listed() -> None:
    page = inventory.conflicts()
    found = {(line["recipe"], line["setting"]): (line["without it"], line["with it"]) for line in lines(page)}
    assert found["roberta-base/lora-paper", "method.alpha"] == ("16", "8")
    assert found["roberta-large/lora-paper", "by_task.lr.cola"] == ("0.0003", "0.0002")
    assert found["gpt2-medium/lora-paper", "backbone.length_penalty"] == ("the default", "0.9")
    assert found["roberta-large/vera-paper", "train.batch_size"] == ("the default", "128")
    assert found["gemma-2b/svft-random-script", "method.lr"] == ("0.001", "0.05")
    assert ("roberta-large/lora-paper", "by_task.lr.mnli") not in found  # both have 3e-4
    assert len(page.notes) == len({name for name, _ in found}) == 8
    assert "section 4.1 says a batch of 32" in page.notes[-1]


def counts(name: str) -> tuple[str, str]:
    (line,) = [line for line in lines(inventory.tables()) if line["table"] == name]
    return line["begun"], line["done"]


def test_rows_are_begun_and_done_by_their_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    row = row_of("gpt2-medium", "vb_lora", "all")
    runs = [run_of(70.0, seed, row, "e2e") for seed in (0, 1, 2)]
    assert counts("vb_lora 2") == ("0", "0")
    save(tmp_path / "results" / "local" / "mine", *runs[:2])
    assert counts("vb_lora 2") == ("1", "0")
    failed = runs[2].model_copy(update={"status": "failed", "error": "out of memory"})
    save(tmp_path / "results", failed)
    assert counts("vb_lora 2") == ("1", "0")
    save(tmp_path / "results", runs[2])
    assert counts("vb_lora 2") == ("1", "1") and counts("vb_lora 1") == ("0", "0")


def test_runs_on_generated_data_or_of_another_rank_are_of_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    row = row_of("roberta-large", "lora_xs", "query,value,attention.output.dense,output.dense", rank=16)
    save(tmp_path / "results", run_of(90.0, 0, row, config={"method.rank": 5}))
    save(tmp_path / "results", run_of(90.0, 1, row, source="embedded"))
    assert counts("lora_xs GLUE") == ("0", "0")
    save(tmp_path / "results", run_of(90.0, 0, row))
    assert counts("lora_xs GLUE") == ("1", "0")  # of one task of six
