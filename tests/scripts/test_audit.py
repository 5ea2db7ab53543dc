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


def test_every_published_count_of_what_is_here_is_derived(found: list[Entry]) -> None:
    """Of every row with a recipe, and of the others whose method, backbone and maps are known."""
    rows = [row for row in published.load() if row.printed_count]
    derived = [(e.source, e.table, e.backbone, e.method, e.printed) for e in found]
    left = [r for r in rows if (r.source, r.table, r.backbone, r.method, r.printed_count) not in derived]
    assert (len(rows), len(found)) == (405, 242)
    here = [row for row in left if row.method in methods.find() and row.backbone in conf.options("backbone")]
    assert not published.runnable(left)
    assert not [row for row in here if row.targets]
    for entry in found:
        method = methods.find()[entry.method]
        assert (entry.maps > 0) == method.adapts_sites
        assert entry.trained >= 0 and entry.stored <= entry.trained
        assert (entry.regenerated > 0) == (entry.method in REGENERATING) == (entry.regenerated_from is not None)
        assert entry.head == (0 if entry.benchmark != "glue" else {"roberta-base": 592130}.get(entry.backbone, 1051650))


REGENERATING = ("fourierft", "lora_fa", "lora_xs", "pissa", "randlora", "svft", "tinylora", "uni_lora", "vera")


def test_without_a_recipe_the_row_alone_says_what_is_counted() -> None:
    (row,) = [row for row in published.load() if row.source == "psoft" and row.table == 4 and row.method == "dora"]
    (entry,) = ledger.entries([row])
    assert (entry.printed, entry.stored, entry.follows) == ("12.9M", 12_931_072, True)
    assert entry.hyperparameters == {"rank": 8}  # and no alpha, of which the row says nothing
    assert (entry.maps, entry.targets) == (7 * 28, "all")
    wrong = row.model_copy(update={"settings": {"method.topk": 2}})
    with pytest.raises(SuiteError, match="dora has no setting topk; known: rank, alpha, dropout"):
        ledger.entries([wrong])


# By source, backbone, method and what is printed: all digits of what it stands for, worked out from the model's sides.
EXACT = {
    ("svft", "gemma-2b", "svft", "0.19M"): 193_536,
    ("svft", "gemma-2b", "svft", "6.35M"): 6_352_416,
    ("svft", "gemma-7b", "svft", "0.43M"): 602_112,
    ("svft", "gemma-7b", "svft", "19.8M"): 19_816_384,
    ("svft", "llama3-8b", "svft", "0.48M"): 524_288,
    ("svft", "llama3-8b", "svft", "13.1M"): 13_087_232,
    ("c3a", "roberta-base", "ia3", "0.111M"): 110_592,
    ("c3a", "roberta-large", "ia3", "0.295M"): 294_912,
    ("c3a", "roberta-base", "bitfit", "0.102M"): 102_144,
    ("c3a", "roberta-large", "bitfit", "0.271M"): 271_360,
    ("dora", "llama3-8b", "dora", "0.71%"): 57_409_536,
    ("dora", "llama2-7b", "lora", "2.31%"): 159_907_840,
    ("c3a", "llama2-7b", "vera", "0.05%"): 3_497_984,
    ("randlora", "llama3-8b", "randlora", "0.36%"): 28_778_112,
}


def test_counts_are_right_to_the_last_digit(found: list[Entry]) -> None:
    """Those of peft's own comparison too, which prints all of them."""
    stored = {(e.source, e.backbone, e.method, e.printed): e.stored for e in found}
    assert {key: stored[key] for key in EXACT} == EXACT
    compared = [e for e in found if e.source == "hf_peft" and e.method != "vb_lora"]
    assert len(compared) == 17
    assert all(e.stored == int(e.printed.replace(",", "")) for e in compared)


@pytest.mark.parametrize(
    ("of_row", "maps", "stored"),
    [
        # What the heads of two tables say would give their figures, and BitFit without LayerNorms.
        (("svft", "gemma-7b", "svft", "0.43M"), ["q_proj", "k_proj", "v_proj", "up_proj", "down_proj"], 430_080),
        (("lora_sb", "roberta-large", "lora", "2162K"), ["query", "key", "value", "intermediate.dense"], 2_162_688),
        (("c3a", "roberta-base", "bitfit", "0.102M"), ["query", "key", "value", "dense"], 82_944),
        (("c3a", "roberta-large", "bitfit", "0.271M"), ["query", "key", "value", "dense"], 221_184),
    ],
)
def test_on_other_maps_it_is_another_count(of_row: tuple[str, ...], maps: list[str], stored: int) -> None:
    rows = [row for row in published.load() if (row.source, row.backbone, row.method, row.printed_count) == of_row]
    (entry,) = ledger.entries([row.model_copy(update={"targets": maps}) for row in rows])
    assert entry.stored == stored


FIVE = "q_proj,k_proj,v_proj,up_proj,down_proj"
CUT = "cutting off the digits"
# By backbone, method, targets and what is printed: what the definition gives, and what else gives the printed figure.
DO_NOT_FOLLOW = {
    ("roberta-base", "full", "-", "125M"): ("124M", "with the head (124,647,938)"),
    ("roberta-base", "full", "-", "125.0M"): ("124.1M", None),
    ("roberta-large", "full", "-", "355.0M"): ("354.3M", None),
    ("roberta-large", "full", "-", "356M"): ("354M", None),
    ("gpt2-medium", "full", "-", "354.92M"): ("354.82M", None),
    ("roberta-base", "vb_lora", "qv", "0.023M"): ("0.024M", "k indices as bytes, and no weight (23,328)"),
    ("roberta-large", "vb_lora", "qv", "0.024M"): ("0.025M", "k indices as bytes, and no weight (23,808)"),
    ("roberta-large", "vb_lora", "qv", "162K"): ("25K", None),
    ("llama2-7b", "vb_lora", "all", "0.8M"): ("0.6M", "k indices of 64 bits, k weights (758,528)"),
    ("llama2-13b", "vb_lora", "all", "1.1M"): ("0.8M", "k indices of 64 bits, k weights (1,074,368)"),
    ("llama-3.2-3b", "vb_lora", "q_proj,v_proj", "1,212,416"): ("72,256", "what is trained (1,212,416)"),
    ("gpt2-medium", "lora", "qv", "0.35M"): ("0.39M", None),
    ("gpt2-large", "lora", "qv", "0.77M"): ("0.74M", None),
    ("llama-7b", "lora", "qv", "33.5M"): ("33.6M", CUT),
    ("llama2-7b", "lora", "qv", "33.5M"): ("33.6M", CUT),
    ("mistral-7b", "lora", "all", "83.88M"): ("83.89M", CUT),
    ("roberta-large", "lora", "query,key,value,attention.output.dense", "2162K"): ("1573K", None),
    ("roberta-large", "lora_xs", "query,key,value,attention.output.dense", "55.2K"): ("55.3K", CUT),
    ("roberta-base", "vera", "all", "0.26M"): ("0.16M", None),
    ("gemma-2b", "dora", FIVE, "1.19M"): ("1.20M", CUT),
    ("gemma-7b", "dora", FIVE, "3.26M"): ("3.27M", CUT),
    ("llama3-8b", "dora", FIVE, "2.55M"): ("2.56M", CUT),
    ("gemma-7b", "lora", FIVE, "0.82M"): ("2.15M", None),
    ("gemma-7b", "vera", "gate_proj,up_proj", "0.43M"): ("1.43M", None),
    ("gemma-7b", "svft", "all", "0.43M"): ("0.60M", None),
    ("llama3-8b", "svft", "o_proj,gate_proj,up_proj,down_proj", "0.48M"): ("0.52M", None),
    ("llama-7b", "lora", "all", "2.31%"): ("2.32%", CUT),
    ("llama2-7b", "lora", "all", "2.31%"): ("2.32%", CUT),
    ("llama-7b", "dora", "all", "2.33%"): ("2.34%", CUT),
    ("llama2-7b", "dora", "all", "2.33%"): ("2.34%", CUT),
    ("llama3-8b", "dora", FIVE, "0.35%"): ("0.36%", None),
    ("llama3-8b", "vera", FIVE, "0.014%"): ("0.012%", None),
    ("llama3-8b", "randlora", FIVE, "0.35%"): ("0.36%", CUT),
}


def test_what_does_not_follow_is_known(found: list[Entry]) -> None:
    """176 of the 211 adapter rows follow, among them 34 of the 40 in VB-LoRA's and LoRA-XS's tables."""
    adapters = [entry for entry in found if methods.find()[entry.method].adapts_sites]
    assert (len(adapters), sum(entry.follows for entry in adapters)) == (211, 176)
    first = [entry for entry in adapters if entry.source in ("vb_lora", "lora_xs")]
    assert (len(first), sum(entry.follows for entry in first)) == (40, 34)
    others = {(e.backbone, e.method, e.targets, e.printed): (e.derived, e.reading) for e in found if not e.follows}
    assert others == DO_NOT_FOLLOW
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


def test_a_figure_without_a_unit_is_whole() -> None:
    assert (ledger.rounded(3584, "3,584", 1), ledger.rounded(3583.75, "3,583", 1)) == ("3,584", "3,584")


def test_a_share_is_of_all_that_is_there() -> None:
    """Of Llama3-8B's 8,030,261,248 numbers and the adapter's 56,623,104; of the backbone's alone it would be 0.71%."""
    whole = 8_030_261_248 + 56_623_104
    assert (ledger.rounded(56_623_104, "0.70%", whole), ledger.rounded(56_623_104, "0.7%", whole)) == ("0.70%", "0.7%")


@pytest.mark.parametrize("printed", ["0.3", "many", "M", "3.x2M", "%", "NaNM", ""])
def test_a_figure_that_is_none_is_one_line(printed: str) -> None:
    with pytest.raises(SuiteError, match="must be a figure such as"):
        ledger.rounded(1.0, printed, 10.0)


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
            "must be a figure such as 0.023M, 6.1K, 7B, 0.83% or 3,584, got 'many'",
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
