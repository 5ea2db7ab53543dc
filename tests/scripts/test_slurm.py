"""Tables as Slurm jobs, on a cluster of one node that is started here."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import printed, slurm

from benchmarks import conf
from benchmarks.papers import cluster
from benchmarks.papers.cluster import Order
from benchmarks.records import store
from scripts import reproduce

HOUSE = conf.CONF.parent
SBATCH = sorted((HOUSE / "scripts" / "slurm").glob("*.sbatch"))
LACKING = slurm.lacking()
needs_slurm = pytest.mark.skipif(bool(LACKING), reason=f"Slurm is not installed: no {', '.join(LACKING)}")

TABLE = printed.table(
    """
- backbone: minilm
  method: lora
  targets: qv
  parameters: 1
  parameters_as_printed: 1K
  scores: {cola: {value: 50}, sst2: {value: 50}}
"""
)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with slurm.cluster(tmp_path_factory.mktemp("slurm")) as environment:
        yield environment


@pytest.fixture
def table(node: dict[str, str], tmp_path: Path, own_datasets_cache: None, machine: dict, monkeypatch) -> list[str]:
    """Return the command line of a table of two tasks whose runs begin from a third; its jobs go to the cluster."""
    for name, value in (machine | node).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cluster, "PAUSE", 0.2)
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "someone.yaml").write_text(TABLE)
    sizes = ["data.train_rows=48", "data.validation_rows=40", "seeds=[1]", "train.epochs=1", "train.batch_size=16"]
    where = [f"results={tmp_path}/results", f"cache={tmp_path}/cache", "wandb.mode=disabled"]
    return ["someone", "1", "--published", str(tmp_path / "published"), *sizes, *where, "--launcher", "submitit"]


@needs_slurm
def test_a_table_is_submitted_at_once_and_what_it_begins_from_goes_first(
    table: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["hydra.launcher.partition=main", "hydra.launcher.cpus_per_task=2", "hydra.launcher.mem_gb=4"]
    asked += ["hydra.launcher.gpus_per_node=1", "hydra.launcher.timeout_min=10", "hydra.launcher.array_parallelism=2"]
    asked += ["+hydra.launcher.additional_parameters={mail-type: END}"]
    assert reproduce.main([*table, "start=glue/mnli", *asked, "hydra.launcher.max_num_timeout=1"]) == 0
    told = capsys.readouterr().out
    start, after = "glue/mnli minilm lora qv", ", after glue/mnli minilm lora qv"
    (first, second) = re.findall(r"scancel (\d+) (\d+)", told)[0]
    assert f"{first}: {start}\n" in told
    assert f"{second}_0: glue/cola minilm lora qv{after}\n{second}_1: glue/sst2 minilm lora qv{after}\n" in told
    assert told.count(": done\n") == 3
    logs = Path(re.search(r"logs: (\S+)/JOB", told)[1])
    assert "begins from glue/mnli" in (logs / f"{second}_0" / f"{second}_0_0_log.out").read_text()
    records = [store.read(path) for path in (tmp_path / "results" / "records").rglob("*.json")]
    assert sorted(record.task for record in records) == ["glue/cola", "glue/sst2"]
    assert {record.started_from.task for record in records} == {"glue/mnli"}
    (script,) = (text for file in logs.rglob("*submission.sh") if "--array" in (text := file.read_text()))
    for line in (
        "partition=main",
        "cpus-per-task=2",
        "mem=4GB",
        "gpus-per-node=1",
        "time=10",
        "array=0-1%2",
        "mail-type=END",
    ):
        assert f"#SBATCH --{line}\n" in script


@needs_slurm
def test_a_job_that_is_refused_shows_its_own_line(table: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert reproduce.main([*table, "hydra.launcher.partition=nowhere"]) == 2
    told = capsys.readouterr().err
    assert "error: Slurm refuses glue/cola minilm lora qv: sbatch: error: invalid partition specified: nowhere" in told


@needs_slurm
def test_jobs_that_fail_or_are_cancelled_are_named_and_what_waits_for_them_ends(
    table: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = ("task=glue/cola", "method=lora", "method.rank=0", f"cache={tmp_path}/cache")
    wrong = Order("wrong", overrides, seconds=3000.0)
    waits = Order("waits", ("task=glue/rte", "method=lora"), wrong)
    assert cluster.run([wrong, waits], [f"cache={tmp_path}/cache"]) == 1
    told = capsys.readouterr().out
    assert "time limit: 110 min a job; the longest is to take about 50\n" in told
    assert "time limit: 60 min a job; how long jobs take is not known\n" in told
    scripts = [file.read_text() for file in (tmp_path / "cache").rglob("*submission.sh")]
    limits = [re.findall(r"^#SBATCH --time=(\d+)$", script, re.MULTILINE) for script in scripts]
    assert sorted(limits) == [["110"], ["60"]]
    assert "wrong: rank must be at least 1, got 0\n" in told
    assert "waits: ended without a result (cancelled, or out of time or memory)" in told


@needs_slurm
def test_what_is_in_the_queue_is_waited_for_and_not_submitted_again(
    table: list[str], tmp_path: Path, node: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    cache = [f"cache={tmp_path}/cache"]
    orders = [
        Order(name, ("task=glue/cola", "method=lora", f"method.rank={name}", *cache)) for name in ("0", "-1", "-2")
    ]
    with monkeypatch.context() as patch:
        patch.setattr(cluster, "_ended", lambda jobs: _stop())
        with pytest.raises(KeyboardInterrupt):
            cluster.run(orders[:2], [*cache, "+hydra.launcher.additional_parameters.hold=true"])
    (array,) = re.findall(r"^(\d+)_0: 0$", capsys.readouterr().out, re.MULTILINE)
    subprocess.run(["scontrol", "release", array], env=node, check=True)
    assert cluster.run(orders, cache) == 1
    told = capsys.readouterr().out
    (new,) = re.findall(r"^(\d+): -2$", told, re.MULTILINE)
    assert new != array
    earlier = ", submitted by an earlier command"
    for job, rank, what in ((f"{array}_0", 0, earlier), (f"{array}_1", -1, earlier), (new, -2, "")):
        assert told.count(f"{job}: {rank}{what}\n") == 1
        assert f"{job}: {rank}: rank must be at least 1, got {rank}\n" in told


@pytest.mark.parametrize(
    ("seconds", "limit", "requeues", "told"),
    [
        ([3000.0, 5520.0], 60, 0, "about 92, and is ended then: hydra.launcher.max_num_timeout=3 requeues it"),
        ([5520.0], 60, 2, "about 92, and is requeued then"),
        ([600.0, None], 60, 0, "60 min a job; how long jobs take is not known of all; the longest is to take about 10"),
    ],
)
def test_a_limit_that_is_too_short_is_told(seconds: list[float | None], limit: int, requeues: int, told: str) -> None:
    array = [Order("row", (), seconds=estimate) for estimate in seconds]
    assert cluster.told_limit(array, limit, requeues).endswith(told)


def test_an_order_whose_start_has_ended_is_the_same_order() -> None:
    start = Order("start", ("task=glue/mnli",))
    assert Order("row", ("task=glue/rte",), start) == Order("row", ("task=glue/rte",)) != start


def _stop() -> None:
    raise KeyboardInterrupt


@needs_slurm
def test_a_job_that_is_requeued_goes_on(table: list[str], tmp_path: Path, node: dict[str, str]) -> None:
    """As on a time limit: Slurm signals the job, which asks to be requeued, and trains again what it had not done."""
    chosen = ["train.epochs=40", "--task", "cola", "hydra.launcher.max_num_timeout=2"]
    command = [sys.executable, "-c", "import sys; from scripts import reproduce; sys.exit(reproduce.main())"]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([*command, *table, *chosen], env=node | _here(), cwd=HOUSE, **pipe) as child:
        try:
            checkpoints, limit = tmp_path / "cache", time.monotonic() + 120
            while not list(checkpoints.rglob("*.pt")) and child.poll() is None and time.monotonic() < limit:
                time.sleep(0.1)
            assert child.poll() is None, child.stdout.read()
            job = next(checkpoints.rglob("*_submitted.pkl")).name.partition("_submitted")[0]
            subprocess.run(["scancel", "--signal=USR2", job], env=node, check=True)
            slurm.begin_soon(job, node)
            told = child.communicate(timeout=240)[0]
        finally:
            child.kill()
    assert child.returncode == 0, told
    log = (
        next(checkpoints.rglob(f"{job}_0_log.out")).read_text()
        + next(checkpoints.rglob(f"{job}_0_log.err")).read_text()
    )
    assert f"Requeued job {job}" in log
    (record,) = (store.read(path) for path in (tmp_path / "results" / "records").rglob("*.json"))
    assert len(record.epochs) == 40


def _here() -> dict[str, str]:
    return {"PYTHONPATH": str(HOUSE), "HF_HUB_OFFLINE": "1", "WANDB_MODE": "disabled", "OMP_NUM_THREADS": "1"}


def test_a_launchers_settings_are_overrides_like_others() -> None:
    settings = conf.launcher("submitit_slurm", ["hydra.launcher.account=me", "hydra.launcher.timeout_min=90"])
    assert (settings["account"], settings["timeout_min"], settings["name"]) == ("me", 90, "reproduce")


@pytest.mark.parametrize("script", SBATCH, ids=lambda script: script.name)
def test_batch_scripts_are_bash(script: Path) -> None:
    assert len(SBATCH) == 2
    subprocess.run(["bash", "-n", str(script)], check=True)


@needs_slurm
@pytest.mark.parametrize("script", SBATCH, ids=lambda script: script.name)
def test_slurm_takes_the_batch_scripts(script: Path, node: dict[str, str]) -> None:
    for line in re.findall(r"^# sbatch (.*)$", script.read_text(), re.MULTILINE):
        words = line.replace("--partition=gpu", "--partition=main").split()
        subprocess.run(["sbatch", "--test-only", *words], env=node, cwd=HOUSE, check=True)


def test_without_slurm_the_launcher_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("sbatch") is None
    with pytest.raises(cluster.SuiteError, match="needs Slurm's sbatch, which is not here"):
        cluster.run([], [])
