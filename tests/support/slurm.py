"""A Slurm cluster of one node on this machine: munged, slurmctld and slurmd, from Debian's slurm-wlm and munge."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch")


def lacking() -> list[str]:
    """Return which of Slurm's programs are not installed."""
    return [name for name in NEEDED if shutil.which(name, path=_path()) is None]


@contextmanager
def cluster(root: Path) -> Iterator[dict[str, str]]:
    """Run a cluster whose files lie below ``root``; give the environment that its commands need. It has no accounting.

    The node claims 16 CPUs, 100 GB and 4 GPUs, so that what asks for a real one is taken.
    """
    root.chmod(0o755)
    for name in ("spool", "state"):
        (root / name).mkdir()
    key = root / "key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    for number in range(4):
        (root / f"gpu{number}").touch()
    (root / "gres.conf").write_text(f"NodeName=node Name=gpu File={root}/gpu[0-3]\n")
    (root / "cgroup.conf").write_text("CgroupAutomount=no\n")
    (root / "slurm.conf").write_text(_config(root))
    environment = os.environ | {"SLURM_CONF": str(root / "slurm.conf"), "PATH": _path()}
    files = {name: f"--{name}={root}/munged.{end}" for name, end in _MUNGE_FILES.items()}
    commands = [
        ["munged", "--foreground", "--force", f"--key-file={key}", *files.values()],
        ["slurmctld", "-D", "-c"],
        ["slurmd", "-D", "-c", "-N", "node"],
    ]
    started: list[subprocess.Popen] = []
    try:
        for command in commands:
            with (root / f"{command[0]}.out").open("wb") as log:
                started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
            time.sleep(0.5)
        _wait_until_idle(root, environment)
        yield environment
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(30)


def begin_soon(job: str, environment: dict[str, str]) -> None:
    """Let a requeued job begin in three seconds, where Slurm makes it wait for two minutes.

    Not at once: slurmd counts in whole seconds, and refuses a job that begins in the second in which it was killed.
    """
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        asked = ["squeue", "--noheader", "--format=%T %r", f"--jobs={job}"]
        told = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
        if told.stdout.strip() == "PENDING BeginTime":
            subprocess.run(["scontrol", "update", f"job={job}", "StartTime=now+3"], env=environment, check=True)
            return
        time.sleep(0.2)
    raise AssertionError(f"job {job} was not requeued: {told.stdout}")


_MUNGE_FILES = {"socket": "sock", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}


def _path() -> str:
    return os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])


def _port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _config(root: Path) -> str:
    settings = {
        "ClusterName": "test",
        "SlurmctldHost": f"{socket.gethostname().partition('.')[0]}(127.0.0.1)",
        "SlurmUser": getpass.getuser(),
        "SlurmdUser": getpass.getuser(),
        "SlurmctldPort": _port(),
        "SlurmdPort": _port(),
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={root}/munged.sock",
        "CredType": "cred/munge",
        "StateSaveLocation": root / "state",
        "SlurmdSpoolDir": root / "spool",
        "SlurmctldPidFile": root / "slurmctld.pid",
        "SlurmdPidFile": root / "slurmd.pid",
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "JobAcctGatherType": "jobacct_gather/none",
        "MpiDefault": "none",
        "GresTypes": "gpu",
        "SelectType": "select/cons_tres",
        "SchedulerParameters": "sched_min_interval=100000,bf_interval=1",
        "SlurmdParameters": "config_overrides",
        "ReturnToService": 2,
        "KillWait": 2,
    }
    lines = [f"{key}={value}" for key, value in settings.items()]
    lines.append("NodeName=node NodeHostname=localhost NodeAddr=127.0.0.1 CPUs=16 RealMemory=100000 Gres=gpu:4")
    lines.append("PartitionName=main Nodes=node Default=YES MaxTime=INFINITE State=UP")
    return "\n".join(lines) + "\n"


def _wait_until_idle(root: Path, environment: dict[str, str]) -> None:
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        told = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"], env=environment, capture_output=True, text=True, check=False
        )
        if told.stdout.strip() == "idle":
            return
        time.sleep(0.2)
    logs = "\n".join(file.read_text()[-1500:] for file in sorted(root.glob("*.out")))
    raise AssertionError(f"the cluster did not start: {told.stdout}{told.stderr}\n{logs}")
