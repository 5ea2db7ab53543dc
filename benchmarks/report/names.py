"""What a method is called and how it is coloured, in every table and figure that people look at."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from benchmarks import conf
from benchmarks.analysis import baselines
from benchmarks.analysis.sheets import Row
from benchmarks.markup import ABSENT, Page
from methods import declared
from methods.errors import MethodError

INK = "#000000"  # drawn in the colour of text where that is not black
# Okabe and Ito's colours, which colour-blind readers can tell apart, without the yellow, which is hard to see on white;
# then of Tol's.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    INK,
    "#882255",
    "#999933",
    "#332288",
    "#661100",
    "#117733",
    "#663333",
    "#004488",
    "#222255",
    "#994455",
    "#EE8866",
    "#EE6677",
    "#CC3311",
)
# These come first, so that a new method does not change how figures of them look.
_FIRST = ("lora", "lora_xs", "tied_lora", "vb_lora", "vera")
BASELINES = {"ceiling": "#6E6E6E", "floor": "#A6A6A6"}  # greys, which differ in lightness from each other and the rest


@dataclass(frozen=True)
class Style:
    """How a method is drawn. ``place`` is for markers; no two methods have the same pair of both."""

    colour: str
    place: int


def title(method: str) -> str:
    """Return a method's name as its paper prints it, or as the suite calls it where no paper does."""
    try:
        return declared.title(method)
    except MethodError:  # of a method that was taken away, records may be left
        return method


def of_row(row: Row) -> str:
    """Return a row's name: its method as its paper prints it, targets and variant."""
    return " ".join(part for part in (title(row.method), row.targets, row.variant) if part not in ("", ABSENT))


def method_of(cell: str) -> str:
    """Return the known method with whose name a cell begins, as "vb_lora qv" does; else the whole cell."""
    name = cell.partition(" ")[0]
    return name if name in conf.options("method") else cell


def shown(cell: str) -> str:
    """Return a cell that begins with a method's name with the paper's name for it."""
    name = method_of(cell)
    return title(name) + cell.removeprefix(name)


def in_print(pages: Iterable[Page], form: str) -> list[Page]:
    """Return pages as a paper would name methods, where ``form`` is latex; other forms have the suite's names."""
    return [_named(page) for page in pages] if form == "latex" else list(pages)


def _named(page: Page) -> Page:
    renamed = [
        replace(column, cells=[shown(cell) for cell in column.cells]) if column.heading == "method" else column
        for column in page.columns
    ]
    return replace(page, columns=renamed)


def styles(methods: Iterable[str]) -> dict[str, Style]:
    """Return the style of each method. Those of conf/method have the same one in every figure.

    There are 19 colours. A figure that gives places 8 markers tells 152 methods apart.
    """
    known = conf.options("method")
    baseline = [name for name in known if baselines.role(name)]
    adapting = sorted(set(known) - set(baseline), key=lambda name: (name not in _FIRST, name))
    others = sorted(set(methods) - set(known))
    drawn = {name: Style(COLOURS[place % len(COLOURS)], place) for place, name in enumerate([*adapting, *others])}
    # The greys are theirs alone, so their places may be others' too: they stay where they are as methods are added.
    greys = {
        name: Style(BASELINES[baselines.role(name)], place) for place, name in enumerate(baseline, start=len(_FIRST))
    }
    return drawn | greys
