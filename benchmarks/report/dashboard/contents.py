"""What a report on W&B holds beside panels: the methods, and our own tables and verdicts."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks import conf
from benchmarks.analysis import tuning, verdicts
from benchmarks.analysis.sheets import load, sheets_of
from benchmarks.markup import Page
from benchmarks.papers import published
from benchmarks.records import store
from benchmarks.report import tables, verdict_table


@dataclass(frozen=True)
class Contents:
    """The methods that have runs, tables of them, and whether rates were tuned."""

    methods: list[str]
    pages: list[Page]
    tuned: bool


def of(root: Path) -> Contents:
    """Return what the records below ``root`` give; where it has none, every method of conf/ and no table."""
    if not store.files(root / "records"):
        return Contents(conf.options("method"), [], False)
    records = load(root)
    sheets = sheets_of(records)
    judged = verdicts.verdicts(published.load(), records)
    pages = [page for sheet in sheets for page in tables.pages(sheet)]
    if any(verdict.ruling != "not run" for verdict in judged):
        pages.append(verdict_table.page(judged, judged_alone=True))
    methods = sorted({record.method for record in records})
    return Contents(methods, pages, any(tuning.tunings(sheet) for sheet in sheets))
