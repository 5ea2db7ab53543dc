"""The page in a browser: it asks no network, sorts and filters, draws its figures, and shows names as text."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from support.browser import Opened, browser, opened
from support.record_factory import make_record, make_text_record, save

from benchmarks.analysis.sheets import load, sheets_of
from benchmarks.report.page import document

__all__ = ["browser"]  # a fixture, which pytest finds by its name here

RESULTS = Path(__file__).parents[4] / "results"
EVIL = "<img src=http://example.org/x onerror=alert(1)>"
CLOSING = "</script><script>alert(2)</script>"
CHOSEN = "#glue-minilm table:has(caption:text-is('glue, minilm: best, last and held-out'))"


def records() -> list:
    """Return runs of two methods on two tasks; VeRA has one seed on all, LoRA three on qv."""
    made = []
    for task, level in (("glue/mrpc", 0.8), ("glue/rte", 0.6)):
        for seed in range(3):
            scores = {"best": level + seed / 100, "last": level - 0.01, "held_out": level - 0.02}
            made.append(make_record(task, "lora", "qv", seed, **scores, stored=9_000.0, source="hub"))
        made.append(make_record(task, "vera", "all", 0, best=level + 0.05, last=level, stored=400.0, source="hub"))
        made.append(make_record(task, "head", "-", 0, best=level - 0.1, stored=0.0, source="hub"))
    return made


def written(sheets: list, folder: Path) -> Path:
    file = folder / "report.html"
    file.write_text(document.html(sheets, folder, [], folder / "ledger.md"))
    return file


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    save(folder, *records())
    return written(sheets_of(load(folder)), folder)


@pytest.fixture
def kept(browser: Browser, file: Path) -> Iterator[Opened]:
    kept = opened(browser, file)
    yield kept
    assert (kept.errors, kept.dialogs, kept.asked) == ([], [], [file.as_uri()])
    kept.page.context.close()


def column(page: Page, heading: str, table: str = CHOSEN) -> list[str]:
    """Return the cells of a column that are shown, from the top."""
    headings = [text.strip() for text in page.locator(f"{table} thead th").all_inner_texts()]
    lines = page.locator(f"{table} tbody tr:visible").all()
    return [line.locator("td").nth(headings.index(heading)).inner_text() for line in lines]


def test_the_committed_page_draws_its_figures_without_a_network(browser: Browser) -> None:
    file = RESULTS / "report.html"
    for width, scheme in ((1280, "light"), (400, "dark")):
        kept = opened(browser, file, width, color_scheme=scheme)
        drawn = kept.page.locator("figure .drawn svg.marks")
        assert drawn.count() == kept.page.locator("figure").count() > 8
        assert (kept.errors, kept.dialogs, kept.asked) == ([], [], [file.as_uri()])
        assert kept.page.evaluate("document.documentElement.scrollWidth") == width  # tables scroll, the page does not
        ground = kept.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[scheme]
        kept.page.context.close()


def test_a_click_sorts_by_number_and_another_the_other_way(kept: Opened) -> None:
    table = "#glue-minilm table:has(caption:text('score against size'))"
    button = kept.page.locator(f"{table} th button", has_text="stored")
    assert column(kept.page, "stored", table) == ["0", "9,000", "400"]
    button.click()
    assert column(kept.page, "stored", table) == ["9,000", "400", "0"]
    button.click()
    assert column(kept.page, "stored", table) == ["0", "400", "9,000"]
    head = kept.page.locator(f"{table} th", has_text="stored")
    assert head.get_attribute("aria-sort") == "ascending"
    interval = kept.page.locator(f"{table} th button", has_text="95% interval")
    for _ in range(2):
        interval.click()
        assert column(kept.page, "95% interval", table)[1:] == ["-", "-"]  # no number comes last, either way


def test_the_keyboard_sorts_and_filters(kept: Opened) -> None:
    kept.page.locator(f"{CHOSEN} th button", has_text="method").focus()
    kept.page.keyboard.press("Enter")
    assert column(kept.page, "method") == ["head", "head", "LoRA", "LoRA", "VeRA", "VeRA"]
    kept.page.keyboard.press("Space")
    assert column(kept.page, "method")[0] == "VeRA"
    kept.page.locator("#glue-minilm select[name=method]").focus()
    kept.page.keyboard.type("LoRA")
    assert column(kept.page, "method") == ["LoRA", "LoRA"]


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("method", "vera", [("mrpc", "VeRA"), ("rte", "VeRA")]),
        ("targets", "qv", [("mrpc", "LoRA"), ("rte", "LoRA")]),
        ("task", "rte", [("rte", "head"), ("rte", "LoRA"), ("rte", "VeRA")]),
        ("seeds", "2", [("mrpc", "LoRA"), ("rte", "LoRA")]),
    ],
)
def test_a_filter_leaves_what_it_names(kept: Opened, name: str, value: str, left: list[tuple[str, str]]) -> None:
    section = kept.page.locator("#glue-minilm")
    every = list(zip(column(kept.page, "task"), column(kept.page, "method"), strict=True))
    section.locator(f"select[name={name}]").select_option(value)
    assert list(zip(column(kept.page, "task"), column(kept.page, "method"), strict=True)) == left
    assert "lines shown" in section.locator("output").inner_text()
    section.locator("button[type=reset]").click()
    expect(section.locator("output")).to_have_text("")
    assert list(zip(column(kept.page, "task"), column(kept.page, "method"), strict=True)) == every


def test_filters_reach_the_figures(kept: Opened) -> None:
    section = kept.page.locator("#glue-minilm")
    points = section.locator("[id='glue-minilm-mrpc-seeds'] .mark-symbol.role-mark path")
    assert points.count() == 15  # five runs: best, last and held-out
    section.locator("select[name=seed]").select_option("1")
    expect(points).to_have_count(3)
    section.locator("select[name=task]").select_option("rte")
    assert not section.locator("figure[data-task=mrpc]").first.is_visible()
    assert section.locator("figure[data-task=rte]").first.is_visible()


def test_every_figure_has_words_and_a_table_beside_it(kept: Opened) -> None:
    figures = kept.page.locator("figure").all()
    assert len(figures) == 5  # score against size, and for each of two tasks seeds and curves
    for figure in figures:
        words = figure.locator("figcaption").inner_text()
        assert len(words) > 60
        assert figure.locator("[role=graphics-document]").get_attribute("aria-label") in words
        assert figure.locator("table tbody tr").count() >= 3


def test_what_looks_like_markup_is_text(browser: Browser, tmp_path: Path) -> None:
    config = {"method": {"note": CLOSING}}
    runs = [make_record(method=EVIL, targets=EVIL, seed=0, best=0.9, last=0.8, source="hub", hardware=EVIL)]
    runs += [make_record(method=EVIL, targets=EVIL, seed=1, best=0.8, last=0.7, source="hub", config=config)]
    runs += [make_record(method=EVIL, seed=2, source="hub", error=f"{CLOSING} failed")]
    runs += [make_text_record(method="lora", hardware=CLOSING, absent={"meteor": EVIL})]
    file = written(sheets_of(runs), tmp_path)
    kept = opened(browser, file)
    assert kept.page.locator("img").count() == 0
    assert kept.page.locator("script:not([type])").count() == 2  # our own
    assert EVIL in column(kept.page, "method")
    assert any(CLOSING in cell for cell in column(kept.page, "variant"))
    drawn = kept.page.locator("[id='glue-minilm-mrpc-seeds'] svg.marks").inner_html()
    assert "&lt;img src=" in drawn and "<img" not in drawn
    kept.page.locator("[id='glue-minilm-mrpc-seeds'] .mark-symbol.role-mark path").first.hover()
    kept.page.wait_for_selector("#vg-tooltip-element.visible")
    assert EVIL in kept.page.locator("#vg-tooltip-element").inner_text()
    kept.page.locator("#glue-minilm select[name=method]").select_option(EVIL)
    assert set(column(kept.page, "method")) == {EVIL}
    assert (kept.errors, kept.dialogs, kept.asked) == ([], [], [file.as_uri()])
    assert kept.page.locator("img").count() == 0
    kept.page.context.close()


def test_a_script_that_slips_in_does_not_run(browser: Browser, file: Path, tmp_path: Path) -> None:
    """The page's policy allows its own scripts alone, and no address."""
    slipped = tmp_path / "slipped.html"
    inside = "<script>document.title = 'owned'</script><img src='http://127.0.0.1:9/x.png'>"
    slipped.write_text(file.read_text().replace("<main>", f"<main>{inside}"))
    kept = opened(browser, slipped)
    assert kept.page.title() == "PEFT reproduction: results"
    assert any("Content Security Policy" in error for error in kept.errors)
    kept.page.context.close()


def test_without_scripts_the_tables_are_there(browser: Browser, file: Path) -> None:
    kept = opened(browser, file, java_script_enabled=False)
    assert column(kept.page, "method") == ["head", "LoRA", "VeRA"] * 2
    assert kept.page.locator("noscript").inner_text().startswith("Without JavaScript")
    kept.page.context.close()


def test_print_has_every_line_and_no_controls(kept: Opened) -> None:
    kept.page.emulate_media(media="print")
    assert not kept.page.locator("form.filters").first.is_visible()
    kept.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert kept.page.locator("main details:not([open])").filter(has=kept.page.locator("h3")).count() == 0
    box = kept.page.locator(".scroll").first
    assert box.evaluate("box => getComputedStyle(box).overflow") == "visible"
