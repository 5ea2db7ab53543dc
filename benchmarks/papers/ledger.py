"""The ledger: what each published parameter count is made of, and whether it follows from the method's definition.

Each row's method and maps come from its recipe in conf/, its backbone is built at its real shape on the meta device,
and the counts are those of the ``init`` and ``pack`` that training and saving use.
"""

from collections.abc import Iterable
from dataclasses import asdict
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import cache

from torch import nn

from benchmarks import conf
from benchmarks.errors import SuiteError
from benchmarks.models import backbones, counting
from benchmarks.papers import published, recipes
from benchmarks.papers.published import PublishedRow
from benchmarks.records.schema import Typed
from benchmarks.tasks.classification import Classification
from benchmarks.tasks.generation import Generation
from benchmarks.training import job, plan
from methods.base import Method, Site, evaluated
from methods.sites import find_sites

_UNITS = {"K": 10**3, "M": 10**6, "B": 10**9}


class Entry(Typed):
    """One published row's count. ``stored`` counts as the method's paper does, always without the head.

    ``follows`` says whether ``stored``, rounded to the printed digits, is the printed figure, and ``expected`` whether
    it is known to be. ``reading`` is another way to count that gives the figure, where ``stored`` does not.
    ``regenerated`` numbers are frozen and made again from ``regenerated_from``, so no file holds them.
    """

    source: str
    arxiv: str
    table: int | str
    benchmark: str
    backbone: str
    method: str
    targets: str
    run_by: str | None
    hyperparameters: dict[str, int | float]
    maps: int
    printed: str
    derived: str
    formula: str
    trained: int
    stored: float
    adapter_bytes: int
    regenerated: int
    regenerated_from: str | None
    head: int
    follows: bool
    expected: bool
    reading: str | None

    @property
    def name(self) -> str:
        """Return the row's name for people."""
        rank = f" r={self.hyperparameters['rank']}" if "rank" in self.hyperparameters else ""
        by = f" ({published.ran(self.run_by)})" if self.run_by else ""
        return f"{self.source}-table{self.table} {self.backbone} {self.method} {self.targets}{rank}{by}"

    @property
    def verdict(self) -> str:
        """Return in words whether the printed figure follows."""
        if self.follows:
            return "follows"
        return f"does not follow: {self.derived}" + (f"; {self.reading} gives it" if self.reading else "")


def entries(rows: Iterable[PublishedRow]) -> list[Entry]:
    """Return the ledger's rows: those that print a count and have an experiment.

    Raises SuiteError for a figure that cannot be read, or a row whose recipe cannot be.
    """
    return [_entry(row) for row in rows if row.experiment is not None and row.parameters_as_printed is not None]


def named(rows: Iterable[PublishedRow], words: str) -> list[Entry]:
    """Return the ledger's rows whose names have all these words, and derive no others than those that may.

    Raises SuiteError where no name has them.
    """
    rows, wanted = published.runnable(rows), set(words.split())
    of_row = {word for word in wanted if not word.startswith("r=")}  # a rank may be the recipe's alone
    candidates = [row for row in rows if of_row <= set(row.name.split())]
    if chosen := [entry for entry in entries(candidates) if wanted <= set(entry.name.split())]:
        return chosen
    raise SuiteError(f"--row {words}: no row's name has these words; one is called {rows[0].name!r}")


def _entry(row: PublishedRow) -> Entry:
    settings = job.read(conf.composed(recipes.overrides(row)))
    method, head = plan.method_of(settings), settings.backbone.head
    model = _model(row.backbone, row.benchmark == "glue")
    fused = settings.backbone.fused
    of_model = (model, settings.target_names(), head, fused, method.adapts_norms)
    sites = find_sites(*of_model) if method.adapts_sites else []
    counts = counting.count(method, model, head, sites)
    stored = counts.stored
    frozen = sum(tensor.numel() for tensor in method.frozen(sites).values()) if sites else 0
    follows = rounded(stored, row.parameters_as_printed) == row.parameters_as_printed
    return Entry(
        **row.model_dump(include={"source", "arxiv", "table", "benchmark", "backbone", "method", "run_by"}),
        targets=row.target_names,
        hyperparameters={k: v for k, v in asdict(method).items() if k != "dropout" and v is not None},
        maps=len(sites),
        printed=row.parameters_as_printed,
        derived=rounded(stored, row.parameters_as_printed),
        formula="all of the backbone" if method.trains_backbone else _checked(method, sites, stored),
        trained=counts.trained,
        stored=stored,
        adapter_bytes=counts.adapter_bytes,
        regenerated=frozen,
        regenerated_from=_origin(method) if frozen else None,
        head=counts.head,
        follows=follows,
        expected=row.count_follows,
        reading=None if follows else _reading(row, method, sites, stored, counts.head),
    )


@cache
def _model(backbone: str, classifies: bool) -> nn.Module:
    shape = job.read(conf.composed([f"backbone={backbone}"])).backbone.shape
    kind = Classification if classifies else Generation
    return backbones.on_meta(shape, kind)


def _checked(method: Method, sites: list[Site], stored: float) -> str:
    """Return the method's formula, which must give the count that its ``init`` gives."""
    formula, given = method.formula, evaluated(method.formula, method, sites)
    if given != stored:
        name = type(method).__name__
        raise SuiteError(f"{name} stores {stored:,.15g} numbers, but its formula {formula} gives {given:,.15g}")
    return formula


def _origin(method: Method) -> str:
    if method.frozen_from_weights is not None:
        return "the backbone's weights"
    return ", ".join(f"{name}={value}" for name, value in asdict(method).items() if name.endswith("_seed"))


def _reading(row: PublishedRow, method: Method, sites: list[Site], stored: float, head: int) -> str | None:
    """Return the other way to count that gives the printed figure, or None."""
    printed = row.parameters_as_printed
    others = {name: evaluated(formula, method, sites) for name, formula in method.readings.items()}
    others |= {"with the head": stored + head} if head else {}
    for name, value in others.items():
        if rounded(value, printed) == printed:
            return f"{name} ({value:,.0f})"
    return "cutting off the digits" if rounded(stored, printed, ROUND_DOWN) == printed else None


def rounded(count: float, printed: str, rounding: str = ROUND_HALF_UP) -> str:
    """Return a count with the unit and the digits of a printed figure: 23,904 beside "0.023M" is "0.024M".

    Raises SuiteError for a figure that is not a number with K, M or B.
    """
    number, unit = printed[:-1], printed[-1:]
    try:
        digits = Decimal(1).scaleb(Decimal(number).as_tuple().exponent)
        exact = Decimal(count) / _UNITS[unit]
    except (ArithmeticError, KeyError) as error:
        raise SuiteError(f"the printed count must be a figure such as 0.023M, 6.1K or 7B, got {printed!r}") from error
    return f"{exact.quantize(digits, rounding)}{unit}"
