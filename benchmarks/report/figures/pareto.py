"""The figure of bytes against score: a mark for each row, the front, and how likely each row is to be on it."""

import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from benchmarks.analysis.front import Front, Standing, percent
from benchmarks.report import names
from benchmarks.report.figures import canvas

FILLS = ("full", "none", "left", "top", "right", "bottom")
HEIGHTS = (6, 8, 11, 15, 20)  # inches: the first in which no name covers anything
MARK = 9  # points
_STEP = 10  # points between places where a name may stand; one further away than that gets a line to its mark
_ALIGNED = {-1: ("right", "top"), 0: ("center", "center"), 1: ("left", "bottom")}
_BLOCK = 256  # places that are weighed at a time


@dataclass(frozen=True)
class Drawn:
    """A row's mark: its bytes, scaled score and deviation over seeds (None of one seed), and what it is called."""

    standing: Standing
    spread: float | None
    label: str

    @property
    def stored(self) -> float:
        """Return the bytes of the adapter."""
        return self.standing.stored

    @property
    def score(self) -> float:
        """Return the score, scaled."""
        return self.standing.score


def draw(front: Front, spreads: Sequence[float | None], title: str, score: str) -> Figure:
    """Draw one row or more; ``score`` names the y axis, and ``spreads`` has each row's deviation over seeds."""
    points = [
        Drawn(standing, spread, _label(standing)) for standing, spread in zip(front.standings, spreads, strict=True)
    ]
    for height in HEIGHTS:
        figure, covered = _drawn(points, front.samples, title, score, height)
        if not covered:
            break
    return figure


def _label(standing: Standing) -> str:
    name = names.title(standing.row.method)
    if standing.chance is not None:
        name += f" {percent(standing.chance)}"
    return "\n".join([name, *textwrap.wrap(standing.row.variant, 30)])  # in the axes is no room for a long line


def _drawn(points: Sequence[Drawn], samples: str, title: str, score: str, height: float) -> tuple[Figure, float]:
    """Return the figure at a height in inches, and how many square pixels names have to cover in it."""
    figure = canvas.blank(8, height)
    axes = figure.add_subplot()
    marks = [point for point in points if point.stored > 0]
    # Zero has no place on a log axis: what stores nothing is drawn as a level to compare the others with.
    levels = [point for point in points if point.stored == 0]
    rows = [point.standing.row for point in points]
    looks = canvas.looks([row.method for row in rows])
    fills = canvas.by_targets([point.standing.row for point in marks], FILLS)
    _front(axes, marks)
    for point in marks:
        _mark(axes, point, looks[point.standing.row.method], fills[point.standing.row.targets])
    for point in levels:
        axes.axhline(point.score, linestyle="--", linewidth=1.2, color=looks[point.standing.row.method][1], zorder=1)
    _frame(axes, marks, title, score, samples)
    if len(fills) > 1:
        handles = [
            canvas.mark(marker="o", color="0.3", fillstyle=fill, markersize=MARK, label=canvas.in_lines(targets))
            for targets, fill in fills.items()
        ]
        # Outside the axes, where it hides no mark.
        figure.legend(handles=handles, title="targets", loc="outside right upper", frameon=False, fontsize=9)
    # Names are placed by what they would cover, in pixels, so the axes must have their final size.
    figure.get_layout_engine().execute(figure)
    figure.set_layout_engine("none")
    return figure, _write_names(axes, marks, levels, {method: colour for method, (_, colour) in looks.items()})


def _front(axes: Axes, marks: Sequence[Drawn]) -> None:
    """Draw the front as steps: what is right of and below it, another row beats."""
    if on := _on_front(marks):
        axes.plot(*zip(*on, strict=True), drawstyle="steps-post", color="0.55", linewidth=1.2, linestyle=(0, (5, 3)))


def _on_front(marks: Sequence[Drawn]) -> list[tuple[float, float]]:
    return sorted((point.stored, point.score) for point in marks if point.standing.on)


def _mark(axes: Axes, point: Drawn, look: tuple[str, str], fill: str) -> None:
    marker, colour = look
    axes.errorbar(
        point.stored,
        point.score,
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


def _frame(axes: Axes, marks: Sequence[Drawn], title: str, score: str, samples: str) -> None:
    axes.set_xscale("log")
    stored = [point.stored for point in marks] or [1.0]
    axes.set_xlim(min(stored) / 3, max(stored) * 5)
    axes.margins(y=0.15)
    about = f"\nin %: how likely a row is to be on the front (dashed), over {samples}" if samples else ""
    axes.set_xlabel(f"bytes of the adapter's file (log scale){about}")
    axes.set_ylabel(score)
    axes.set_title(title)
    canvas.grid(axes)


def _write_names(axes: Axes, marks: Sequence[Drawn], levels: Sequence[Drawn], colours: dict[str, str]) -> float:
    """Write each row's name beside its mark or level; return how many square pixels of what is drawn they cover."""
    taken = [_extent(axes, point) for point in marks]
    for point in levels:
        _, height = axes.transData.transform((1.0, point.score))
        taken.append([axes.bbox.x0, height - 1, axes.bbox.x1, height + 1])
    for (left, low), (right, high) in itertools.pairwise(axes.transData.transform(p) for p in _on_front(marks)):
        taken += [[left, low - 1, right, low + 1], [right - 1, low, right + 1, high]]
    texts, covered = [], 0.0
    for point in [*levels, *marks]:
        name = axes.annotate(
            point.label,
            (point.stored or 0.01, point.score),
            xycoords="data" if point.stored else ("axes fraction", "data"),  # a level's name begins at the left edge
            xytext=(0, 0),
            textcoords="offset points",
            color=colours[point.standing.row.method],
            fontsize=9,
            verticalalignment="bottom",
        )
        boxes, cost = _place(name, np.array(taken), np.array(texts).reshape(-1, 4), axes.bbox)
        taken += boxes.tolist()
        texts.append(boxes[0].tolist())
        covered += cost
    return covered


def _extent(axes: Axes, point: Drawn) -> list[float]:
    """Return the pixels that a mark and its error bar take."""
    spread = point.spread or 0.0
    x, low = axes.transData.transform((point.stored, point.score - spread))
    _, high = axes.transData.transform((point.stored, point.score + spread))
    half = (MARK / 2 + 2) * canvas.DPI / 72
    return [x - half, low - half, x + half, high + half]


@cache  # every name of a figure has the same ones
def _places(width: float, height: float) -> np.ndarray:
    """Return where a name may stand, (n, 2) points from its mark, the nearest first: on a grid as large as the axes.

    ``width`` and ``height`` are the axes', in pixels.
    """
    reach = max(width, height) * 72 / canvas.DPI // _STEP
    steps = np.arange(-reach, reach + 1) * _STEP
    places = [(x, y) for x in steps for y in steps if x or y]
    # Of places as near, right comes first, then left, above and below.
    nearest = sorted(places, key=lambda place: (np.hypot(*place), place[1] != 0, place[0] <= 0, place[1] <= 0))
    return np.array(nearest)


def _place(name: Annotation, taken: np.ndarray, texts: np.ndarray, inside: Bbox) -> tuple[np.ndarray, float]:
    """Move a name to the nearest place where it covers nothing, or least, with a line to its mark if that is far.

    ``taken`` are the boxes of what is drawn, (n, 4) pixels as (left, low, right, high); of them a line covers no
    ``texts``. Returns the boxes of the name and its line, and how many square pixels of them something else has.
    """
    at_mark = name.get_window_extent()  # its lower left corner on the mark
    places = _places(inside.width, inside.height)
    best, least = places[0], np.inf
    for block in np.array_split(places, range(_BLOCK, len(places), _BLOCK)):
        costs = _costs(_name_boxes(at_mark, block), taken, inside)
        for place, cost in zip(block[costs < least], costs[costs < least], strict=True):
            if cost >= least:  # whatever its line would cover
                continue
            whole = cost + _costs(_line_boxes(at_mark, *place), texts, inside).sum()
            if whole < least:
                best, least = place, whole
        if least == 0:
            break
    x, y = best
    name.set(position=best, horizontalalignment=_aligned(x)[0], verticalalignment=_aligned(y)[1])
    if _far(x, y):
        line = {"arrowstyle": "-", "linewidth": 0.7, "color": name.get_color(), "shrinkA": 0, "shrinkB": MARK / 2}
        name.axes.annotate("", name.xy, best, name.xycoords, "offset points", arrowprops=line)
    return np.concatenate([_name_boxes(at_mark, best[None]), _line_boxes(at_mark, x, y)]), least


def _aligned(offset: float) -> tuple[str, str]:
    """Return how a name is aligned, across and up, to a place that lies so far to one side of its mark."""
    return _ALIGNED[int(np.sign(offset))]


def _far(x: float, y: float) -> bool:
    return max(abs(x), abs(y)) > _STEP


def _name_boxes(box: Bbox, places: np.ndarray) -> np.ndarray:
    """Return the boxes of a name at places (n, 2), as (n, 4); ``box`` has its lower left on the mark."""
    size = np.array([box.width, box.height])
    before = (1 - np.sign(places)) / 2  # the share of its width and height that lies before a place
    low = np.array([box.x0, box.y0]) + places * canvas.DPI / 72 - before * size
    return np.concatenate([low, low + size], axis=1)


def _line_boxes(box: Bbox, x: float, y: float) -> np.ndarray:
    """Return the boxes of the line from a mark to its name at a place, (n, 4); none where the name is near."""
    if not _far(x, y):
        return np.empty((0, 4))
    length = np.hypot(x, y)
    shares = np.arange(1.2 * MARK / length, 0.95, 3 / length)[:, None]  # from beyond the mark itself
    points = np.array([box.x0, box.y0]) + shares * np.array([x, y]) * canvas.DPI / 72
    return np.concatenate([points - 1, points + 1], axis=1)


def _costs(boxes: np.ndarray, taken: np.ndarray, inside: Bbox) -> np.ndarray:
    """Return how much of what is drawn each box would cover, and how much of it would lie outside, in square pixels."""
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    outside = areas - _shared(boxes, np.array([inside.extents]))
    return np.round(_shared(boxes, taken) + outside, 3)  # so that rounding covers nothing


def _shared(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the area, in square pixels, that each of some boxes shares with all of the others."""
    sides = [
        np.minimum(some[:, None, end], others[None, :, end]) - np.maximum(some[:, None, begin], others[None, :, begin])
        for begin, end in ((0, 2), (1, 3))
    ]
    return (sides[0].clip(0) * sides[1].clip(0)).sum(axis=1)
