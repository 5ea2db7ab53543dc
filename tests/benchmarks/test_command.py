"""What all commands share."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import command

# In a process of its own, in which nothing else is imported or frozen.
FREEZES = """
import gc
from benchmarks import command
with command.importing():
    pass
before = gc.get_freeze_count()
with command.importing():
    import wave
print(before, gc.get_freeze_count() > 10_000)
"""


def test_no_collection_runs_while_packages_are_imported() -> None:
    with command.importing():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ImportError), command.importing():
        import nothing_of_this_name  # noqa: F401
    assert gc.isenabled()


def test_no_collection_looks_at_what_was_imported() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", FREEZES], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "True"]
