"""The command that makes the page: what it writes, that it is the committed one, and bad input as one line."""

import re
import sys
from pathlib import Path

from support.record_factory import make_record, save

from scripts import report

RESULTS = Path(__file__).parents[2] / "results"
MOST = 3_000_000  # bytes


def test_the_page_lies_beside_its_records_and_the_same_records_give_the_same_bytes(tmp_path: Path, capsys) -> None:
    save(tmp_path, make_record(source="hub"), make_record(method="beta", seed=1, source="hub"))
    assert report.main(["--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"page    {tmp_path}/report.html\n"
    other = tmp_path / "other.html"
    assert report.main(["--root", str(tmp_path), "--out", str(other)]) == 0
    page = (tmp_path / "report.html").read_bytes()
    assert page == other.read_bytes()
    assert b"NOT GLUE" not in page and b"beta" in page and len(page) < MOST


def test_generated_data_is_said_to_be_that(tmp_path: Path) -> None:
    save(tmp_path, make_record(source="embedded"))
    assert report.main(["--root", str(tmp_path)]) == 0
    assert "The data is generated and is NOT GLUE" in (tmp_path / "report.html").read_text()


def test_the_committed_page_is_what_the_committed_records_give(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(RESULTS.parent)
    made, committed = tmp_path / "report.html", RESULTS / "report.html"
    assert report.main(["--out", str(made)]) == 0
    assert made.read_bytes() == committed.read_bytes(), "make report, and commit results/report.html"
    assert len(committed.read_bytes()) < MOST


def test_the_committed_page_holds_what_it_is_to_hold() -> None:
    page = (RESULTS / "report.html").read_text()
    told = re.search(r'id="provenance".*?</section>', page, re.DOTALL)[0]
    assert all(figure in told for figure in ("glue/rte", "86.6 (lora, from MNLI)", "71.5 (randlora)", "15.1"))
    for part in ("glue, minilm: main table", "VB-LoRA", "Tied-LoRA", "Which methods differ: glue, minilm", "peak MiB"):
        assert part in page
    for part in ("Tuned beside default", "Verdicts on published scores", "does not follow", "347841518301"):
        assert part in page
    assert "python scripts/train.py task=glue/mrpc backbone=minilm method=vb_lora targets=qv" in page


def test_without_its_extra_the_command_says_what_to_install(tmp_path: Path, monkeypatch, capsys) -> None:
    for name in [name for name in sys.modules if name.startswith("benchmarks.report.page")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "vl_convert", None)  # as if it were not installed
    assert report.main(["--root", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "vl_convert" in line and "'.[report]'" in line
