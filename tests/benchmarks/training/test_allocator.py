"""Memory that a step frees stays with the process, and the most that was held is of this process alone."""

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

# Starts itself anew while it holds what it was told to, and prints the most that either process has held.
PEAKS = """
import subprocess, sys
from benchmarks.training.allocator import peak_memory
held = bytearray(int(sys.argv[2]))
if held:
    subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[1], "0"], check=True)
print(peak_memory())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_memory_that_was_freed_is_not_asked_for_again() -> None:
    faults = {}
    for how in ("kept", "given back"):
        words = [sys.executable, "-c", ASK, how]
        faults[how] = int(subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert faults["kept"] * 20 < faults["given back"]


def test_the_most_that_was_held_is_not_what_the_parent_held() -> None:
    words = [sys.executable, "-c", PEAKS, PEAKS, str(2**29)]
    child, parent = map(int, subprocess.run(words, cwd=ROOT, capture_output=True, check=True).stdout.split())
    assert 2**20 < child < 2**28 and 2**29 < parent < 2**30
