"""The figure: same points, same bytes; every point is drawn, named, and told apart."""

import io

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread

from benchmarks.report import pareto
from benchmarks.report.pareto import Drawn, png

POINTS = [
    Drawn("alpha", "qv", "", 20_000.0, 80.0, 0.5),
    Drawn("alpha", "all", "", 60_000.0, 81.0, 0.4),
    Drawn("beta", "qv", "", 20_500.0, 80.1, None),
    Drawn("gamma", "-", "", 0.0, 60.0, 0.2),
    Drawn("delta", "-", "", 22_000_000.0, 82.0, 0.3),
]


@pytest.fixture
def drawn(monkeypatch):
    """Keep the Figure that ``png`` draws, to look into it."""
    kept = []

    class Kept(FigureCanvasAgg):
        def __init__(self, figure: Figure):
            super().__init__(figure)
            kept.append(figure)

    monkeypatch.setattr(pareto, "FigureCanvasAgg", Kept)
    return kept


def names(figure: Figure):
    """Return the names written at marks and levels: a line from a name to its mark is a text without letters."""
    return [text for text in figure.axes[0].texts if text.get_text()]


def test_same_points_same_bytes_and_other_points_other_bytes():
    first = png(POINTS, "title", "score")
    assert first == png(list(POINTS), "title", "score")
    assert first != png(POINTS[:-1], "title", "score")
    assert first.startswith(b"\x89PNG") and b"Software" not in first


def test_size_is_what_150_dots_an_inch_give():
    assert imread(io.BytesIO(png(POINTS, "title", "score"))).shape[:2] == (900, 1200)


def test_title_axes_and_names(drawn):
    png(POINTS, "glue, minilm: not GLUE", "best score")
    (axes,) = drawn[0].axes
    assert axes.get_title() == "glue, minilm: not GLUE"
    assert axes.get_ylabel() == "best score"
    assert axes.get_xscale() == "log"
    assert sorted(text.get_text() for text in names(drawn[0])) == ["alpha", "alpha", "beta", "delta", "gamma"]


def test_every_mark_is_where_its_row_says_with_its_spread(drawn):
    png(POINTS, "title", "score")
    (axes,) = drawn[0].axes
    marks = [(bars.lines[0].get_xdata()[0], bars.lines[0].get_ydata()[0]) for bars in axes.containers]
    assert marks == [(point.stored, point.mean) for point in POINTS if point.stored > 0]
    (bar,) = axes.containers[0].lines[2]
    assert bar.get_segments()[0][:, 1].tolist() == [79.5, 80.5]
    assert axes.containers[2].has_yerr is False


def test_nothing_stored_is_a_dashed_level(drawn):
    png(POINTS, "title", "score")
    (axes,) = drawn[0].axes
    levels = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert [list(line.get_ydata()) for line in levels] == [[60.0, 60.0]]


def test_methods_and_targets_are_told_apart(drawn):
    png(POINTS, "title", "score")
    (axes,) = drawn[0].axes
    lines = [bars.lines[0] for bars in axes.containers]
    alpha_qv, alpha_all, beta_qv, delta = lines
    assert alpha_qv.get_marker() == alpha_all.get_marker() != beta_qv.get_marker()
    assert alpha_qv.get_color() == alpha_all.get_color() != beta_qv.get_color()
    assert alpha_qv.get_fillstyle() == beta_qv.get_fillstyle() == "full"  # qv: the targets of most methods
    assert len({alpha_qv.get_fillstyle(), alpha_all.get_fillstyle(), delta.get_fillstyle()}) == 3
    (legend,) = drawn[0].legends
    assert sorted(text.get_text() for text in legend.get_texts()) == ["-", "all", "qv"]


def test_fifty_six_methods_each_have_a_pair_of_their_own():
    points = [Drawn(f"method{i:02}", "qv", "", 10.0, 50.0, None) for i in range(56)]
    assert len(set(pareto._styles(points).values())) == 56


def test_names_of_close_marks_do_not_overlap(drawn):
    close = [Drawn(name, "qv", "", 20_000.0 + 40 * i, 80 + i / 100, None) for i, name in enumerate(("a1", "b2", "c3"))]
    png([*close, POINTS[-1]], "title", "score")
    boxes = [text.get_window_extent(drawn[0].canvas.get_renderer()) for text in names(drawn[0])]
    shared = [pareto._shared(one, other) for i, one in enumerate(boxes) for other in boxes[:i]]
    assert shared == [0.0] * 6


def test_levels_alone_can_be_drawn(drawn):
    png([POINTS[3]], "title", "score")
    assert [text.get_text() for text in names(drawn[0])] == ["gamma"]
