"""The figure of how far published figures of one cell lie apart: a line for each cell, a mark for each who ran it."""

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from benchmarks.papers.provenance import Cell, Figure
from benchmarks.report import names
from benchmarks.report.figures import canvas

_COLOUR = names.COLOURS[0]
_SEEDS = "0.85"  # a grey
_MARK = {"marker": "o", "linestyle": "none", "color": _COLOUR, "markersize": 6}


def draw(cells: Sequence[Cell]) -> Drawing:
    """Draw cells that two ran or more, in their order."""
    drawing = canvas.blank(8, 1.5 + 0.21 * len(cells))
    axes = drawing.add_subplot()
    for place, cell in enumerate(cells):
        highest = cell.runs[0].value
        if cell.over_seeds:
            axes.barh(place, -cell.over_seeds, height=0.8, color=_SEEDS, zorder=1)
        axes.plot([-cell.spread, 0], [place, place], color=_COLOUR, linewidth=0.8, zorder=2)
        for figure in cell.runs:
            fill = "full" if _is_own(figure) else "none"
            axes.plot(figure.value - highest, place, fillstyle=fill, zorder=3, **_MARK)
    axes.set_yticks(range(len(cells)), [_name(cell) for cell in cells], fontsize=8)
    axes.set_ylim(len(cells) - 0.4, -0.6)
    axes.use_sticky_edges = False  # so that a mark at 0 is whole
    axes.margins(x=0.03)
    axes.set_xlabel("published score minus the highest of its cell (x100)")
    axes.set_title("The same method, backbone and task on GLUE, as different papers print it")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(handles=_legend(), loc="lower left", fontsize=8)
    return drawing


def _is_own(figure: Figure) -> bool:
    """Say whether the paper that ran a figure is the one that proposes the method, and so has its name here."""
    return figure.runner == figure.row.method


def _name(cell: Cell) -> str:
    return f"{names.title(cell.method)}, {cell.backbone}, {cell.task.partition('/')[2]}"


def _legend() -> list[Line2D | Patch]:
    return [
        Line2D([], [], label="by the method's own paper", **_MARK),
        Line2D([], [], label="by another paper, or not stated by whom", fillstyle="none", **_MARK),
        Patch(color=_SEEDS, label="spread over seeds, as printed (median)"),
    ]
