"""Runs made up for tests that follow the recipe of a published row."""

from functools import cache
from typing import Any

from support.record_factory import make_record

import methods
from benchmarks import conf
from benchmarks.papers import published, recipes
from benchmarks.papers.published import PublishedRow
from benchmarks.records.schema import Record, Start
from benchmarks.training import job
from benchmarks.training.settings import JobSettings


@cache
def _rows() -> list[PublishedRow]:
    return published.runnable(published.load())


@cache
def _settings(overrides: tuple[str, ...]) -> JobSettings:
    return job.read(conf.composed([*overrides]))


def row_of(backbone: str, method: str, targets: str = "qv", **facts: Any) -> PublishedRow:
    """Return the one row with a recipe and these facts, of VB-LoRA's or LoRA-XS's tables unless ``source`` is given."""
    setting = (backbone, method, targets)
    rows = [
        row
        for row in _rows()
        if (row.backbone, row.method, row.target_names) == setting and row.variant == facts.get("variant")
    ]
    rows = [row for row in rows if "source" in facts or row.source in ("vb_lora", "lora_xs")]
    (row,) = [row for row in rows if all(getattr(row, name) == value for name, value in facts.items())]
    return row


def run_of(
    score: float,
    seed: int,
    row: PublishedRow | None = None,
    task: str = "glue/mrpc",
    rows: int = 3668,
    dev: int = 408,
    path: str | None = None,
    **facts: Any,
) -> Record:
    """Return a run's record by the row's recipe, VB-LoRA's on roberta-large unless given; ``score`` is x100."""
    row = row or row_of("roberta-large", "vb_lora")
    settings = _settings(tuple(recipes.overrides(row, task)))
    targets = settings.target_names() if methods.find()[row.method].adapts_sites else []
    config = settings.run_config(settings.method, targets) | {"seed": seed, "precision": "bf16"}
    changes = facts.pop("config", {})
    for name, value in changes.items():
        part, _, key = name.partition(".")
        config[part] = config[part] | {key: value}
    chosen = {"source": "hub", "backbone": row.backbone} | facts
    if settings.start:
        chosen["started_from"] = Start(
            task=settings.start.task["name"], identity="0", runs=len(settings.start.points), train_rows=row.start_rows
        )
    record = make_record(task, row.method, row.target_names, seed, score / 100, config=config, **chosen)
    return record.model_copy(
        update={
            "data": record.data.model_copy(update={"train_rows": rows, "validation_rows": dev}),
            "backbone": record.backbone.model_copy(update={"path": settings.backbone.path if path is None else path}),
        }
    )


def around(centre: float, deviation: float = 0.3) -> list[float]:
    return [centre + deviation * step for step in (-1.2, -0.4, 0.0, 0.5, 1.1)]
