"""What the tests of tracking share: nobody's login, and what W&B's offline files hold."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb


@pytest.fixture(autouse=True)
def nobody_logged_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Hide the person's own W&B settings and login, and leave no W&B service behind."""
    for name in ("MODE", "API_KEY", "BASE_URL", "IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(f"WANDB_{name}", raising=False)
    os.environ.pop("WANDB_SERVICE", None)  # for good: a fixture's service that was hidden is gone when it comes back
    for name in ("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "NETRC"):
        monkeypatch.setenv(name, str(tmp_path / "nobody" / name))
    yield
    wandb.teardown()


def cannot_run() -> str | None:
    """Return why the binary that W&B's client is made of does not run here, or None where it does."""
    try:
        subprocess.run([wandb.util.get_core_path(), "--help"], capture_output=True, check=True)
    except (OSError, wandb.Error, subprocess.CalledProcessError) as error:
        return str(error)
    return None


def read_back(directory: Path) -> dict[int, dict[str, Any]]:
    """Read the offline files below ``directory``: what each run holds, by its seed, which must be one run's."""
    runs = read_runs(directory)
    assert len({run["config"]["seed"] for run in runs}) == len(runs)
    return {run["config"]["seed"]: run for run in runs}


def read_runs(directory: Path) -> list[dict[str, Any]]:
    """Read the offline files below ``directory``: what each run holds."""
    runs = []
    for file in directory.glob("wandb/offline-run-*/run-*.wandb"):
        command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(file)]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        records = [json.loads(line) for line in lines]
        run: dict[str, Any] = {"summary": {}, "history": [], "exit": None}
        for item in records:
            content = item.get(item["type"], {})
            if item["type"] == "run":
                run |= {"run": content, "config": content["config"]["update"]}
            elif item["type"] == "history":
                run["history"].append(content["item"])
            elif item["type"] == "summary":
                run["summary"] |= content["update"]
            elif item["type"] == "exit":
                run["exit"] = content["exit_code"]
        runs.append(run | {"types": {item["type"] for item in records}})
    return runs
