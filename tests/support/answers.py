"""Runs made up for tests whose predictions lie beside their records."""

from pathlib import Path

import numpy as np
from support.record_factory import make_record, save

from benchmarks.records import predictions
from benchmarks.records.predictions import Predictions
from benchmarks.records.schema import Record
from benchmarks.tasks.build import of_record

ROWS = 200
LABELS = np.random.default_rng(0).integers(0, 2, ROWS)
HALVES = np.random.default_rng(1).integers(0, 2, ROWS)
CLASSES = {"name": "glue/mrpc", "labels": ["no", "yes"], "primary": "accuracy", "metric": "accuracy"}
CLASSES |= dict.fromkeys(("dataset", "config", "train", "validation", "label"), "x") | {"text": ["t"]}


def leave_answers(
    root: Path, method: str, right: float, seeds: int = 3, task: str = "glue/mrpc", **facts
) -> list[Record]:
    """Leave runs whose answers are right as often as that, on the same easy and hard rows, and their predictions."""
    made = []
    for seed in range(seeds):
        random = np.random.default_rng([seed, *method.encode(), *task.encode()])
        hard = np.random.default_rng(2).normal(0, 0.2, ROWS)
        answered = np.where(random.random(ROWS) < np.clip(right + hard, 0, 1), LABELS, 1 - LABELS)
        config = {"task": CLASSES | {"name": task}, "train": {"epochs": 3}}
        record = make_record(task, method, "qv", seed, (answered == LABELS).mean(), config=config, **facts)
        (path,) = save(root, record)
        own = Predictions(LABELS, HALVES, answered, answered, answered)
        predictions.write(path, own, of_record(record.config["task"]).answers_classes)
        made.append(record)
    return made
