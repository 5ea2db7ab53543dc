"""What jobs need of the hub: fetched ahead, for machines without a network, and checked by the hub's checksums."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import conf, hub
from benchmarks.markup import ABSENT, Column, Page, text_column
from benchmarks.models import files
from benchmarks.papers import recipes
from benchmarks.papers.published import PublishedRow
from benchmarks.papers.reproduction import tasks_of
from benchmarks.tasks import rows as data
from benchmarks.tasks.build import build
from benchmarks.training import job
from benchmarks.training.settings import JobSettings


@dataclass(frozen=True)
class Fetched:
    """A model or a data set, where its files lie here and which of them are needed."""

    kind: str
    name: str
    revision: str | None
    folder: Path
    files: list[Path]

    @property
    def size(self) -> int:
        """Return the bytes of its files."""
        return sum(file.stat().st_size for file in self.files)


def of_job(overrides: Sequence[str]) -> list[JobSettings]:
    """Return the settings of a job, and of the one that it begins from."""
    settings = job.read(conf.composed(list(overrides)))
    return [settings, *([settings.start] if settings.start else [])]


def of_rows(rows: Iterable[PublishedRow], tasks: Sequence[str], more: Sequence[str]) -> list[JobSettings]:
    """Return the settings of all jobs of published rows, narrowed to ``tasks``; ``more`` settings are for all."""
    return [
        settings
        for row in rows
        for task in tasks_of(row, tasks)
        for settings in of_job([*recipes.overrides(row, task), *more])
    ]


def fetch(jobs: Iterable[JobSettings]) -> list[Fetched]:
    """Fetch the backbones and the rows of jobs, each once. Raises SuiteError for what cannot be had, or is garbled."""
    found, load = {}, data.loading_once()
    for settings in jobs:
        backbone = settings.backbone
        folder = files.locate(backbone.path, settings.cache, backbone.random, backbone.revision)
        found["model", folder] = backbone.path
        task = build(settings.task)
        load(task, settings.data.root, settings.cache, {})
        for source in task.sources.values():
            found["data", data.folder_of(source, settings.data.root, settings.cache)] = source.dataset
    return [_checked(kind, name, folder) for (kind, folder), name in found.items()]


def _checked(kind: str, name: str, folder: Path) -> Fetched:
    inside = sorted(path for path in folder.rglob("*") if path.is_file())
    for file in inside:
        hub.digest(file)
    return Fetched(kind, name, hub.commit_of(folder), folder, inside)


def faults_of_programs(jobs: Iterable[JobSettings]) -> dict[str, str | None]:
    """Try the programs that score jobs, which packages ship; say what keeps each from running, None if it runs."""
    tasks = {settings.task["name"]: build(settings.task) for settings in jobs}
    return {name: fault for task in tasks.values() for name, fault in task.faults_of_programs().items()}


def page(fetched: Sequence[Fetched], programs: Mapping[str, str | None]) -> Page:
    """Return what was fetched as a table, with what ``faults_of_programs`` has found below it."""
    offline = "Without a network, HF_HUB_OFFLINE=1 makes the hub's client take what lies in these folders."
    runs = "comes with an installed package, and not from the hub: it is here and runs"
    total = sum(each.size for each in fetched)
    return Page(
        columns=[
            text_column("kind", [each.kind for each in fetched]),
            text_column("name", [each.name for each in fetched]),
            text_column("commit", [(each.revision or ABSENT)[:12] for each in fetched]),
            Column("files", [str(len(each.files)) for each in fetched]),
            Column("MB", [f"{each.size / 1e6:,.1f}" for each in fetched]),
            text_column("folder", [str(each.folder) for each in fetched]),
        ],
        title=f"{total / 1e6:,.1f} MB are here and whole",
        notes=[offline, *(f"{name} {f'cannot run: {fault}' if fault else runs}." for name, fault in programs.items())],
    )
