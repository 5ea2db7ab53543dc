"""The ledger: what each published parameter count is made of, and whether it follows from the method's definition.

Each row's method and maps come from its recipe in conf/, or from the row itself where the suite has no experiment for
it. Its backbone is built at its real shape on the meta device, and the counts are those of the ``init`` and ``pack``
that training and saving use. A printed share, such as 0.83%, is taken to be of all numbers of the model, the adapter's
among them, as peft tells it, and the head's not.
"""

from collections.abc import Iterable
from dataclasses import asdict, fields
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from torch import nn

import methods
from benchmarks import conf
from benchmarks.errors import SuiteError
from benchmarks.models import backbones, counting
from benchmarks.papers import published, recipes
from benchmarks.papers.published import PublishedRow
from benchmarks.records.schema import Parameters, Typed
from benchmarks.tasks.classification import Classification
from benchmarks.tasks.generation import Generation
from benchmarks.training import job, plan
from benchmarks.training.settings import BackboneSettings
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
    arxiv: str | None
    table: int | str
    benchmark: str
    backbone: str
    method: str
    targets: str
    run_by: str | None
    hyperparameters: dict[str, bool | int | float | str]
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
    """Return the ledger's rows: those that print a count of a method that is here, on maps of a backbone that is here.

    Raises SuiteError for a figure that cannot be read, or a row whose recipe or method cannot be.
    """
    return [_entry(row) for row in rows if _can_be_counted(row)]


def _can_be_counted(row: PublishedRow) -> bool:
    if row.printed_count is None:
        return False
    if row.experiment is not None:
        return True
    if row.method not in conf.options("method") or row.backbone not in conf.options("backbone"):
        return False
    return row.targets is not None or not methods.find()[row.method].adapts_sites


def named(rows: Iterable[PublishedRow], words: str) -> list[Entry]:
    """Return the ledger's rows whose names have all these words, and derive no others than those that may.

    Raises SuiteError where no name has them.
    """
    rows, wanted = [row for row in rows if _can_be_counted(row)], set(words.split())
    of_row = {word for word in wanted if not word.startswith("r=")}  # a rank may be the recipe's alone
    candidates = [row for row in rows if of_row <= set(row.name.split())]
    if chosen := [entry for entry in entries(candidates) if wanted <= set(entry.name.split())]:
        return chosen
    raise SuiteError(f"--row {words}: no row's name has these words; one is called {rows[0].name!r}")


def _entry(row: PublishedRow) -> Entry:
    method, backbone, names, stated = _read(row)
    head, model = backbone.head, _model(row.backbone, row.benchmark == "glue")
    of_model = (model, names, head, backbone.fused, method.adapts_norms)
    sites = find_sites(*of_model) if method.adapts_sites else []
    counts = counting.count(method, model, head, sites)
    stored = counts.stored
    frozen = sum(tensor.numel() for tensor in method.frozen(sites).values()) if sites else 0
    of_backbone = sum(parameter.numel() for parameter in model.parameters()) - counts.head
    untrained = 0 if method.trains_backbone else of_backbone
    derived = rounded(stored, row.printed_count, untrained + stored)
    return Entry(
        **row.model_dump(include={"source", "arxiv", "table", "benchmark", "backbone", "method", "run_by"}),
        targets=row.target_names if method.adapts_sites else published.NO_TARGETS,
        hyperparameters={k: v for k, v in asdict(method).items() if k in stated and k != "dropout" and v is not None},
        maps=len(sites),
        printed=row.printed_count,
        derived=derived,
        formula="all of the backbone" if method.trains_backbone else _checked(method, sites, stored),
        trained=counts.trained,
        stored=stored,
        adapter_bytes=counts.adapter_bytes,
        regenerated=frozen,
        regenerated_from=_origin(method) if frozen else None,
        head=counts.head,
        follows=derived == row.printed_count,
        expected=row.count_follows,
        reading=None if derived == row.printed_count else _reading(row, method, sites, counts, untrained),
    )


def _read(row: PublishedRow) -> tuple[Method, BackboneSettings, list[str], set[str]]:
    """Return a row's method, its backbone, the names of its maps, and which of the method's settings are known."""
    if row.experiment is not None:
        settings = job.read(conf.composed(recipes.overrides(row)))
        method = plan.method_of(settings)
        return method, settings.backbone, settings.target_names(), {field.name for field in fields(method)}
    backbone = _backbone(row.backbone)
    stated = {key.removeprefix("method."): value for key, value in row.settings.items()}
    stated |= {} if row.rank is None else {"rank": row.rank}
    usual = _usual(row.method)
    if unknown := sorted(stated.keys() - usual.keys()):
        raise SuiteError(f"{row.name}: {row.method} has no setting {unknown[0]}; known: {', '.join(usual)}")
    names = backbone.targets.get(row.target_names) or row.target_names.split(",")
    return methods.find()[row.method](**usual | stated), backbone, names, set(stated)


@cache
def _usual(method: str) -> dict[str, Any]:
    """Return what conf/method says of a method's own settings."""
    facts = conf.facts("method", method)
    return {field.name: facts.get(field.name) for field in fields(methods.find()[method])}


@cache
def _backbone(name: str) -> BackboneSettings:
    return job.read(conf.composed([f"backbone={name}"])).backbone


@cache
def _model(backbone: str, classifies: bool) -> nn.Module:
    return backbones.on_meta(_backbone(backbone).shape, Classification if classifies else Generation)


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


def _reading(row: PublishedRow, method: Method, sites: list[Site], counts: Parameters, untrained: int) -> str | None:
    """Return the other way to count that gives the printed figure, or None."""
    printed = row.printed_count
    others = {name: evaluated(formula, method, sites) for name, formula in method.readings.items()}
    others |= {"what is trained": counts.trained}
    others |= {"with the head": counts.stored + counts.head} if counts.head else {}
    for name, value in others.items():
        if rounded(value, printed, untrained + value) == printed:
            return f"{name} ({value:,.0f})"
    cut = rounded(counts.stored, printed, untrained + counts.stored, ROUND_DOWN)
    return "cutting off the digits" if cut == printed else None


def rounded(count: float, printed: str, whole: float, rounding: str = ROUND_HALF_UP) -> str:
    """Return a count with the unit and the digits of a printed figure: 23,904 beside "0.023M" is "0.024M".

    ``whole`` is what a printed share is of. Raises SuiteError for a figure that is neither a whole number nor one with
    K, M, B or %.
    """
    if printed.isascii() and printed.replace(",", "").isdigit():
        return f"{count:,.0f}"
    number, unit = printed[:-1], printed[-1:]
    try:
        digits = Decimal(1).scaleb(Decimal(number).as_tuple().exponent)
        exact = Decimal(count) / (_UNITS | {"%": Decimal(whole) / 100})[unit]
    except (ArithmeticError, KeyError, TypeError) as error:
        raise SuiteError(
            f"the printed count must be a figure such as 0.023M, 6.1K, 7B, 0.83% or 3,584, got {printed!r}"
        ) from error
    return f"{exact.quantize(digits, rounding)}{unit}"
