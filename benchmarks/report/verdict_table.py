"""Verdicts as a table: whether each published score was reproduced, and what that means."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

from benchmarks.analysis.verdicts import Ruling, Verdict
from benchmarks.markup import ABSENT, Column, Page, text_column
from benchmarks.papers.published import label

_MEANING = (
    "Reproduced: the published score, as rounded, lies in the 95% interval of the same statistic of runs by the row's "
    "recipe, on its data. Some 86 of 100 exact replications are reproduced in this sense, because the published score "
    "is noisy too. Within the spread: outside that interval, and at most the paper's spread away. Not comparable: the "
    "runs have other settings, data, backbone or too few seeds, or are scored at another epoch, or the paper does not "
    "print its settings. A score on dev is of the epoch that the paper's is: of each run's best, or of its last."
)


def page(verdicts: Sequence[Verdict], judged_alone: bool = False) -> Page:
    """Return verdicts as a table with notes; ``judged_alone`` leaves out the scores that were not run."""
    shown = [verdict for verdict in verdicts if not judged_alone or verdict.ruling != "not run"]
    return Page(columns(shown), "Verdicts", [_counted(verdicts), _MEANING])


def facts(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Return verdicts for JSON."""
    return [verdict.model_dump() | {"difference": verdict.difference} for verdict in verdicts]


def columns(verdicts: Sequence[Verdict]) -> list[Column]:
    """Return verdicts as columns."""
    return [
        text_column("row", [label(v.source, v.table, v.run_by) for v in verdicts]),
        text_column("backbone", [v.backbone for v in verdicts]),
        text_column("method", [_method(v) for v in verdicts]),
        text_column("targets", [v.targets for v in verdicts]),
        text_column("score", [v.score for v in verdicts]),
        Column("published", [v.printed for v in verdicts]),
        Column("measured", [_measured(v) for v in verdicts]),
        Column("difference", [ABSENT if v.difference is None else f"{v.difference:+.2f}" for v in verdicts]),
        text_column("verdict", [v.ruling for v in verdicts]),
        text_column("why", [v.reason for v in verdicts]),
    ]


def _method(verdict: Verdict) -> str:
    rank = f" r={verdict.rank}" if verdict.rank else ""
    return verdict.method + rank + (f" ({verdict.variant})" if verdict.variant else "")


def _counted(verdicts: Sequence[Verdict]) -> str:
    """Return how many scores have each verdict."""
    counts = Counter(verdict.ruling for verdict in verdicts)
    return f"{len(verdicts)} scores: " + ", ".join(f"{counts[ruling]} {ruling}" for ruling in get_args(Ruling)) + "."


def _measured(verdict: Verdict) -> str:
    if verdict.measured is None:
        return ABSENT
    return f"{verdict.measured:.2f} [{verdict.low:.2f}, {verdict.high:.2f}]"
