"""What a trained group leaves: each run's record, its predictions on dev, its adapter."""

from dataclasses import dataclass
from datetime import UTC, datetime

import torch

from benchmarks.models import adapter_files, saved
from benchmarks.records import predictions, schema, selection, store
from benchmarks.records.schema import Record, Solved, Written
from benchmarks.training import environment
from benchmarks.training.checkpoint import Progress
from benchmarks.training.feed import Feed
from benchmarks.training.group import Adaptation
from benchmarks.training.plan import Job, Run
from benchmarks.training.warm_start import Began

Answers = dict[str, Written | Solved]  # what a run wrote, by the set that it was asked


@dataclass(frozen=True)
class Ended:
    """A group that has ended: all that its runs' records are made of. ``answers`` are by run."""

    job: Job
    runs: list[Run]
    began: Began | None
    counts: schema.Parameters
    backbone: schema.Backbone
    progress: Progress
    answers: list[Answers]

    def record(self, index: int) -> Record:
        """Return the record of one run."""
        run, failure, answers = self.runs[index], self.progress.failures[index], self.answers[index]
        job, history = self.job, self.progress.histories[index]
        solved = {name: answer for name, answer in answers.items() if isinstance(answer, Solved)}
        written = next((answer for answer in answers.values() if isinstance(answer, Written)), None)
        return Record(
            identity=run.identity,
            status="failed" if failure else "finished",
            error=failure,
            task=job.task.name,
            method=job.method_name,
            targets=job.targets,
            seed=run.config["seed"],
            group=[other.identity for other in self.runs],
            started_from=self.began and self.began.fact,
            config=run.config,
            tuning=run.tuning,
            data=_data(job),
            backbone=self.backbone,
            parameters=self.counts,
            epochs=history,
            scores=None if failure else selection.summarise(history, job.task.primary),
            generation=None if failure else written,
            exams={} if failure else solved,
            cost=None if failure else self.progress.cost(),
            environment=environment.describe(job.accelerator, job.precision),
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def leave(self, index: int, record: Record, feed: Feed, adaptation: Adaptation) -> None:
        """Write a run's record; before it, of one that has finished, its predictions and, if asked for, its adapter."""
        run = self.runs[index]
        if record.status == "finished":
            answered = torch.stack(list(self.progress.answered[index].values())).cpu().numpy()
            chosen = predictions.chosen(
                record.epochs, record.scores.primary, answered, feed.dev.labels, feed.dev.halves
            )
            classes = self.job.task.answers_classes
            predictions.write(run.path, chosen, classes)
            record = record.model_copy(update={"collapsed": chosen.collapsed if classes else None})
            if self.job.settings.adapter.save:
                self._save_adapter(index, adaptation)
        store.write(run.path, record)

    def _save_adapter(self, index: int, adaptation: Adaptation) -> None:
        """Write a run's adapter as it was at the best epoch."""
        job, run, kept = self.job, self.runs[index], self.progress.kept[index]
        directory = store.folder_of(run.path) / "adapter"
        backbone = job.settings.backbone.model_dump() | {"revision": self.backbone.revision}
        adapter_files.save(
            directory=directory,
            name=job.method_name,
            method=job.method,
            trained=kept["trained"],
            head=kept["head"],
            frozen=adaptation.frozen,
            sites=adaptation.sites,
            backbone=saved.backbone_facts(backbone, job.fingerprint),
            facts=run.config,
            resumable=job.settings.adapter.resumable,
        )
        job.console.print(f"  adapter: {directory}")


def _data(job: Job) -> schema.Data:
    return schema.Data(
        source=job.rows.source,
        dataset=job.rows.dataset,
        fingerprint=job.rows.fingerprint,
        train_rows=len(job.rows.splits["train"]),
        validation_rows=len(job.rows.splits["validation"]),
        revision=job.rows.revision,
    )
