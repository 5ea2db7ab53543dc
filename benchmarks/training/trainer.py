"""One group of a job's runs, from the backbone to their records."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks import hub
from benchmarks.errors import SuiteError, first_line
from benchmarks.models import adapter_files, backbones, counting, quantization
from benchmarks.models.frozen import frozen
from benchmarks.records import schema
from benchmarks.training import checkpoint, console, decode, loop, warm_start
from benchmarks.training.checkpoint import Progress
from benchmarks.training.feed import Feed
from benchmarks.training.group import Adaptation, RunGroup
from benchmarks.training.loop import Watch
from benchmarks.training.outcome import Answers, Ended
from benchmarks.training.plan import Job, Run
from benchmarks.training.tracking import RunInfo, Tracker
from benchmarks.training.warm_start import Began
from methods.sites import find_sites


def train_group(job: Job, runs: list[Run], wanted: list[Run], feed: Feed, began: Began | None) -> None:
    """Train ``runs`` in one pass, and leave the records of those that are ``wanted``.

    They begin where the run that ``began`` names ended, or from the backbone. A group that runs out of memory has
    failed, and the sweep goes on.
    """
    with _memory_errors_named(job):
        adaptation = _adaptation(job)
    counts = counting.count(job.method, adaptation.model, adaptation.head, adaptation.sites)
    console.announce(job, runs, len(adaptation.sites), counts, job.task.remark(feed.train.examples))
    backbone = _described(job, adaptation, counts)  # before a group casts the model and puts its own heads into it
    place = checkpoint.begin(job, runs)
    answers: list[Answers] = [{} for _ in runs]
    with closing(_tracker(job, runs, counts)) as tracker:
        try:
            group = _group(job, runs, adaptation, feed, began)
            with console.bars(job) as bar:
                watch = Watch(bar("steps", group.steps), tracker.epoch, job.console.print)
                progress = loop.fit(group, feed, place, job.settings.adapter.save, watch)
                if feed.questions and not all(progress.failures):
                    answers = decode.answer(group, feed, bar("prompts", feed.prompts))
        except (RuntimeError, MemoryError) as error:
            # Where there are several processes the others wait for this one, so it must end.
            if not _out_of_memory(error) or job.accelerator.num_processes > 1:
                raise
            progress = Progress.start(len(runs), f"out of memory: {first_line(error)}")
        ended = Ended(job, runs, began, counts, backbone, progress, answers)
        _leave(ended, wanted, feed, adaptation, tracker)
    # One that ran out of memory goes on from its last whole epoch when there is more.
    if job.accelerator.is_main_process and progress.epoch:
        place.unlink(missing_ok=True)
    job.console.print(f"  records: {runs[0].path.parent}")
    job.accelerator.wait_for_everyone()


def _leave(ended: Ended, wanted: list[Run], feed: Feed, adaptation: Adaptation, tracker: Tracker) -> None:
    """Leave the records of the wanted runs, say how they ended, and end what is tracked of all."""
    for index, run in enumerate(ended.runs):
        record = ended.record(index)
        if ended.job.accelerator.is_main_process and run in wanted:
            ended.leave(index, record, feed, adaptation)
            ended.job.console.print(console.outcome(run, record))
        tracker.finish(index, record)


def _tracker(job: Job, runs: list[Run], counts: schema.Parameters) -> Tracker:
    wandb = job.settings.wandb
    mode = wandb.mode if job.accelerator.is_main_process else "disabled"
    return Tracker.start(mode, wandb.project, job.settings.results, [_info(job, run, counts) for run in runs])


def _group(job: Job, runs: list[Run], adaptation: Adaptation, feed: Feed, began: Began | None) -> RunGroup:
    train, rows = job.settings.train, len(feed.train.examples)
    group = RunGroup(adaptation, [run.settings for run in runs], train, rows, job.accelerator, job.precision)
    if began:
        _begin(group, began.record)
    return group


@contextmanager
def _memory_errors_named(job: Job) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if _out_of_memory(error):
            raise SuiteError(f"{job.label}: not enough memory to load the backbone: {first_line(error)}") from error
        raise


def _adaptation(job: Job) -> Adaptation:
    """Load the backbone, find the maps that are adapted, and make what the method freezes."""
    backbone, head = job.settings.backbone, job.settings.backbone.head
    model = backbone_of(job)
    norms = job.method.adapts_norms
    sites = find_sites(model, job.target_names, head, backbone.fused, norms) if job.method.adapts_sites else []
    described = quantization.describe(backbone.quantization)
    with job.accelerator.main_process_first():
        kept = frozen(job.method, job.method_name, sites, job.settings.cache, job.fingerprint, described, job.precision)
    return Adaptation(model, head, job.method, sites, kept)


def backbone_of(job: Job) -> nn.Module:
    """Load a job's backbone, quantised if it is to be."""
    backbone = job.settings.backbone
    quantized = quantization.settings(backbone.quantization, job.precision, job.accelerator.device, backbone.head)
    return backbones.load(
        job.directory, job.task, backbone.shape, backbone.head, backbone.dropout, backbone.random, quantized
    )


def _described(job: Job, adaptation: Adaptation, counts: schema.Parameters) -> schema.Backbone:
    backbone = job.settings.backbone
    dequantised = backbone.quantization and job.method.frozen_from_weights
    return schema.Backbone(
        name=job.settings.backbone_name,
        path=backbone.path,
        fingerprint=job.fingerprint,
        revision=hub.commit_of(job.directory),
        parameters=adaptation.model.num_parameters() - counts.head,
        quantization=quantization.describe(backbone.quantization),
        frozen_from=f"the weights dequantised from {backbone.quantization}" if dequantised else None,
    )


def _info(job: Job, run: Run, counts: schema.Parameters) -> RunInfo:
    return RunInfo(
        identity=run.identity,
        label=run.label,
        task=job.task.name,
        backbone=job.settings.backbone_name,
        method=job.method_name,
        targets=job.targets,
        seed=run.config["seed"],
        source=job.rows.source,
        primary=job.task.primary,
        config=run.config | _beside(job, run),
        parameters=counts,
    )


def _beside(job: Job, run: Run) -> dict[str, Any]:
    """Return what W&B is told of a run beside its config: what it is a configuration of, and the hub's commits."""
    commits = {"backbone": hub.commit_of(job.directory), "data": job.rows.revision}
    known = {name: commit for name, commit in commits.items() if commit}
    tuning = {"tuning": run.tuning.model_dump()} if run.tuning else {}
    return tuning | ({"commits": known} if known else {})


def _begin(group: RunGroup, record: Path) -> None:
    """Let every run of a group begin where a run ended: with its adapter, and with what fits of its head."""
    tensors = warm_start.tensors_of(record)
    trained = adapter_files.read(tensors)
    adapter_files.check(trained, group.trained(0), tensors)
    head = adapter_files.read(tensors.with_name("head.safetensors"))
    for index in range(len(group.runs)):
        drawn = group.head(index)
        fitting = {name: part for name, part in head.items() if name in drawn and drawn[name].shape == part.shape}
        group.fill(index, trained, fitting)


def _out_of_memory(error: Exception) -> bool:
    # On CPU torch raises a plain RuntimeError, which only its text tells apart.
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
