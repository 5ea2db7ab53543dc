"""The figure of stored parameters against mean score: one mark for each row of a table, drawn without a display."""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from benchmarks.report import names

MARKERS = ("o", "s", "^", "D", "v", "p", "X", "P")
FILLS = ("full", "none", "left", "top", "right", "bottom")
DPI = 150
MARK = 9  # points
NEAR = 9  # points from a mark; a name further away gets a line to its mark
# Where a name may stand, in points from its mark: (x, y, horizontal, vertical alignment), best first.
PLACES = tuple(
    place
    for far in (NEAR, 17, 27, 40)
    for place in (
        (far, 0, "left", "center"),
        (-far, 0, "right", "center"),
        (0, far, "center", "bottom"),
        (0, -far, "center", "top"),
        (far, far, "left", "bottom"),
        (far, -far, "left", "top"),
        (-far, far, "right", "bottom"),
        (-far, -far, "right", "top"),
    )
)

# The share of a name's width or height that lies before its place, by alignment.
_BEFORE = {"left": 0.0, "bottom": 0.0, "center": 0.5, "right": 1.0, "top": 1.0}


@dataclass(frozen=True)
class Drawn:
    """One row of a table: ``stored`` numbers, scaled ``mean`` score over tasks, its ``spread`` over seeds or None."""

    method: str
    targets: str
    label: str
    stored: float
    mean: float
    spread: float | None


def png(points: Sequence[Drawn], title: str, score: str) -> bytes:
    """Draw one point or more; ``score`` names the y axis. The same points give the same bytes."""
    figure = Figure(figsize=(8, 6), dpi=DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    marks = [point for point in points if point.stored > 0]
    # Zero has no place on a log axis: what stores nothing is drawn as a level to compare the others with.
    levels = [point for point in points if point.stored == 0]
    style = _styles(points)
    fills = _fills(marks)
    for point in marks:
        _mark(axes, point, style[point.method], fills[point.targets])
    for point in levels:
        axes.axhline(point.mean, linestyle="--", linewidth=1.2, color=style[point.method][1], zorder=1)
    _frame(axes, marks, title, score)
    if len(fills) > 1:
        # Outside the axes, where it hides no mark.
        figure.legend(handles=_legend(fills), title="targets", loc="outside right upper", frameon=False, fontsize=9)
    # Names are placed by what they would cover, in pixels, so the axes must have their final size.
    figure.get_layout_engine().execute(figure)
    figure.set_layout_engine("none")
    _label(axes, marks, levels, style)
    content = io.BytesIO()
    canvas.print_png(content, metadata={"Software": None})
    return content.getvalue()


def _styles(points: Sequence[Drawn]) -> dict[str, tuple[str, str]]:
    """Give each method its (marker, colour)."""
    style = names.styles(point.method for point in points)
    drawn = {point.method: style[point.method] for point in points}
    return {method: (MARKERS[given.place % len(MARKERS)], given.colour) for method, given in drawn.items()}


def _fills(marks: Sequence[Drawn]) -> dict[str, str]:
    """Give each targets its fill; those that most methods use get the plain ones, filled and hollow."""
    methods = Counter(targets for _, targets in {(point.method, point.targets) for point in marks})
    ordered = sorted(methods, key=lambda targets: (-methods[targets], targets))
    return {targets: FILLS[i % len(FILLS)] for i, targets in enumerate(ordered)}


def _mark(axes: Axes, point: Drawn, style: tuple[str, str], fill: str) -> None:
    marker, colour = style
    axes.errorbar(
        point.stored,
        point.mean,
        yerr=point.spread,
        marker=marker,
        color=colour,
        fillstyle=fill,
        markersize=MARK,
        markeredgewidth=1.6,
        elinewidth=1.2,
        capsize=3,
        linestyle="none",
    )


def _frame(axes: Axes, marks: Sequence[Drawn], title: str, score: str) -> None:
    axes.set_xscale("log")
    stored = [point.stored for point in marks] or [1.0]
    axes.set_xlim(min(stored) / 3, max(stored) * 5)
    axes.margins(y=0.15)
    axes.set_xlabel("stored parameters, as each method's paper counts them (log scale)")
    axes.set_ylabel(score)
    axes.set_title(title)
    axes.grid(True, color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)


def _legend(fills: dict[str, str]) -> list[Line2D]:
    return [
        Line2D([], [], marker="o", linestyle="none", color="0.3", fillstyle=fill, markersize=MARK, label=targets)
        for targets, fill in fills.items()
    ]


def _label(axes: Axes, marks: Sequence[Drawn], levels: Sequence[Drawn], style: dict[str, tuple[str, str]]) -> None:
    """Write each point's name where it covers least of the marks, error bars, lines and names already drawn."""
    taken = [_extent(axes, point) for point in marks]
    for point in levels:
        _, height = axes.transData.transform((1.0, point.mean))
        taken.append(Bbox.from_extents(axes.bbox.x0, height - 1, axes.bbox.x1, height + 1))
        name = axes.annotate(
            _name(point),
            (0.01, point.mean),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
            color=style[point.method][1],
            fontsize=9,
        )
        taken.append(name.get_window_extent())
    for point in marks:
        name = axes.annotate(
            _name(point),
            (point.stored, point.mean),
            xytext=(0, 0),
            textcoords="offset points",
            color=style[point.method][1],
            fontsize=9,
            verticalalignment="bottom",
        )
        taken.append(_place(name, taken, axes.bbox))


def _name(point: Drawn) -> str:
    return f"{names.title(point.method)} {point.label}".rstrip()


def _extent(axes: Axes, point: Drawn) -> Bbox:
    """Return the pixels that a mark and its error bar take."""
    spread = point.spread or 0.0
    x, low = axes.transData.transform((point.stored, point.mean - spread))
    _, high = axes.transData.transform((point.stored, point.mean + spread))
    half = (MARK / 2 + 2) * DPI / 72
    return Bbox.from_extents(x - half, low - half, x + half, high + half)


def _place(name: Annotation, taken: Sequence[Bbox], inside: Bbox) -> Bbox:
    """Move a name to the best of the places that cost least, with a line to its mark where that is further than NEAR.

    Returns the pixels that the name takes there.
    """
    at_mark = name.get_window_extent()  # its lower left corner on the mark
    boxes = [_moved(at_mark, *place) for place in PLACES]
    costs = [_cost(box, taken, inside) for box in boxes]
    best = costs.index(min(costs))
    x, y, horizontal, vertical = PLACES[best]
    name.set(position=(x, y), horizontalalignment=horizontal, verticalalignment=vertical)
    if max(abs(x), abs(y)) > NEAR:
        line = {"arrowstyle": "-", "linewidth": 0.7, "color": name.get_color(), "shrinkA": 0, "shrinkB": MARK / 2}
        name.axes.annotate("", name.xy, xytext=(x, y), textcoords="offset points", arrowprops=line)
    return boxes[best]


def _moved(box: Bbox, x: float, y: float, horizontal: str, vertical: str) -> Bbox:
    """Return a name's pixels at a place, from those it has with its lower left corner on the mark."""
    right = x * DPI / 72 - _BEFORE[horizontal] * box.width
    up = y * DPI / 72 - _BEFORE[vertical] * box.height
    return box.translated(right, up)


def _cost(box: Bbox, taken: Sequence[Bbox], inside: Bbox) -> float:
    """Return how much of what is drawn a name would cover, and how much of it would lie outside, in square pixels."""
    outside = box.width * box.height - _shared(box, inside)
    return sum(_shared(box, other) for other in taken) + outside


def _shared(one: Bbox, other: Bbox) -> float:
    """Return the area, in square pixels, that two boxes share."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return max(width, 0.0) * max(height, 0.0)
