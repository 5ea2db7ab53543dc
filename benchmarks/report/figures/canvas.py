"""What figures share: a page to draw on, how it is saved, and how a method's points look."""

import io
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.analysis.sheets import Row
from benchmarks.records.files import write_atomic
from benchmarks.report import names

DPI = 150
MARKERS = ("o", "s", "^", "D", "v", "p", "X", "P")
LINES = ("-", "--", ":", "-.")
# What would say when or with which version a file was made.
_UNSAID = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}


def blank(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def write(figure: Figure, path: Path) -> Path:
    """Write a figure to ``path``, a PNG, and beside it as PDF and SVG; return ``path``."""
    # Journals want whole fonts in a PDF. Without a salt, SVG's names of parts are random.
    with matplotlib.rc_context({"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": path.stem}):
        for suffix, metadata in _UNSAID.items():
            content = io.BytesIO()
            figure.savefig(content, format=suffix, dpi=DPI, metadata=metadata)
            write_atomic(path.with_suffix(f".{suffix}"), content.getvalue())
    return path


def looks(methods: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Give each method its (marker, colour), which are the same in every figure."""
    styles = names.styles(methods)
    return {method: (MARKERS[styles[method].place % len(MARKERS)], styles[method].colour) for method in methods}


def in_lines(name: str) -> str:
    """Return a name in lines: a long list of targets in one would leave the axes no width."""
    return textwrap.fill(re.sub(r",(?=\S)", ", ", name), 28)


def by_targets(rows: Sequence[Row], given: Sequence[str]) -> dict[str, str]:
    """Give each targets one of ``given`` looks; those that most methods use get the first ones."""
    methods = {}
    for row in rows:
        methods.setdefault(row.targets, set()).add(row.method)
    ordered = sorted(methods, key=lambda targets: (-len(methods[targets]), targets))
    return {targets: given[place % len(given)] for place, targets in enumerate(ordered)}


def mark(**look: object) -> Line2D:
    """Return a mark for a legend."""
    return Line2D([], [], linestyle="none", **look)


def panels(count: int, width: float, height: float) -> tuple[Figure, list]:
    """Return a figure of ``count`` panels, three to a line at most, each of a size in inches, with its axes."""
    columns = min(count, 3)
    lines = -(-count // columns)
    figure = blank(max(width * columns, 8.0), height * lines)  # room for a title and a legend of four
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for unused in axes[count:]:
        unused.set_axis_off()
    return figure, list(axes[:count])


def grid(axes) -> None:
    """Draw a grid behind what is drawn."""
    axes.grid(True, color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
