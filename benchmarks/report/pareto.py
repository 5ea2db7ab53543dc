"""Stored parameters against mean score: one mark per row of a table, drawn without a display.

Markers and colours go to the methods in sorted order of what is found, so a new method needs no edit here.
"""

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

# Okabe and Ito's colours, told apart by colour-blind readers, without the yellow that is lost on white. Their number
# and the markers' have no common divisor, so the first 56 methods each get a pair of their own.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
FILLS = ("full", "none", "left", "top", "right", "bottom")
DPI = 150
MARK = 9  # points
NEAR = 9  # points from a mark, where a name needs no line to it
# Where a label may stand, in points from its mark: (x, y, horizontal, vertical alignment), best first.
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


@dataclass(frozen=True)
class Point:
    """One row of a table: ``stored`` numbers, ``mean`` score over tasks (x100), ``spread`` of it over seeds or None."""

    method: str
    targets: str
    label: str
    stored: float
    mean: float
    spread: float | None


def png(points: Sequence[Point], title: str, score: str) -> bytes:
    """Draw at least one point; ``score`` names the y axis. The same points give the same bytes."""
    figure = Figure(figsize=(8, 6), dpi=DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    marks = [point for point in points if point.stored > 0]
    # Nothing stored has no place on a log axis: it is a level that the others are read against.
    levels = [point for point in points if point.stored == 0]
    style = _styles(points)
    fills = _fills(marks)
    for point in marks:
        _mark(axes, point, style[point.method], fills[point.targets])
    for point in levels:
        axes.axhline(point.mean, linestyle="--", linewidth=1.2, color=style[point.method][1], zorder=1)
    _frame(axes, marks, title, score)
    if len(fills) > 1:
        # Outside the axes, where it can hide no mark.
        figure.legend(handles=_legend(fills), title="targets", loc="outside right upper", frameon=False, fontsize=9)
    # Labels are placed by what they would cover, in pixels: so only once the axes have their final size.
    canvas.draw()
    _label(axes, marks, levels, style, canvas)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    return content.getvalue()


def _styles(points: Sequence[Point]) -> dict[str, tuple[str, str]]:
    """Give each method its (marker, colour), in sorted order of names."""
    methods = sorted({point.method for point in points})
    return {m: (MARKERS[i % len(MARKERS)], COLOURS[i % len(COLOURS)]) for i, m in enumerate(methods)}


def _fills(marks: Sequence[Point]) -> dict[str, str]:
    """Give each targets its fill: the plain ones, filled and hollow, to those that most methods use."""
    methods = Counter(targets for _, targets in {(point.method, point.targets) for point in marks})
    ordered = sorted(methods, key=lambda targets: (-methods[targets], targets))
    return {targets: FILLS[i % len(FILLS)] for i, targets in enumerate(ordered)}


def _mark(axes: Axes, point: Point, style: tuple[str, str], fill: str) -> None:
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


def _frame(axes: Axes, marks: Sequence[Point], title: str, score: str) -> None:
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


def _label(
    axes: Axes,
    marks: Sequence[Point],
    levels: Sequence[Point],
    style: dict[str, tuple[str, str]],
    canvas: FigureCanvasAgg,
) -> None:
    """Write each point's name where it covers least of the marks, error bars, lines and names already there."""
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
            in_layout=False,
        )
        taken.append(name.get_window_extent(canvas.get_renderer()))
    for point in marks:
        name = axes.annotate(
            _name(point),
            (point.stored, point.mean),
            xytext=(0, 0),
            textcoords="offset points",
            color=style[point.method][1],
            fontsize=9,
        )
        taken.append(_place(name, taken, axes.bbox, canvas))


def _name(point: Point) -> str:
    return f"{point.method} {point.label}".rstrip()


def _extent(axes: Axes, point: Point) -> Bbox:
    """Return the pixels that a mark and its error bar take."""
    spread = point.spread or 0.0  # no spread, no bar: the mark alone
    x, low = axes.transData.transform((point.stored, point.mean - spread))
    _, high = axes.transData.transform((point.stored, point.mean + spread))
    half = (MARK / 2 + 2) * DPI / 72
    return Bbox.from_extents(x - half, low - half, x + half, high + half)


def _place(name: Annotation, taken: Sequence[Bbox], inside: Bbox, canvas: FigureCanvasAgg) -> Bbox:
    """Move the name to the first of the places that costs least, with a line to its mark where that is not near.

    Returns the pixels that the name takes there.
    """
    costs = []
    for x, y, horizontal, vertical in PLACES:
        name.set(position=(x, y), horizontalalignment=horizontal, verticalalignment=vertical)
        box = name.get_window_extent(canvas.get_renderer())
        outside = box.width * box.height - _shared(box, inside)
        costs.append(sum(_shared(box, other) for other in taken) + outside)
    x, y, horizontal, vertical = PLACES[costs.index(min(costs))]
    # Out of the layout, which would otherwise move the axes under the names that were placed on them.
    name.set(position=(x, y), horizontalalignment=horizontal, verticalalignment=vertical, in_layout=False)
    if max(abs(x), abs(y)) > NEAR:
        line = {"arrowstyle": "-", "linewidth": 0.7, "color": name.get_color(), "shrinkA": 0, "shrinkB": MARK / 2}
        name.axes.annotate("", name.xy, xytext=(x, y), textcoords="offset points", arrowprops=line, in_layout=False)
    return name.get_window_extent(canvas.get_renderer())


def _shared(one: Bbox, other: Bbox) -> float:
    """Return the area, in square pixels, that two boxes share."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return max(width, 0.0) * max(height, 0.0)
