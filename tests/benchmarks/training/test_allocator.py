"""Memory that a step frees stays with the process, so that the next one does not ask the system for it again."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# Frees and takes 64 MB again and again, and prints how many pages the system had to give for that.
ASK = """
import resource, sys, torch
from benchmarks.training.allocator import keep_memory
if sys.argv[1] == "kept":
    assert keep_memory()
for _ in range(20):  # until the heap is as large as it needs to be
    torch.ones(2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_memory_that_was_freed_is_not_asked_for_again() -> None:
    faults = {}
    for how in ("kept", "given back"):
        words = [sys.executable, "-c", ASK, how]
        faults[how] = int(subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert faults["kept"] * 20 < faults["given back"]
