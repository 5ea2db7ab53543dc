"""The page as one HTML text: sections rendered with everything that they need inside, so that it asks no network."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import jinja2
import vl_convert

from benchmarks import markup
from benchmarks.analysis import verdicts
from benchmarks.analysis.sheets import Sheet
from benchmarks.papers.published import PublishedRow
from benchmarks.report import inventory, names, provenance_table, verdict_table
from benchmarks.report.page import sheet as of_sheet
from benchmarks.report.page.parts import Block, Section, Table, table, table_of

_FOLDER = Path(__file__).parent
_LEDGER = (
    "Read from {path}, which `make audit` writes: the counts come from the methods' own code at the backbones' real "
    "shapes, and not from the records of this page."
)
_NO_LEDGER = "{path} is not there, so the ledger is left out: `make audit` writes it."


def html(sheets: Sequence[Sheet], root: Path, published: Sequence[PublishedRow], ledger: Path) -> str:
    """Return the page of a root's sheets. ``ledger`` is the committed ledger's file. The same input gives one text."""
    sections = [
        _methods(),
        *(of_sheet.section(sheet, root, published) for sheet in sheets),
        _verdicts(sheets, published),
        _ledger(ledger),
        *([_provenance(published)] if published else []),
    ]
    figures = {figure.name: figure.spec for section in sections for block in section.blocks for figure in block.figures}
    scripts = [_bundle(), (_FOLDER / "page.js").read_text()]
    return _template().render(
        sections=sections,
        figures=figures,
        scripts=scripts,
        policy=_policy(scripts),
        style=(_FOLDER / "page.css").read_text(),
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


@cache
def _bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script."""
    return vl_convert.javascript_bundle().replace("</script", "<\\/script")


def _policy(scripts: Sequence[str]) -> str:
    """Return a policy by which the page runs its own scripts and no other, and loads nothing."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"


def _methods() -> Section:
    page = inventory.methods()
    (method, *others) = page.columns
    styles = names.styles(method.cells)
    made = table("Methods", [method, markup.text_column("config", method.cells), *others], page.notes)
    tags = [{"colour": styles[name].colour} for name in method.cells]
    listed = Table(made.title, made.columns, tags, made.notes)
    return Section("methods", "Methods", [Block("Names, settings and sizes", tables=[listed], folded=True)])


def _verdicts(sheets: Sequence[Sheet], published: Sequence[PublishedRow]) -> Section:
    judged = verdicts.verdicts(published, [record for sheet in sheets for record in sheet.records])
    made = table_of(verdict_table.page(judged))
    return Section("verdicts", "Verdicts on published scores", [Block("Verdicts", tables=[made])], filters=_rows(made))


def _ledger(path: Path) -> Section:
    title = "The ledger of parameter counts"
    if not path.exists():
        return Section("ledger", title, [], [_NO_LEDGER.format(path=path.name)])
    notes, columns = markup.read(path.read_text())
    made = table(title, columns, notes)
    origin = _LEDGER.format(path=f"{path.parent.name}/{path.name}")
    return Section("ledger", title, [Block("Ledger", [origin], tables=[made])], filters=_rows(made))


def _provenance(published: Sequence[PublishedRow]) -> Section:
    pages = provenance_table.overview(published)
    blocks = [Block(page.title, tables=[table_of(page)], folded=True) for page in pages]
    return Section("provenance", "Provenance", blocks)


def _rows(made: Table) -> dict[str, list[tuple[str, str]]]:
    """Return the filters of a table that stands for itself: its methods and targets."""
    return {
        name: [(value, names.title(value)) for value in sorted({tag[name] for tag in made.tags})]
        for name in ("method", "targets")
    }
