"""A sheet's figures are drawn again where what they show has changed, and only there."""

import shutil
from collections.abc import Callable
from pathlib import Path

import grimp
import pytest
from support.record_factory import make_record, save

from benchmarks.records import predictions, store
from benchmarks.report import names, tables
from benchmarks.report.figures import pareto, unchanged

RESULTS = Path(__file__).parents[4] / "results"
STEM = "glue-embedded-minilm"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of some records, with their tables and figures."""
    root = tmp_path_factory.mktemp("results")
    save(root, make_record(seed=0), make_record(seed=1, best=0.8))
    tables.render(tables.sheets_below(root), root, [])
    return root


@pytest.fixture
def drawn(results: Path, tmp_path: Path, monkeypatch) -> Callable[[], int]:
    """Return what makes the tables of a copy again, and says how many figures of adapters' bytes it drew."""
    shutil.copytree(results, tmp_path, dirs_exist_ok=True)
    counted, draw = [], pareto.draw
    monkeypatch.setattr(pareto, "draw", lambda *given: counted.append(given) or draw(*given))

    def make() -> int:
        counted.clear()
        tables.render(tables.sheets_below(tmp_path), tmp_path, [])
        return len(counted)

    return make


def contents(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for folder in ("figures", "tables") for path in (root / folder).iterdir()}


def test_nothing_is_drawn_where_nothing_changed(drawn: Callable[[], int], tmp_path: Path) -> None:
    before = contents(tmp_path)
    assert drawn() == 0
    assert contents(tmp_path) == before and f"{STEM}.svg" in before


@pytest.mark.parametrize("name", [f"{STEM}-seeds.pdf", f".{STEM}.json"])
def test_a_file_that_is_lost_or_damaged_is_made_again(name: str, drawn: Callable[[], int], tmp_path: Path) -> None:
    before = contents(tmp_path)
    (tmp_path / "figures" / name).write_bytes(b"[]")
    assert drawn() == 1
    (tmp_path / "figures" / name).unlink()
    assert drawn() == 1
    assert contents(tmp_path) == before


def test_a_new_record_is_drawn(drawn: Callable[[], int], tmp_path: Path) -> None:
    save(tmp_path, make_record(method="beta"))
    assert (drawn(), drawn()) == (1, 0)


def test_predictions_that_changed_are_drawn(drawn: Callable[[], int], tmp_path: Path) -> None:
    (run, *_) = tables.sheets_below(tmp_path)[0].records
    predictions.place(store.path_of(run, tmp_path)).write_bytes(b"other answers")
    assert (drawn(), drawn()) == (1, 0)


def test_another_look_is_drawn(drawn: Callable[[], int], monkeypatch) -> None:
    monkeypatch.setattr(names, "COLOURS", names.COLOURS[::-1])
    assert (drawn(), drawn()) == (1, 0)


def test_other_code_draws_again(drawn: Callable[[], int], tmp_path: Path, monkeypatch) -> None:
    code = tmp_path / "code"
    code.mkdir()
    monkeypatch.setattr(unchanged, "CODE", [str(code)])
    assert (drawn(), drawn()) == (1, 0)
    (code / "pareto.py").write_text("DPI = 300\n")
    assert (drawn(), drawn()) == (1, 0)


def test_the_code_that_counts_is_all_that_draws_figures() -> None:
    graph = grimp.build_graph("benchmarks")
    drawing = [f"benchmarks.report.figures.{name}" for name in ("canvas", "curves", "pareto", "seeds")]
    used = set().union(*(graph.find_upstream_modules(name) for name in (*drawing, "benchmarks.analysis.front")))
    counted = tuple("benchmarks." + name.removesuffix(".py").replace("/", ".") for name in unchanged.CODE)
    shows_nothing = {f"benchmarks.{name}" for name in ("conf", "errors", "markup", "typed")}
    assert {name for name in used if not name.startswith(counted)} == shows_nothing


def test_a_clone_need_not_draw_the_committed_figures() -> None:
    sheets = tables.sheets_below(RESULTS)
    stale = [
        sheet.stem
        for sheet in sheets
        if unchanged.kept(RESULTS / "figures" / sheet.stem, unchanged.digest(sheet, RESULTS)) is None
    ]
    assert sheets and not stale, f"run `make tables` and commit results/figures: {', '.join(stale)}"
