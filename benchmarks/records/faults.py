"""What is wrong with a record by itself: what it lacks, what contradicts its config or its epochs, what cannot be."""

import math
from collections.abc import Iterator
from typing import Any, Literal

from benchmarks import typed
from benchmarks.errors import SuiteError
from benchmarks.records.schema import LOG_LIKELIHOOD, Record
from benchmarks.records.selection import summarise

_SHARE, _CORRELATION, _FROM_ZERO = (0, 1), (-1, 1), (0, math.inf)
# From where to where a score can lie; one of another name must be finite, and no more.
_RANGES = {
    **dict.fromkeys(("accuracy", "f1", "bleu", "meteor", "rouge_l"), _SHARE),
    **dict.fromkeys(("matthews", "pearson", "spearman"), _CORRELATION),
    **dict.fromkeys(("nist", "nist_p", "cider"), _FROM_ZERO),
    LOG_LIKELIHOOD: (-math.inf, 0),
}
_ROUNDING = 1e-6


class _Exam(typed.Facts):
    dataset: str
    config: str
    split: str


class _Task(typed.Facts):
    name: str
    labels: list[str] | None = None
    metric: str | None = None
    primary: str | None = None
    decode: dict[str, Any] | None = None
    exams: dict[str, _Exam | None] | None = None


class _Method(typed.Facts):
    name: str


class _Config(typed.Facts):
    """What tables and verdicts read of a run's config."""

    task: _Task
    method: _Method
    train: dict[str, Any]
    backbone: dict[str, Any]
    targets: list[str]
    precision: Literal["fp32", "bf16"]
    seed: int
    start: str | None = None


def fault(record: Record) -> str | None:
    """Say what is wrong with a record, or return None."""
    try:
        config = typed.read(_Config, record.config, "config")
    except SuiteError as error:
        return str(error)
    # In this order, since each may rely on what is before it.
    for faults in (_contradictions(record, config), _lacks(record), _impossible(record)):
        if first := next(faults, None):
            return first
    return None


def _contradictions(record: Record, config: _Config) -> Iterator[str]:
    """Yield the fields that are not what the config says. Which maps a name such as "qv" stands for it does not say."""
    stated = {"task": record.task, "method": record.method, "seed": record.seed}
    asked = {"task": config.task.name, "method": config.method.name, "seed": config.seed}
    listed = ",".join(config.targets) or "-"
    if "-" in (listed, record.targets) or "," in record.targets:
        stated, asked = stated | {"targets": record.targets}, asked | {"targets": listed}
    if record.started_from or config.start:
        stated["start"], asked["start"] = record.started_from and record.started_from.task, config.start
    if record.scores and config.task.primary:
        stated["primary score"], asked["primary score"] = record.scores.primary, config.task.primary
    for name, value in stated.items():
        if value != asked[name]:
            yield f"its {name} is {value}, and {asked[name]} in its config"
    if (record.generation or record.exams) and config.task.decode is None:
        yield "its config does not say how its texts were decoded"
    for name in record.exams:
        if (config.task.exams or {}).get(name) is None:
            yield f"its exam {name} is not in its config"


def _lacks(record: Record) -> Iterator[str]:
    if record.status == "failed":
        if not record.error:
            yield "it failed without a reason"
        return
    if lacking := [name for name in ("scores", "cost", "epochs") if not getattr(record, name)]:
        yield f"it finished without {', '.join(lacking)}"
        return
    primary = record.scores.primary
    for epoch in record.epochs:
        if primary not in epoch.scores:
            yield f"epoch {epoch.epoch} lacks the metric {primary!r}"
            return
    if record.scores != summarise(record.epochs, primary):
        yield "its scores are not those of its epochs"


def _impossible(record: Record) -> Iterator[str]:
    for where, name, value in _scores(record):
        low, high = _RANGES.get(name, (-math.inf, math.inf))
        if not low - _ROUNDING <= value <= high + _ROUNDING:
            yield f"{where} is {value}, and {name} lies between {low} and {high}"


def _scores(record: Record) -> Iterator[tuple[str, str, float]]:
    """Yield each score, with where it is and what it is called. Best, last and held-out are those of epochs."""
    for epoch in record.epochs:
        for name, value in epoch.scores.items():
            yield f"{name} of epoch {epoch.epoch}", name, value
        if record.scores:
            for value in epoch.halves:
                yield f"half of epoch {epoch.epoch}", record.scores.primary, value
    for name, value in (record.generation.scores if record.generation else {}).items():
        yield f"{name} of its texts", name, value
    for name, solved in record.exams.items():
        for extractor, mark in solved.marks.items():
            yield f"{extractor} of exam {name}", "accuracy", mark.accuracy
