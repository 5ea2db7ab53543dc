"""The ledger: every published count, derived from recipe and ``init``; and what a wrong one does."""

import json
import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import methods
from benchmarks import conf, markup
from benchmarks.errors import SuiteError
from benchmarks.papers import ledger, published
from benchmarks.papers.ledger import Entry
from benchmarks.report import ledger_table
from benchmarks.training import job
from benchmarks.training.plan import method_of
from methods.lora import LoRA
from scripts import audit

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found() -> list[Entry]:
    return ledger.entries(published.load())


def test_every_published_row_has_a_recipe_and_a_count(found: list[Entry]) -> None:
    rows = [row for row in published.runnable(published.load()) if row.parameters_as_printed]
    assert len(found) == len(rows) == 67
    assert [(e.backbone, e.method, e.printed) for e in found] == [
        (row.backbone, row.method, row.parameters_as_printed) for row in rows
    ]
    for entry in found:
        method = methods.find()[entry.method]
        assert (entry.maps > 0) == method.adapts_sites
        assert entry.trained >= 0 and entry.stored <= entry.trained
        regenerates = entry.method in ("vera", "lora_xs", "uni_lora", "randlora", "fourierft")
        assert (entry.regenerated > 0) == regenerates == (entry.regenerated_from is not None)
        assert entry.head == (0 if entry.benchmark != "glue" else {"roberta-base": 592130}.get(entry.backbone, 1051650))


def test_what_does_not_follow_is_what_the_design_says(found: list[Entry]) -> None:
    """50 of the 60 adapter rows follow. Of the others, and of two whole models, what the definition gives."""
    adapters = [entry for entry in found if methods.find()[entry.method].adapts_sites]
    assert (len(adapters), sum(entry.follows for entry in adapters)) == (60, 50)
    first = [entry for entry in adapters if entry.source in ("vb_lora", "lora_xs")]
    assert (len(first), sum(entry.follows for entry in first)) == (40, 34)
    others = {(e.backbone, e.method, e.targets, e.printed): (e.derived, e.reading) for e in found if not e.follows}
    bytes_alone, wide = "k indices as bytes, and no weight", "k indices of 64 bits, k weights"
    assert others == {
        ("roberta-base", "full", "-", "125M"): ("124M", "with the head (124,647,938)"),
        ("roberta-base", "vb_lora", "qv", "0.023M"): ("0.024M", f"{bytes_alone} (23,328)"),
        ("roberta-large", "vb_lora", "qv", "0.024M"): ("0.025M", f"{bytes_alone} (23,808)"),
        ("gpt2-medium", "full", "-", "354.92M"): ("354.82M", None),
        ("gpt2-medium", "lora", "qv", "0.35M"): ("0.39M", None),
        ("gpt2-large", "lora", "qv", "0.77M"): ("0.74M", None),
        ("llama2-7b", "vb_lora", "all", "0.8M"): ("0.6M", f"{wide} (758,528)"),
        ("llama2-13b", "vb_lora", "all", "1.1M"): ("0.8M", f"{wide} (1,074,368)"),
    }
    assert ledger_table.surprises(found) == []


def test_the_committed_ledger_is_what_is_derived(found: list[Entry]) -> None:
    assert (ROOT / "results" / "tables" / "ledger.md").read_text() == markup.document(
        [ledger_table.page(found)], "markdown"
    )


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """Return a copy of results/published with one wrong count, and one of the known wrong ones mended."""
    copy = shutil.copytree(conf.PUBLISHED, tmp_path / "published")
    for name, old, new in (
        ("vb_lora-table1-glue.yaml", "parameters_as_printed: 0.295M", "parameters_as_printed: 0.259M"),
        ("vb_lora-table2-e2e.yaml", "parameters_as_printed: 0.35M", "parameters_as_printed: 0.39M"),
    ):
        text = (copy / name).read_text()
        assert text.count(old) == 1
        (copy / name).write_text(text.replace(old, new))
    return copy


def test_a_wrong_count_is_named(planted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["--published", str(planted), "--row", "roberta-base lora"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "roberta-base lora qv r=8 (run by lora): 0.259M is printed, and 294,912 numbers are 0.295M" in line
    assert audit.main(["--published", str(planted), "--row", "gpt2-medium lora"]) == 1
    assert "set count_follows to true" in capsys.readouterr().err


def test_one_row_is_a_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["--row", "gpt2-medium vb_lora"]) == 0
    shown = capsys.readouterr().out
    assert all(part in shown for part in ("gpt2-medium vb_lora all", "75,904", "1,835,008", "303,856", "follows"))
    assert audit.main(["--row", "glue roberta-base r=8"]) == 2
    assert audit.main(["--row", "roberta-base lora r=8"]) == 0
    assert "294,912" in capsys.readouterr().out
    assert audit.main(["--row", "gpt2-huge"]) == 2
    assert "--row gpt2-huge: no row's name has these words" in capsys.readouterr().err


def test_formats_hold_the_same_rows(found: list[Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "entries", lambda rows: found)
    for kind in ("json", "latex", "markdown"):
        assert audit.main(["--format", kind, "--out", str(tmp_path / kind)]) == 0
    read = json.loads((tmp_path / "json").read_text())
    assert [row["stored"] for row in read] == [entry.stored for entry in found]
    assert {row["verdict"] for row in read} >= {"follows", "does not follow: 0.39M"}
    lines = (tmp_path / "latex").read_text().splitlines()
    assert len(lines) == len(found) + 7
    assert all(line.count(" & ") == lines[3].count(" & ") for line in lines[3:4] + lines[5:-2])
    assert any("& VB-LoRA &" in line for line in lines) and not any("& vb" in line for line in lines)
    assert not any(line.replace(r"\_", "").count("_") for line in lines)


def test_a_formula_that_is_wrong_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoRA, "formula", "rank * outputs")
    row = published.find(published.runnable(published.load()), "glue", "roberta-base", "lora", "qv")[0]
    with pytest.raises(SuiteError, match="LoRA stores 294,912 numbers, but its formula rank"):
        ledger.entries([row])


@pytest.mark.parametrize("printed", ["0.3", "many", "M", "3.x2M"])
def test_a_figure_that_is_none_is_one_line(printed: str) -> None:
    with pytest.raises(SuiteError, match="must be a figure such as"):
        ledger.rounded(1.0, printed)


def test_where_a_paper_and_its_script_disagree_both_have_a_recipe() -> None:
    """MRPC's epochs on roberta-base, its head's rate on roberta-large, the bank of Llama2-13B."""
    glue = ["task=glue/mrpc", "method=vb_lora"]
    for backbone, keys in {"roberta-base": (30, 60), "roberta-large": (3e-3, 6e-3)}.items():
        chosen = [*glue, f"backbone={backbone}"]
        own, script = (conf.composed([*chosen, *more]) for more in ([], [f"recipe={backbone}/vb_lora-script"]))
        at = "train.epochs" if backbone == "roberta-base" else "method.lr_head"
        assert tuple(OmegaConf.select(config, at) for config in (own, script)) == keys
    chosen = ["task=alpaca", "method=vb_lora", "backbone=llama2-13b"]
    own, script = (conf.composed([*chosen, *more]) for more in ([], ["recipe=llama2-13b/vb_lora-script"]))
    made = [method_of(job.read(config)) for config in (own, script)]
    assert [(method.rank, method.vectors) for method in made] == [(6, 2048), (4, 4096)]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (("method: tied_lora", "method: loar"), "method loar, which is unknown; nearest: lora"),
        (("backbone: roberta-large", "backbone: roberta-huge"), "roberta-huge"),
        (
            ("parameters_as_printed: 0.295M", "parameters_as_printed: many"),
            "must be a figure such as 0.023M, 6.1K or 7B, got 'many'",
        ),
    ],
)
def test_a_row_that_cannot_be_counted_is_one_line(change: tuple[str, str], wanted: str, tmp_path: Path, capsys) -> None:
    copy = shutil.copytree(conf.PUBLISHED, tmp_path / "published")
    file = copy / "vb_lora-table1-glue.yaml"
    file.write_text(file.read_text().replace(*change, 1))
    for other in copy.glob("*.yaml"):
        if other != file:
            other.unlink()
    assert audit.main(["--published", str(copy)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and wanted in line


def test_a_broken_ledger_is_not_written(planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "ledger.md"
    assert audit.main(["--published", str(planted), "--row", "lora", "--format", "markdown", "--out", str(out)]) == 1
    assert not out.exists()
    assert audit.main(["--row", "lora", "--out", str(out)]) == 2
    assert "needs --format" in capsys.readouterr().err
