"""Commands that are killed while they train."""

import subprocess
import time
from pathlib import Path

import psutil


def kill_at(child: subprocess.Popen, checkpoints: Path, count: int = 1) -> None:
    """Kill a command, and no process that it started, once ``count`` checkpoints are there; its workers must end."""
    limit = time.monotonic() + 120
    while len(list(checkpoints.glob("*.pt"))) < count and child.poll() is None and time.monotonic() < limit:
        time.sleep(0.002)
    workers = psutil.Process(child.pid).children(recursive=True)
    child.kill()
    assert child.wait() == -9, "it ended before it could be killed"
    assert len(workers) >= 2
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive
