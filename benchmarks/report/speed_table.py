"""The speed of training steps as a table and a figure."""

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks import markup
from benchmarks.markup import ABSENT, Column, Page, text_column
from benchmarks.records.files import write_atomic
from benchmarks.training.speed import Ratio, Subject, Timed

_WHAT = (
    "Floor: forward and backward through the same frozen model, from the loss to the embeddings, without adapter or "
    "optimizer. Ours: a training step, with clipping and AdamW. Beside: peft's step on the same batches, or of full a "
    "plain loop over transformers' model; several runs are as many steps of it. Each ratio is the median over steps of "
    "two times of the same step, [its 95% interval], from one process in which all take turns.",
    "Limit: the matrix products of our step over the floor's. Peak MiB: of a variant's own tensors, its model among "
    "them. On a GPU floor and ours are recorded as CUDA graphs, unless the title says otherwise, and what stands "
    "beside them is as it comes.",
)

_DROPOUT = (
    "With the backbone's dropout: of the floor and of what stands beside it torch's own, fused into attention where "
    "torch can; of ours the masks that are keyed by run and row, which make a run in a group equal the run alone."
)


def page(timed: Sequence[Timed], subject: Subject) -> Page:
    """Return the timed steps as a table, a line for each method, targets and number of runs."""
    return Page(
        columns=[
            text_column("method", [each.method for each in timed]),
            text_column("targets", [each.targets for each in timed]),
            Column("runs", [str(each.runs) for each in timed]),
            Column("ours, ms", [f"{1000 * each.median('ours'):.0f}" for each in timed]),
            Column("ours / floor", [_ratio(each.ratio("ours", "floor")) for each in timed]),
            Column("limit", [f"{each.limit:.2f}" for each in timed]),
            Column("ours / beside", [_ratio(each.ratio("ours", each.beside)) for each in timed]),
            Column("tokens/s", [f"{each.tokens / each.median('ours'):,.0f}" for each in timed]),
            *(
                Column(f"peak MiB, {name}", [_peak(each, name) for each in timed])
                for name in ("floor", "ours", "beside")
            ),
        ],
        title=f"Speed of a training step: {_named(subject)}",
        notes=[
            f"On {subject.machine}, {subject.software}; {subject.steps} steps of each, after a few that do not count.",
            *_WHAT,
            *([] if subject.dropout == 0 else [_DROPOUT]),
        ],
        origin="Made by `python scripts/speed.py`; do not edit by hand.",
    )


def _named(subject: Subject) -> str:
    held = f" in {subject.quantization}" if subject.quantization else ""
    size, dropout = subject.size, ""
    if subject.dropout != 0:
        dropout = f", dropout {'as it comes' if subject.dropout is None else f'{subject.dropout:g}'}"
    tokens = "" if size.tokens is None else f" of {size.tokens} random tokens"
    launched = ", every kernel launched anew" if subject.launched else ""
    return (
        f"{subject.backbone}{held}, {size.rows} {'row' if size.rows == 1 else 'rows'} a run{tokens}{dropout}{launched}"
    )


def _ratio(ratio: Ratio | None) -> str:
    return ABSENT if ratio is None else f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


def _peak(timed: Timed, name: str) -> str:
    peak = timed.peak.get(timed.beside if name == "beside" else name)
    return ABSENT if peak is None else f"{peak / 2**20:,.0f}"


def write(made: Page, timed: Sequence[Timed], subject: Subject, root: Path) -> list[Path]:
    """Write the table and the figure below ``root``, named by machine and backbone; return their paths."""
    from benchmarks.report.figures import canvas, speed  # here, so that printing does not wait for matplotlib

    named = [subject.machine.partition(",")[0], subject.backbone]
    named += ["" if subject.dropout == 0 else "dropout", "launched" if subject.launched else ""]
    stem = "-".join(["speed", *re.findall(r"[a-z0-9]+", " ".join(named).lower())])
    table = root / "tables" / f"{stem}.md"
    write_atomic(table, markup.document([made], "markdown").encode())
    return [table, canvas.write(speed.draw(timed, made.title), root / "figures" / f"{stem}.png")]
