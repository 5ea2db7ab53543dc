"""What the tests of tables share: a sheet of made-up records rendered, and its tables read back."""

from pathlib import Path

import pytest
from rich.console import Console
from support.record_factory import make_record, save

from benchmarks import markup
from benchmarks.papers.published import PublishedRow
from benchmarks.report import tables

PROTOCOL = {"experiment": "none", "statistic": "median", "epoch": "best", "seeds": 5}
PROTOCOL |= {"train_rows": {"mrpc": 3668, "rte": 2490}}
PUBLISHED = [
    PublishedRow(
        **PROTOCOL,
        source="paper",
        arxiv="2401.00001",
        table=1,
        benchmark="glue",
        backbone="roberta-large",
        method="alpha",
        targets="qv",
        parameters=24_000.0,
        parameters_as_printed="0.024M",
        scores={"mrpc": {"value": 91.4, "spread": 0.6}, "rte": {"value": 86.65}},
    ),
    PublishedRow(
        **PROTOCOL,
        source="paper",
        arxiv="2401.00001",
        table=2,
        benchmark="e2e",
        backbone="gpt2-medium",
        method="alpha",
        targets="qv",
        parameters=98_000.0,
        parameters_as_printed="0.098M",
        scores={"bleu": {"value": 70.1}, "nist": {"value": 8.81}},
    ),
    PublishedRow(
        **PROTOCOL,
        source="paper",
        arxiv="2401.00001",
        table=3,
        benchmark="alpaca",
        backbone="llama2-7b",
        method="alpha",
        targets="qv",
        parameters=1.0,
        parameters_as_printed="1",
        scores={"mt_bench_turn_1": {"value": 5.7}},
    ),
    PublishedRow(
        **PROTOCOL,
        source="paper",
        arxiv="2401.00001",
        table=4,
        benchmark="math",
        backbone="mistral-7b",
        method="alpha",
        targets="qv",
        parameters=1.0,
        parameters_as_printed="1",
        scores={"gsm8k": {"value": 69.2}},
    ),
]


def grids(text: str) -> list[list[dict[str, str]]]:
    """Read the Markdown tables of a file: for each table, for each line, cells by heading."""
    read, lines = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("| "):
            lines.append([cell.strip() for cell in line.strip("|").split(" | ")])
        elif lines:
            heading, _, *body = lines
            read.append([dict(zip(heading, cells, strict=True)) for cells in body])
            lines = []
    return read


def render(root, published=PUBLISHED) -> list[Path]:
    return tables.render(tables.sheets_below(root), root, published)


def rendered(root, *records, name="glue-embedded-minilm", published=PUBLISHED, drawn=False) -> str:
    """Return the text of a sheet's file; figures take long, so they are drawn only where they are asked for."""
    save(root, *records)
    with pytest.MonkeyPatch.context() as patch:
        if not drawn:
            patch.setattr(tables, "_drawn", lambda sheet, root, stem: [])
        render(root, published)
    return (root / "tables" / f"{name}.md").read_text()


def seeds(bests, **facts):
    return [make_record(seed=seed, best=best, **facts) for seed, best in enumerate(bests)]


def shown(columns) -> str:
    """Return columns as a terminal shows them."""
    console = Console(width=200)
    with console.capture() as capture:
        console.print(markup.terminal(columns))
    return capture.get()
