"""What runs log arrives at a W&B server, at once or by the docs' command: the real client, a server on loopback."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from support import tiny
from support.wandb_files import cannot_run, nobody_logged_in  # noqa: F401
from support.wandb_server import KEY, REFUSAL, Arrived, Server, serving

from benchmarks.analysis import sheets
from benchmarks.records.schema import Record
from benchmarks.training.runner import run_job

DOCS = Path(__file__).parents[3] / "docs" / "dashboard.md"
LOCAL = Path("results") / "local"  # where the command looks

MISSING = cannot_run()

pytestmark = pytest.mark.skipif(MISSING is not None, reason=f"W&B's client does not run here: {MISSING}")


@pytest.fixture(scope="module")
def trained(bert: Path, glue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train two seeds that begin from another task, logged offline; return the folder that holds ``results/local``."""
    root = tmp_path_factory.mktemp("trained")
    job = tiny.job("lora", bert, glue, root, "seeds=[0,1]", "wandb.mode=offline", "wandb.project=bench")
    run_job(tiny.settings([*job, "start=glue/rte", f"results={root / LOCAL}"]))
    return root


@pytest.fixture
def unsent(trained: Path, tmp_path: Path) -> Path:
    """Return a copy of what was trained of which nothing was sent."""
    return shutil.copytree(trained, tmp_path / "copy", ignore=shutil.ignore_patterns("*.synced", "*.syncstate"))


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


def sync(root: Path, server: Server, *more: str) -> str:
    """Run the docs' command in ``root`` with a key, and return what it prints."""
    (command,) = re.findall(r"^find .*wandb sync.*$", DOCS.read_text(), re.MULTILINE)
    command = command.replace("wandb sync", " ".join(["wandb sync", *more]))
    environment = os.environ | {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    ended = subprocess.run(
        command, shell=True, cwd=root, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return ended.stdout + ended.stderr


def records_of(root: Path) -> dict[str, Record]:
    """Return by identity the records below ``root``, and that of the run that others began from."""
    found = [*sheets.load(root / LOCAL), *sheets.load(root / LOCAL / "starts")]
    return {record.identity: record for record in found}


def by_identity(server: Server) -> dict[str, Arrived]:
    assert len({run.config["identity"] for run in server.runs.values()}) == len(server.runs)
    return {run.config["identity"]: run for run in server.runs.values()}


def test_what_arrives_is_what_the_records_say(unsent: Path, server: Server) -> None:
    sync(unsent, server)
    records, runs = records_of(unsent), by_identity(server)
    assert sorted(runs) == sorted(records)
    assert sorted((record.task, record.seed) for record in records.values()) == [
        ("glue/mrpc", 0),
        ("glue/mrpc", 1),
        ("glue/rte", 0),
    ]
    for identity, record in records.items():
        assert_same(runs[identity], record)


def assert_same(run: Arrived, record: Record) -> None:
    made = run.made
    assert (made["project"], made["groupName"], made["jobType"]) == ("bench", f"{record.task}/tiny", "lora")
    assert made["displayName"] == f"lora qv seed {record.seed}"
    assert set(made["tags"]) == {"lora", "qv", "tiny", record.task, record.data.source}
    beside = {"seed": record.seed, "target_set": "qv", "parameters": record.parameters.model_dump()}
    assert {key: run.config.get(key) for key in record.config | beside} == record.config | beside

    assert [row["_step"] for row in run.history] == [6, 12]  # 43 rows in batches of 8, twice
    for row, epoch in zip(run.history, record.epochs, strict=True):
        expected = {"epoch": epoch.epoch, "train/loss": epoch.train_loss, "dev/score": epoch.scores["accuracy"]}
        expected |= {f"dev/{name}": score for name, score in epoch.scores.items()}
        expected |= {"dev/first_half": epoch.halves[0], "dev/second_half": epoch.halves[1]}
        assert {key: row.get(key) for key in expected} == expected

    expected = {name: getattr(record.scores, name) for name in ("held_out", "best", "best_epoch", "last")}
    expected |= {f"parameters/{name}": value for name, value in record.parameters.model_dump().items()}
    expected |= {"train_seconds": record.cost.train_seconds, "peak_memory_bytes": record.cost.peak_memory_bytes}
    expected |= {"samples_per_second": record.cost.samples_per_second, "status": "finished"}
    assert {key: run.summary.get(key) for key in expected} == expected
    assert run.exit == 0

    # Of the machine nothing is sent.
    assert set(run.uploaded) == {"config.yaml", "wandb-summary.json"}
    assert "host" not in made


def test_what_is_logged_online_arrives_as_well(
    bert: Path, glue: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    job = tiny.job("lora", bert, glue, tmp_path, "wandb.mode=auto", "wandb.project=bench")
    run_job(tiny.settings([*job, f"results={tmp_path / LOCAL}"]))
    (record,) = records_of(tmp_path).values()
    assert_same(by_identity(server)[record.identity], record)
    assert not list(tmp_path.glob("**/offline-run-*"))


def test_what_was_sent_is_not_sent_again_or_lands_in_the_same_place(unsent: Path, server: Server) -> None:
    sync(unsent, server)
    first, asked = deepcopy(server.runs), len(server.asked)
    assert "No runs to sync." in sync(unsent, server)
    assert len(server.asked) == asked
    sync(unsent, server, "--include-synced")
    assert len(server.asked) > asked
    assert server.runs.keys() == first.keys()
    for name, run in server.runs.items():
        before = first[name]
        assert (run.config, run.history, run.summary) == (before.config, before.history, before.summary)


def test_a_run_that_was_killed_at_once_does_not_keep_the_others_back(unsent: Path, server: Server) -> None:
    # W&B writes 7 bytes at once and the rest 15 seconds later, and sends nothing if one of its files has only those.
    killed = unsent / LOCAL / "wandb" / "offline-run-20300101_000000-killed" / "run-killed.wandb"
    killed.parent.mkdir()
    killed.write_bytes(next(unsent.glob(f"{LOCAL}/wandb/*/*.wandb")).read_bytes()[:7])
    sync(unsent, server)
    assert sorted(by_identity(server)) == sorted(records_of(unsent))


def test_a_server_that_refuses_the_key_says_so_and_the_runs_can_still_be_sent(unsent: Path, server: Server) -> None:
    with serving(status=401) as refusing:
        lines = sync(unsent, refusing).splitlines()
    assert [line for line in lines if "ERROR" in line] == [f"wandb: ERROR {REFUSAL}"] * 3
    sync(unsent, server)
    assert sorted(by_identity(server)) == sorted(records_of(unsent))
