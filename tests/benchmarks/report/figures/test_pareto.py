"""The figure of bytes against score: every row is drawn, named, and told apart, and no name covers anything."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from support.record_factory import make_record

from benchmarks.analysis.front import Front, Standing
from benchmarks.analysis.sheets import Row
from benchmarks.report.figures import canvas, pareto


def standing(
    method: str,
    targets: str,
    stored: float,
    score: float,
    chance: float | None = None,
    variant: str = "",
    on: bool = False,
) -> Standing:
    row = Row(method, targets, variant, {"glue/mrpc": [make_record(method=method, targets=targets)]})
    return Standing(row, stored, score, on, chance)


POINTS = [
    standing("alpha", "qv", 20_000.0, 80.0, 0.25, on=True),
    standing("alpha", "all", 60_000.0, 81.0, 0.999, on=True),
    standing("beta", "qv", 20_500.0, 80.1),
    standing("gamma", "-", 0.0, 60.0, 1.0),
    standing("delta", "-", 22_000_000.0, 82.0, 0.001),
]
SPREADS = [0.5, 0.4, None, 0.2, 0.3]


def drawn(points=POINTS, spreads=SPREADS, title="title", samples="seeds") -> Figure:
    return pareto.draw(Front(list(points), samples), spreads, title, "score")


def written(figure: Figure):
    """Return the names written at marks and levels: a line from a name to its mark is a text without letters."""
    return [text for text in figure.axes[0].texts if text.get_text()]


def test_the_same_rows_give_the_same_bytes_in_every_format(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        assert canvas.write(drawn(), tmp_path / folder / "x.png") == tmp_path / folder / "x.png"
    other = canvas.write(drawn(POINTS[:-1], SPREADS[:-1]), tmp_path / "c" / "x.png")
    for suffix, begins in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")):
        content = (tmp_path / "a" / "x.png").with_suffix(suffix).read_bytes()
        assert content.startswith(begins) and b"Software" not in content and b"CreationDate" not in content
        assert content == (tmp_path / "b" / "x.png").with_suffix(suffix).read_bytes()
        assert content != other.with_suffix(suffix).read_bytes()
    assert "alpha 25%" in (tmp_path / "a" / "x.svg").read_text()  # text stays text


def test_title_axes_and_names() -> None:
    (axes,) = (figure := drawn(title="glue, minilm: not GLUE")).axes
    assert (axes.get_title(), axes.get_ylabel(), axes.get_xscale()) == ("glue, minilm: not GLUE", "score", "log")
    assert sorted(text.get_text() for text in written(figure)) == [
        "alpha 25%",
        "alpha >99%",
        "beta",
        "delta <1%",
        "gamma >99%",
    ]
    assert "over seeds" in axes.get_xlabel() and "%" not in drawn(samples="").axes[0].get_xlabel()


def test_every_mark_is_where_its_row_says_with_its_spread() -> None:
    (axes,) = drawn().axes
    marks = [(bars.lines[0].get_xdata()[0], bars.lines[0].get_ydata()[0]) for bars in axes.containers]
    assert marks == [(point.stored, point.score) for point in POINTS if point.stored > 0]
    (bar,) = axes.containers[0].lines[2]
    assert bar.get_segments()[0][:, 1].tolist() == [79.5, 80.5]
    assert axes.containers[2].has_yerr is False


def test_nothing_stored_is_a_dashed_level() -> None:
    (axes,) = drawn().axes
    levels = [line for line in axes.lines if line.get_linestyle() == "--" and line.get_drawstyle() == "default"]
    assert [list(line.get_ydata()) for line in levels] == [[60.0, 60.0]]


def test_the_front_is_drawn_as_steps() -> None:
    (axes,) = drawn().axes
    (steps,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    assert steps.get_xydata().tolist() == [[20_000.0, 80.0], [60_000.0, 81.0]]


def test_methods_and_targets_are_told_apart() -> None:
    (axes,) = (figure := drawn()).axes
    alpha_qv, alpha_all, beta_qv, delta = (bars.lines[0] for bars in axes.containers)
    assert alpha_qv.get_marker() == alpha_all.get_marker() != beta_qv.get_marker()
    assert alpha_qv.get_color() == alpha_all.get_color() != beta_qv.get_color()
    assert alpha_qv.get_fillstyle() == beta_qv.get_fillstyle() == "full"  # qv: the targets of most methods
    assert len({alpha_qv.get_fillstyle(), alpha_all.get_fillstyle(), delta.get_fillstyle()}) == 3
    (legend,) = figure.legends
    assert sorted(text.get_text() for text in legend.get_texts()) == ["-", "all", "qv"]


def test_fifty_six_methods_each_have_a_pair_of_their_own() -> None:
    assert len(set(canvas.looks([f"method{i:02}" for i in range(56)]).values())) == 56


def crowded(count: int, seed: int) -> list[Standing]:
    random = np.random.default_rng(seed)
    variants = ["", "method.rank=8", "method.rank=16, train.batch_size=64, method.alpha=32, train.epochs=3"]
    return [
        standing(f"method{i}", "qv", 20_000.0 * random.uniform(1, 3), random.normal(80, 0.3), 0.5, variants[i % 3])
        for i in range(count)
    ]


@pytest.mark.parametrize("count", [3, 12, 18])
def test_names_cover_no_name_no_mark_and_no_error_bar(count: int) -> None:
    points = crowded(count, count)
    figure = drawn(points, [0.2] * count)
    (axes,) = figure.axes
    boxes = [text.get_window_extent() for text in written(figure)]
    assert len(boxes) == count
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
    for point in points:
        x, low = axes.transData.transform((point.stored, point.score - 0.2))
        _, high = axes.transData.transform((point.stored, point.score + 0.2))
        assert not any(box.x0 < x < box.x1 and box.y0 < high and box.y1 > low for box in boxes)
    assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 for box in boxes)


def test_levels_alone_can_be_drawn() -> None:
    assert [text.get_text() for text in written(drawn([POINTS[3]], [0.2]))] == ["gamma >99%"]


LONG = "key,value," + ",".join(f"{layer}.output.dense" for layer in range(12))


def test_a_long_list_of_targets_leaves_the_axes_their_width() -> None:
    """In one line it would leave none, and no place for any name."""
    figure = drawn([*POINTS, standing("epsilon", LONG, 90_000.0, 80.5)], [*SPREADS, 0.1])
    assert figure.axes[0].bbox.width > figure.bbox.width / 2
    assert figure.get_figheight() == pareto.HEIGHTS[0]


def test_where_there_is_no_room_a_name_covers_the_least() -> None:
    """Whatever block of places the least is in, it is the first of those that cover as little."""
    figure = drawn()
    name, inside = written(figure)[0], figure.axes[0].bbox
    taken = np.array([[*inside.p0, *inside.p1]])  # all of the axes, but for what is outside of them
    boxes, least = pareto._place(name, taken, np.empty((0, 4)), inside)
    width, height = boxes[0, 2:] - boxes[0, :2]
    assert least == pytest.approx(width * height, abs=0.01)
    places = pareto._places(inside.width, inside.height)
    name.set(position=(0, 0), horizontalalignment="left", verticalalignment="bottom")
    costs = pareto._costs(pareto._name_boxes(name.get_window_extent(), places), taken, inside)
    assert len(costs) > pareto._BLOCK and least == costs.min()
