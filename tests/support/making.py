"""The commands that make would run."""

import subprocess

from benchmarks import conf


def commands(script: str, *arguments: str) -> list[str]:
    """Return what follows the script's name in each line that ``make`` would run.

    Other lines are make's own: run by another make, it tells which directory it enters and leaves.
    """
    make = ["make", "--dry-run", *arguments]
    told = subprocess.run(make, cwd=conf.CONF.parent, capture_output=True, text=True, check=True).stdout
    return [line.partition(script)[2] for line in told.splitlines() if script in line]
