"""The figure of methods by their mean rank over tasks, with a bar beside those that cannot be told apart."""

from matplotlib.figure import Figure

from benchmarks.analysis.comparisons import Compared, alike
from benchmarks.report import names
from benchmarks.report.figures import canvas


def draw(compared: Compared, title: str) -> Figure:
    """Draw two methods or more, the best on top."""
    ranks, groups = compared.ranks, alike(compared.ranks, compared.pairs)
    figure = canvas.blank(8, 1.4 + 0.35 * len(ranks))
    axes = figure.add_subplot()
    places = {name: place for place, name in enumerate(ranks)}
    values = [rank.value for rank in ranks.values()]
    axes.plot(values, list(places.values()), "o", color="#0072B2", markersize=7)
    for place, rank in enumerate(ranks.values()):
        axes.plot([rank.low, rank.high], [place, place], color="#0072B2", linewidth=1.5, alpha=0.6)
    axes.set_yticks(list(places.values()), [names.shown(name) for name in places])
    axes.set_ylim(len(ranks) - 0.4, -0.6)
    widest = max(rank.high for rank in ranks.values())
    for number, group in enumerate(groups):
        x = widest + 0.5 + 0.35 * number
        axes.plot([x, x], [places[group[0]] - 0.2, places[group[-1]] + 0.2], color="#D55E00", linewidth=3)
    axes.set_xlim(0.5, widest + 0.8 + 0.35 * len(groups))
    axes.set_xticks(range(1, int(widest) + 1))
    axes.set_xlabel(
        "mean rank over tasks with its 95% interval (1 is best)\n"
        "a bar on the right spans methods of which no two differ (p < 0.05, Holm)"
    )
    axes.set_title(title)
    axes.grid(axis="x", alpha=0.3)
    return figure
