"""What a run ran on: hardware, package versions, the code's revision."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import torch
from accelerate import Accelerator

from benchmarks.records.schema import Environment

_PACKAGES = ("torch", "transformers", "datasets", "accelerate", "numpy", "scikit-learn", "scipy", "math-verify")
_CODE = ("benchmarks", "methods", "conf", "pyproject.toml")


def describe(accelerator: Accelerator, precision: str) -> Environment:
    """Return the environment of a run; outside a git checkout the revision is 'none'."""
    return Environment(
        hardware=hardware(accelerator),
        processes=accelerator.num_processes,
        precision=precision,
        packages={"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        git_revision=_git("rev-parse", "HEAD") or "none",
        git_dirty=bool(_git("status", "--porcelain", "--", *_CODE)),
    )


def hardware(accelerator: Accelerator) -> str:
    """Return the name of the device that runs compute on, and of a CPU how many threads."""
    if accelerator.device.type == "cuda":
        return torch.cuda.get_device_name(accelerator.device)
    return f"{torch.cpu.get_capabilities()['cpu_name']}, {torch.get_num_threads()} threads"


def _git(*arguments: str) -> str:
    root = Path(__file__).parents[2]
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
