"""The figure of learning curves: a panel for each task, in it a line for each row and a band over its seeds."""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.analysis import curves
from benchmarks.analysis.measures import key_of
from benchmarks.analysis.sheets import Sheet
from benchmarks.report import names
from benchmarks.report.figures import canvas


def draw(sheet: Sheet) -> Figure | None:
    """Draw the scores on dev after each epoch; None where every run has one epoch."""
    tasks = [task for task in sheet.tasks if any(_length(sheet, task))]
    if not tasks:
        return None
    figure, panels = canvas.panels(len(tasks), 5.0, 4.0)
    looks = canvas.looks(sorted({row.method for row in sheet.rows}))
    lines = canvas.by_targets(sheet.rows, canvas.LINES)
    measure = sheet.kind.held_out
    for axes, task in zip(panels, tasks, strict=True):
        for row in sheet.rows:
            if task not in row.cells:
                continue
            marker, colour = looks[row.method]
            bands = curves.by_epoch(row.cells[task], measure)
            epochs, values = list(bands), list(bands.values())
            low, high = [band.low for band in values], [band.high for band in values]
            axes.fill_between(epochs, low, high, color=colour, alpha=0.12, linewidth=0)
            scores = [band.score for band in values]
            axes.plot(epochs, scores, lines[row.targets], marker=marker, markersize=5, color=colour, linewidth=1.5)
        axes.set_title(key_of(task))
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_ylabel(f"{sheet.metric(task)} on dev{measure.unit}")
        canvas.grid(axes)
    handles = []
    for row in sheet.rows:
        marker, colour = looks[row.method]
        label = canvas.in_lines(names.of_row(row))
        handles.append(Line2D([], [], color=colour, marker=marker, ls=lines[row.targets], label=label))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    figure.suptitle(f"{sheet.title}: average over seeds, and from the least to the most")
    return figure


def _length(sheet: Sheet, task: str) -> list[bool]:
    return [len(run.epochs) > 1 for row in sheet.rows for run in row.cells.get(task, [])]
