"""The figures of learning curves and of seeds: what is drawn is what the records hold, and every row is named."""

import itertools

from support.record_factory import make_record

from benchmarks.analysis.sheets import Sheet, sheets_of
from benchmarks.report.figures import curves, seeds


def sheet(last: float | None = 0.7) -> Sheet:
    runs = [
        make_record(task, method, "qv", seed, best=best + seed / 100, last=last, held_out=0.6)
        for task, best in (("glue/mrpc", 0.8), ("glue/rte", 0.75))
        for method in ("lora", "vb_lora")
        for seed in (0, 1)
    ]
    runs.append(make_record("glue/mrpc", "head", "-", 0, best=0.3))
    (made,) = sheets_of(runs)
    return made


def test_a_curve_goes_through_the_average_after_each_epoch() -> None:
    figure = curves.draw(sheet())
    mrpc, rte = figure.axes
    assert (mrpc.get_title(), rte.get_title(), mrpc.get_ylabel()) == ("mrpc", "rte", "accuracy on dev (x100)")
    drawn = [line.get_xydata().tolist() for line in rte.lines]
    assert drawn == [[[1.0, 75.5], [2.0, 70.0]]] * 2
    assert mrpc.lines[0].get_xydata().tolist() == [[1.0, 30.0]]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["head", "LoRA qv", "VB-LoRA qv"]
    lora = next(line for line in rte.lines if line.get_marker() == "o")
    handle = legend.legend_handles[1]
    assert (lora.get_color(), lora.get_linestyle()) == (handle.get_color(), handle.get_linestyle())


def test_a_tasks_panel_is_absent_where_every_run_has_one_epoch() -> None:
    assert curves.draw(sheet(last=None)) is None


def test_each_seed_is_a_point_for_best_last_and_held_out() -> None:
    figure = seeds.draw(sheet())
    mrpc, rte = figure.axes
    assert [text.get_text() for text in mrpc.get_yticklabels()] == ["head", "LoRA qv", "VB-LoRA qv"]
    scores = [[round(x, 6) for x in line.get_xdata()] for line in rte.lines]
    assert scores == [[], [], [], *[[75.0, 76.0], [70.0, 70.0], [60.0, 60.0]] * 2]
    heights = [line.get_ydata()[0] for line in mrpc.lines]
    assert heights == sorted(heights) and [round(height) for height in heights] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_run_that_answers_one_class_alone_is_crossed_out() -> None:
    made = sheet()
    for run in made.finished:
        assert run.collapsed is None
    (collapsed,) = sheets_of([made.finished[0].model_copy(update={"collapsed": True}), *made.finished[1:]])
    figure = seeds.draw(collapsed)
    crosses = [line for axes in figure.axes for line in axes.lines if line.get_marker() == "x"]
    assert len(crosses) == 3 and {line.get_ydata()[0].round() for line in crosses} == {
        1
    }  # the first row but the head, at best, last and held-out
    assert "crossed out" in figure.get_suptitle() and "crossed out" not in seeds.draw(made).get_suptitle()


def test_a_long_name_covers_no_other() -> None:
    """A name of many lines has as much height as it needs."""
    targets = ",".join(f"{layer}.output.dense" for layer in range(8))
    (made,) = sheets_of([make_record(method=method, targets=targets) for method in ("alpha", "beta", "gamma")])
    figure = seeds.draw(made)
    figure.draw_without_rendering()
    boxes = sorted((label.get_window_extent() for label in figure.axes[0].get_yticklabels()), key=lambda box: box.y0)
    assert len(boxes) == 3 and all(one.y1 <= other.y0 for one, other in itertools.pairwise(boxes))
