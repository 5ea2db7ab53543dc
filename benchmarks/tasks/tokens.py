"""Rows as tokens, kept on disk."""

import hashlib
from typing import Any

import datasets
import pyarrow as pa

from benchmarks.records.files import kept
from benchmarks.tasks.base import Example, Task
from benchmarks.tasks.rows import Rows

_BATCH = 1000  # rows that are tokenised at a time


def tokenise(rows: Rows, split: str, task: Task, tokenizer: Any, backbone: str, max_length: int) -> list[Example]:
    """Return the tokens and labels of each row, cached on disk by rows, task, length and the backbone's fingerprint."""
    made_for = f"{rows.fingerprint} {split} {task.model_dump_json()} {max_length} {backbone}"
    if rows.cache is None:
        return _encoded(rows.splits[split], task, tokenizer, max_length).to_pylist()
    path = rows.cache / "tokens" / f"{hashlib.sha256(made_for.encode()).hexdigest()[:16]}.arrow"

    def make() -> bytes:
        table, stream = _encoded(rows.splits[split], task, tokenizer, max_length), pa.BufferOutputStream()
        with pa.ipc.new_stream(stream, table.schema) as writer:
            writer.write_table(table)
        return stream.getvalue().to_pybytes()

    return pa.ipc.open_stream(kept(path, made_for, make)).read_all().to_pylist()


def _encoded(rows: datasets.Dataset, task: Task, tokenizer: Any, max_length: int) -> pa.Table:
    """Return rows as tokens and labels, a column for each."""
    batches = (task.encode(batch, tokenizer, max_length) for batch in rows.iter(_BATCH))
    return pa.concat_tables([pa.table(batch) for batch in batches])
