"""Methods by their mean rank over tasks, with a bar over those that cannot be told apart."""

import io
from collections.abc import Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.analysis.comparisons import Pair

_LEVEL = 0.05


def alike(ranks: dict[str, float], pairs: Sequence[Pair]) -> list[tuple[str, ...]]:
    """Return the largest groups of neighbours by rank of which every pair was tested, and none differs at 5%."""
    alike = {frozenset((pair.one, pair.other)) for pair in pairs if pair.corrected >= _LEVEL}
    names, groups = list(ranks), []
    for start in range(len(names)):
        end = start + 1
        while end < len(names) and all(frozenset((names[end], own)) in alike for own in names[start:end]):
            end += 1
        group = tuple(names[start:end])
        if len(group) > 1 and not any(set(group) <= set(other) for other in groups):
            groups.append(group)
    return groups


def png(ranks: dict[str, float], pairs: Sequence[Pair], title: str) -> bytes:
    """Draw two methods or more, best on top. The same comparison gives the same bytes."""
    groups = alike(ranks, pairs)
    figure = Figure(figsize=(8, 1.2 + 0.35 * len(ranks)), dpi=150, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = {name: place for place, name in enumerate(ranks)}
    axes.plot(list(ranks.values()), list(places.values()), "o", color="#0072B2", markersize=7)
    axes.set_yticks(list(places.values()), list(places))
    axes.set_ylim(len(ranks) - 0.4, -0.6)
    widest = max(ranks.values())
    for number, group in enumerate(groups):
        x = widest + 0.5 + 0.35 * number
        axes.plot([x, x], [places[group[0]] - 0.2, places[group[-1]] + 0.2], color="#D55E00", linewidth=3)
    axes.set_xlim(0.5, widest + 0.8 + 0.35 * len(groups))
    axes.set_xticks(range(1, int(widest) + 1))
    axes.set_xlabel("mean rank over tasks (1 is best); a bar spans methods of which no two differ (p < 0.05, Holm)")
    axes.set_title(title)
    axes.grid(axis="x", alpha=0.3)
    content = io.BytesIO()
    canvas.print_png(content, metadata={"Software": None})
    return content.getvalue()
