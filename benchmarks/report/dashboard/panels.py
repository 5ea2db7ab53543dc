"""The panels: methods compared by score, size, cost and learning rate, from what ``training.tracking`` logs of a run.

A value is named as tracking logs it. A test trains a run and looks for each of them in what W&B keeps of it.
"""

from dataclasses import dataclass

import wandb_workspaces.reports.v2 as wr
from wandb_workspaces.reports.v2.interface import PanelTypes

GROUP, METHOD, TARGETS = "Group", "JobType", "target_set"  # a task and backbone; a method's name; qv, all
EPOCH, DEV = "epoch", "dev/score"  # of each epoch
HELD_OUT, BEST, LAST, GAP = "held_out", "best", "last", "selection_gap"
STORED, BYTES = "parameters/stored", "parameters/adapter_bytes"
MEMORY, SECONDS, SPEED = "peak_memory_bytes", "train_seconds", "samples_per_second"
LR, LR_HEAD = "tuning.lr", "tuning.lr_head"  # by what a tuning multiplied the rates; of a tuning's runs alone
STATUS, FINISHED = "status", "finished"

HISTORY = (EPOCH, DEV)
SUMMARY = (HELD_OUT, BEST, LAST, GAP, STORED, BYTES, MEMORY, SECONDS, SPEED, STATUS)
CONFIG = (TARGETS, "method.name", "seed")
TUNING = (LR, LR_HEAD)


@dataclass(frozen=True)
class Section:
    """Some panels under one heading, with what they show in a sentence."""

    title: str
    note: str
    panels: list[PanelTypes]


def sections(tuned: bool) -> list[Section]:
    """Return all panels; those of learning rates only where runs were ``tuned``."""
    made = [
        Section(
            "Scores",
            "Held-out: the epoch that is best on one half of dev, scored on the other half. A bar is the median over "
            "seeds. The selection gap is by how much the best epoch's score on all of dev exceeds it.",
            [
                _bar("Held-out score, median over seeds", HELD_OUT),
                _bar("Best epoch on dev, median over seeds", BEST),
                _bar("Selection gap, median over seeds", GAP),
            ],
        ),
        Section(
            "Epochs",
            "The task's first score on dev after each epoch: the mean over seeds, with its least and greatest value.",
            [
                wr.LinePlot(
                    title="Dev score by epoch",
                    x=EPOCH,
                    y=[DEV],
                    groupby=wr.Metric(METHOD),
                    groupby_aggfunc="mean",
                    groupby_rangefunc="minmax",
                )
            ],
        ),
        Section(
            "Size",
            "Each point is a run. Stored numbers count as the method's paper does, without the head.",
            [
                _scatter("Stored numbers against held-out score", STORED),
                _scatter("Adapter bytes against held-out score", BYTES),
            ],
        ),
        Section(
            "Cost",
            "Seconds are wall time of training. Throughput is that of all runs of a pass together. Peak memory counts "
            "tensors on a GPU, and elsewhere the whole process.",
            [
                _bar("Peak memory, bytes", MEMORY),
                _bar("Seconds of training", SECONDS),
                _bar("Samples a second", SPEED),
            ],
        ),
    ]
    if tuned:
        made.append(Section("Learning rates", "By what a tuning multiplied each method's own rates.", [_rates()]))
    return [*made, Section("Runs beside each other", "What differs between runs.", [wr.RunComparer(diff_only="split")])]


def _bar(title: str, value: str) -> wr.BarPlot:
    return wr.BarPlot(
        title=title,
        metrics=[value],
        groupby=wr.Metric(METHOD),
        groupby_aggfunc="median",
        groupby_rangefunc="minmax",
    )


def _scatter(title: str, size: str) -> wr.ScatterPlot:
    return wr.ScatterPlot(title=title, x=wr.SummaryMetric(size), y=wr.SummaryMetric(HELD_OUT), log_x=True)


def _rates() -> wr.ParallelCoordinatesPlot:
    rates = [wr.ParallelCoordinatesPlotColumn(metric=wr.Config(rate), log=True) for rate in TUNING]
    score = wr.ParallelCoordinatesPlotColumn(metric=wr.SummaryMetric(HELD_OUT))
    return wr.ParallelCoordinatesPlot(title="Factors on learning rates against held-out score", columns=[*rates, score])
