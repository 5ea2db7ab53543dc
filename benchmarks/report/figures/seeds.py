"""The figure of seeds: a panel for each task, in it each run's best, last and held-out score as points."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.analysis.measures import key_of
from benchmarks.analysis.sheets import Sheet
from benchmarks.report import names
from benchmarks.report.figures import canvas

_SHAPES = ("o", "^", "D")  # of best, last and held-out, which stand on three levels of a row's line
_APART = 0.22


def draw(sheet: Sheet) -> Figure:
    """Draw every finished run of the sheet's rows."""
    lines = max((canvas.in_lines(names.of_row(row)).count("\n") + 1 for row in sheet.rows), default=1)
    each = max(0.42, 0.2 * lines)  # inches of a row, so that its name covers no other
    figure, panels = canvas.panels(len(sheet.tasks), 5.5, 1.6 + each * len(sheet.rows))
    for axes, task in zip(panels, sheet.tasks, strict=True):
        _panel(axes, sheet, task)
    shapes = zip(sheet.kind.chosen[:3], _SHAPES, strict=True)
    handles = [
        canvas.mark(marker=shape, color="0.3", fillstyle="none", markersize=6, label=measure.heading)
        for measure, shape in shapes
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    crossed = "; crossed out: one class alone" if any(run.collapsed for run in sheet.finished) else ""
    figure.suptitle(f"{sheet.title}: each seed a point{crossed}")
    return figure


def _panel(axes: Axes, sheet: Sheet, task: str) -> None:
    looks = canvas.looks(sorted({row.method for row in sheet.rows}))
    for place, row in enumerate(sheet.rows):
        for level, (measure, shape) in enumerate(zip(sheet.kind.chosen[:3], _SHAPES, strict=True)):
            scores = [measure.scale * value for value in measure.values(row.cells.get(task, []))]
            height = place + (level - 1) * _APART
            axes.plot(
                scores,
                [height] * len(scores),
                shape,
                color=looks[row.method][1],
                fillstyle="none",
                markersize=6,
                markeredgewidth=1.4,
            )
            gone = [score for score, run in zip(scores, row.cells.get(task, []), strict=True) if run.collapsed]
            if gone:
                axes.plot(gone, [height] * len(gone), "x", color="black", markersize=4)
    axes.set_yticks(range(len(sheet.rows)), [canvas.in_lines(names.of_row(row)) for row in sheet.rows])
    axes.set_ylim(len(sheet.rows) - 0.5, -0.5)
    axes.set_title(key_of(task))
    axes.set_xlabel(f"{sheet.metric(task)} on dev{sheet.kind.held_out.unit}")
    canvas.grid(axes)
