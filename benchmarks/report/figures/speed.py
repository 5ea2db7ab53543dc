"""The figure of speed: how many times as long as the floor and as peft a step takes, with the arithmetic limit."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from benchmarks.report import names
from benchmarks.report.figures import canvas
from benchmarks.training.speed import Timed

_COLOURS = ("#0072B2", "#D55E00")


def draw(timed: Sequence[Timed], title: str) -> Figure:
    """Draw a line for each method, targets and number of runs."""
    figure = canvas.blank(8, 1.6 + 0.4 * len(timed))
    axes = figure.add_subplot()
    for place, each in enumerate(timed):
        others = {"over the floor": "floor", "over peft, or a plain loop": each.beside}
        for number, (label, other) in enumerate(others.items()):
            if ratio := each.ratio("ours", other):
                reach = [[ratio.value - ratio.low], [ratio.high - ratio.value]]
                look = {"color": _COLOURS[number], "label": None if place else label}
                axes.errorbar(ratio.value, place + 0.24 * number - 0.12, xerr=reach, fmt="o", **look)
        axes.plot(each.limit, place - 0.12, "|", color="black", markersize=12, label=None if place else "limit")
    axes.axvline(1.0, color="0.6", linewidth=1)
    axes.set_yticks(range(len(timed)), [_label(each) for each in timed])
    axes.set_ylim(len(timed) - 0.5, -0.5)
    axes.set_xlabel("times as long as the other's step (95% interval); less is faster")
    figure.suptitle(title, fontsize=10, wrap=True)  # a title of the axes would be cut at the page's edge
    canvas.grid(axes)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _label(timed: Timed) -> str:
    return f"{names.title(timed.method)} {timed.targets}, {timed.runs} in a pass".replace(" -,", ",")
