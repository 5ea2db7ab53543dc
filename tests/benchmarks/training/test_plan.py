"""Which runs are done: those whose records are theirs."""

from pathlib import Path

import pytest
from rich.console import Console
from support.record_factory import make_record, save

from benchmarks.errors import SuiteError
from benchmarks.training.plan import Run, is_done


def test_the_record_of_another_run_does_not_make_a_run_done(tmp_path: Path) -> None:
    record, other = make_record("glue/sst2"), make_record("glue/rte")
    (path,) = save(tmp_path, record)
    run = Run(record.config, record.identity, path, "seed 0")
    assert is_done(run, Console(quiet=True))
    (rte,) = save(tmp_path, other)
    rte.replace(path)
    with pytest.raises(SuiteError, match=r"it is the record of another path.*: move the file away"):
        is_done(run, Console(quiet=True))
    path.unlink()
    assert not is_done(run, Console(quiet=True))
