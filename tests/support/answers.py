"""Runs made up for tests whose predictions lie beside their records."""

from pathlib import Path

import numpy as np
from support.record_factory import make_record, save

from benchmarks.analysis import dev_scores
from benchmarks.records import predictions
from benchmarks.records.predictions import Predictions
from benchmarks.records.schema import Record

ROWS = 200
LABELS = np.random.default_rng(0).integers(0, 2, ROWS)
HALVES = np.random.default_rng(1).integers(0, 2, ROWS)
CLASSES = {"name": "glue/mrpc", "labels": ["no", "yes"], "primary": "accuracy", "metric": "accuracy"}
CLASSES |= dict.fromkeys(("dataset", "config", "train", "validation", "label"), "x") | {"text": ["t"]}


def leave_answers(
    root: Path, method: str, right: float, seeds: int = 3, task: str = "glue/mrpc", **facts
) -> list[Record]:
    """Leave runs whose answers are right as often as that, on the same easy and hard rows, and their predictions."""
    answers = []
    for seed in range(seeds):
        random = np.random.default_rng([seed, *method.encode(), *task.encode()])
        hard = np.random.default_rng(2).normal(0, 0.2, ROWS)
        answers.append(np.where(random.random(ROWS) < np.clip(right + hard, 0, 1), LABELS, 1 - LABELS))
    return leave(root, method, answers, task, **facts)


def leave(root: Path, method: str, answers: list[np.ndarray], task: str = "glue/mrpc", **facts) -> list[Record]:
    """Leave a run for each seed that answered so, (rows,), at every epoch, and its predictions."""
    made = []
    for seed, answered in enumerate(answers):
        config = {"task": CLASSES | {"name": task}, "train": {"epochs": 3}}
        own = Predictions(LABELS, HALVES, answered, answered, answered)
        scores = dev_scores.again(own, "accuracy", CLASSES)
        record = make_record(task, method, "qv", seed, config=config, **scores, **facts)
        (path,) = save(root, record)
        predictions.write(path, own, classes=True)
        made.append(record)
    return made
