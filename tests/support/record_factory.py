"""Records made up for tests: a whole, valid one, of which a test names only what it is about."""

from pathlib import Path
from typing import Any

from benchmarks.records.schema import Epoch, Record, Start
from benchmarks.records.selection import summarise
from benchmarks.records.store import identity_of, record_path, write

TEXT_SCORES = {"bleu": 0.681, "nist": 8.62, "nist_p": 8.71, "meteor": 0.462, "rouge_l": 0.705, "cider": 2.444}


def make_record(
    task: str = "glue/mrpc",
    method: str = "alpha",
    targets: str = "qv",
    seed: int = 0,
    best: float = 0.9,
    last: float | None = None,
    held_out: float | None = None,
    config: dict[str, Any] | None = None,
    source: str = "embedded",
    data_fingerprint: str = "d0d0d0d0d0d0",
    backbone: str = "minilm",
    backbone_fingerprint: str = "b0b0b0b0b0b0",
    trained: int = 12_345,
    stored: float = 6_789.0,
    adapter_bytes: int = 27_156,
    samples_per_second: float = 150.0,
    hardware: str = "one test processor",
    error: str | None = None,
    primary: str = "accuracy",
    generation: dict[str, Any] | None = None,
    exams: dict[str, Any] | None = None,
    mt_bench: dict[str, Any] | None = None,
    started_from: Start | None = None,
) -> Record:
    """Return a record; ``error`` makes it a failed one, ``last`` and ``held_out`` are ``best`` unless given."""
    held_out = best if held_out is None else held_out
    config = config or {"optimizer": {"lr": 0.001}}
    settings = {"train": {}, "backbone": {}, "precision": "fp32", "seed": seed} | config
    settings |= {"task": {"name": task} | config.get("task", {}), "method": {"name": method} | config.get("method", {})}
    settings.setdefault("targets", [] if targets == "-" else targets.split(","))
    # Where the last epoch is not the best one there are two of them; any epoch has held_out on both halves.
    epochs = [
        Epoch(epoch=number, train_loss=0.5, scores={primary: score}, halves=(held_out, held_out))
        for number, score in enumerate([best] if last in (None, best) else [best, last], 1)
    ]
    cost = {
        "train_seconds": 1.5,
        "samples_per_second": samples_per_second,
        "tokens_per_second": 3_000.0,
        "peak_memory_bytes": 1_000_000,
    }
    if started_from:
        settings["start"] = started_from.task
    begun = [started_from.identity] if started_from else []
    identity = identity_of(settings | {"fingerprints": [backbone_fingerprint, data_fingerprint, *begun]})
    return Record.model_validate(
        {
            "identity": identity,
            "status": "failed" if error else "finished",
            "error": error,
            "task": task,
            "method": method,
            "targets": targets,
            "seed": seed,
            "group": [identity],
            "started_from": started_from,
            "config": settings,
            "data": {
                "source": source,
                "dataset": task,
                "fingerprint": data_fingerprint,
                "train_rows": 3_668,
                "validation_rows": 408,
            },
            "backbone": {
                "name": backbone,
                "path": backbone,
                "fingerprint": backbone_fingerprint,
                "parameters": 22_000_000,
            },
            "parameters": {
                "trained": trained,
                "stored": stored,
                "head": 770,
                "adapter_bytes": adapter_bytes,
                "head_bytes": 3_080,
            },
            "epochs": epochs,
            "scores": None if error else summarise(epochs, primary),
            "generation": None if error else generation,
            "exams": exams or {},
            "mt_bench": mt_bench,
            "cost": None if error else cost,
            "environment": {
                "hardware": hardware,
                "processes": 1,
                "precision": "fp32",
                "packages": {"torch": "2.0"},
                "git_revision": "0123456789abcdef",
                "git_dirty": False,
            },
            "finished_at": "2024-01-01T00:00:00Z",
        }
    )


def make_text_record(
    scores: dict[str, float] | None = None, absent: dict[str, str] | None = None, best: float = -1.25, **facts: Any
) -> Record:
    """Return a record of a run that wrote text; ``scores`` go over those of ``TEXT_SCORES`` that are not ``absent``."""
    absent = absent or {}
    generation = {
        "instances": 630,
        "references": 4_693,
        "scores": {name: value for name, value in (TEXT_SCORES | (scores or {})).items() if name not in absent},
        "absent": absent,
        "seconds": 2.5,
        "predictions": ["a text"] * 630,
    }
    config = {"task": {"name": "e2e", "decode": {"beams": 10, "length_penalty": 0.9}}}
    return make_record("e2e", primary="log_likelihood", best=best, config=config, generation=generation, **facts)


def make_solving_record(right: dict[str, float], questions: int = 16, **facts: Any) -> Record:
    """Return a record of a run that sat the exam gsm8k; ``right`` is the share of right answers by extractor."""
    marks = {
        extractor: {"accuracy": share, "standard_error": (share * (1 - share) / questions) ** 0.5, "unread": 1}
        for extractor, share in right.items()
    }
    solved = {"kind": "number", "marks": marks, "seconds": 1.0, "predictions": ["5"] * questions}
    solved["answers"] = ["#### 5"] * questions
    exam = {"dataset": "openai/gsm8k", "config": "main", "split": "test"}
    config = {"task": {"name": "math", "exams": {"gsm8k": exam}, "decode": {"beams": 1, "max_new_tokens": 64}}}
    chosen = {"primary": "log_likelihood", "best": -0.5, "config": config} | facts
    return make_record("math", exams={"gsm8k": solved}, **chosen)


def make_judged_record(turn_1: float | None, judge: str = "gpt-4", **facts: Any) -> Record:
    """Return a record of a run on Alpaca whose answers were judged."""
    judged = {"judge": judge, "prompts": "FastChat's (abc)", "source": "hub", "questions": 80, "repeats": 1}
    judged |= {"unscored": 0, "turn_1": turn_1, "turn_1_error": 0.25, "both_turns": 4.5, "swing": None}
    return make_record("alpaca", primary="log_likelihood", best=-1.25, mt_bench=judged, **facts)


def save(root: Path, *records: Record) -> list[Path]:
    """Write the records where the suite writes them below ``root``; return their paths."""
    paths = [record_path(root, r.task, r.backbone.name, r.method, r.targets, r.seed, r.identity) for r in records]
    for path, record in zip(paths, records, strict=True):
        write(path, record)
    return paths
