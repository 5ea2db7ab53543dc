"""One job of a sweep, from its runs to their records: groups, checkpoints, W&B, adapters."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rich.progress
import safetensors.torch
import torch
from accelerate import Accelerator
from omegaconf import DictConfig
from rich.console import Console

from benchmarks.errors import SuiteError, first_line
from benchmarks.models import adapter_files as adapters
from benchmarks.models import backbones, counting, quantization, saved
from benchmarks.records import files, predictions, schema, selection, store
from benchmarks.records.schema import LOG_LIKELIHOOD, Parameters, Record, Solved, Written
from benchmarks.tasks import rows as data
from benchmarks.tasks.text import Text
from benchmarks.training import decode, environment
from benchmarks.training import job as plan
from benchmarks.training import loop as train
from benchmarks.training import warm_start as starts
from benchmarks.training.group import RunGroup
from benchmarks.training.job import Experiment, Run
from benchmarks.training.tracking import RunInfo, Tracker
from methods.base import Site, Tensors
from methods.sites import find_sites

Answers = dict[str, Written | Solved]  # what a run wrote, by the set that it was asked


@dataclass(frozen=True)
class Feed:
    """What a job's runs learn from, and what they are asked after it, by set; nothing for a task of classes."""

    tokenizer: Any
    train: train.Split
    dev: train.Split
    questions: dict[str, decode.Questions]


@dataclass(frozen=True)
class Began:
    """The run that others begin from: its record's path, and what their records say of it."""

    record: Path
    fact: schema.Start


def run_experiment(config: DictConfig) -> None:
    """Train every run of one job that is not done, and leave its records."""
    accelerator = Accelerator()
    console = Console(quiet=not accelerator.is_main_process, soft_wrap=True, highlight=False)
    experiment = plan.prepare(config, accelerator, console)
    runs = plan.runs_of(experiment)
    done = [] if config.force else [run for run in runs if plan.is_done(run, console)]
    if config.adapter.save:
        for run in done:
            if not (store.folder_of(run.path) / "adapter").exists():
                console.print(f"{run.label} is done and left no adapter: force=true trains it again and saves one")
    if len(done) == len(runs):
        folder = done[0].path.parent
        console.print(f"{experiment.label}: all {len(done)} runs are done ({folder}); force=true trains them again")
        return
    if done:
        console.print(f"{experiment.label}: {len(done)} of {len(runs)} runs are done")
    begun = _begun(experiment.start) if experiment.start else None
    feed = _feed(experiment)
    size = config.group_size or len(runs)
    for start in range(0, len(runs), size):
        group = runs[start : start + size]
        todo = [run for run in group if run not in done]
        # A group that was killed while its records were written is whole in its checkpoint.
        if todo and _checkpoint(experiment, group).exists():
            _train_group(experiment, group, todo, feed, begun)
        elif todo:
            _train_group(experiment, todo, todo, feed, begun)
        # The model and its hooks hold each other, so without this a sweep would hold every model until it runs out.
        gc.collect()


def _begun(start: Experiment) -> Began:
    """Train what is not done of the job that others begin from, and return its best run on dev.

    One sweep spread over processes wants it several times at once: the first one trains, and the others wait.
    """
    say, paths = start.console.print, [run.path for run in plan.runs_of(start)]
    lock = Path(start.config.cache) / "starts" / f"{paths[0].stem}.lock"
    with starts.alone(lock, start.accelerator, lambda: say(f"  waits for {start.label}, which another command trains")):
        best = starts.best_of(paths)
        if best is None or not starts.tensors_of(best).exists():
            config = start.config.copy()
            config.force = best is not None  # its adapter was lost
            run_experiment(config)
            best = starts.best_of(paths)
    if best is None:
        raise SuiteError(f"nothing can begin from {start.label}: {store.read(paths[0]).error}")
    failed = sum(store.read(path).status == "failed" for path in paths)
    which = f"the best of {len(paths)} runs, {failed} failed" if len(paths) > 1 else "its run"
    say(f"  begins from {start.label}, {which}: {best}; start=null begins from the backbone")
    own = store.read(best)
    fact = schema.Start(task=own.task, identity=own.identity, runs=len(paths), train_rows=own.data.train_rows)
    return Began(best, fact)


def _checkpoint(experiment: Experiment, runs: list[Run]) -> Path:
    facts = {"group": [run.identity for run in runs], "keeps_best": experiment.config.adapter.save, "answered": True}
    return Path(experiment.config.cache) / "checkpoints" / f"{store.identity_of(facts)}.pt"


def _train_group(experiment: Experiment, runs: list[Run], wanted: list[Run], feed: Feed, begun: Began | None) -> None:
    """Train ``runs`` in one pass, and leave the records of those that are ``wanted``.

    They begin where the run ``begun`` ended, or from the backbone.
    """
    config, accelerator = experiment.config, experiment.accelerator
    head = list(config.backbone.head)
    backbone = config.backbone
    kind = backbone.quantization
    quantized = quantization.settings(kind, experiment.precision, accelerator.device, head)
    try:
        model = backbones.load(
            experiment.directory, experiment.task, backbone.shape, head, backbone.dropout, backbone.random, quantized
        )
        targets = runs[0].config["targets"]
        sites = find_sites(model, targets, head, backbone.fused) if experiment.method.adapts_sites else []
        counts = counting.count(experiment.method, model, head, sites)
        _announce(experiment, runs, sites, counts, experiment.task.remark(feed.train.examples))
        frozen = _frozen(experiment, sites)
    except (RuntimeError, MemoryError) as error:
        if _out_of_memory(error):
            raise SuiteError(f"{experiment.label}: no memory to load the backbone: {first_line(error)}") from error
        raise
    described = schema.Backbone(
        name=experiment.backbone,
        path=backbone.path,
        fingerprint=experiment.fingerprint,
        parameters=model.num_parameters() - counts.head,
        quantization=quantization.describe(kind),
        frozen_from=f"the weights dequantised from {kind}" if kind and experiment.method.frozen_from_weights else None,
    )
    checkpoint = _checkpoint(experiment, runs)
    if config.force and accelerator.is_main_process:
        checkpoint.unlink(missing_ok=True)
    accelerator.wait_for_everyone()

    def build() -> RunGroup:
        group = RunGroup(
            model=model,
            head=head,
            method=experiment.method,
            sites=sites,
            frozen=frozen,
            runs=[run.settings for run in runs],
            train=experiment.settings,
            rows=len(feed.train.examples),
            accelerator=accelerator,
            precision=experiment.precision,
        )
        if begun:
            starts.begin(group, begun.record)
        return group

    infos = [_info(experiment, run, counts) for run in runs]
    mode = config.wandb.mode if accelerator.is_main_process else "disabled"
    tracker = Tracker.start(mode, config.wandb.project, Path(config.results), infos)
    try:
        progress, written = _fit(experiment, build, len(runs), feed, checkpoint, tracker)
        for index, run in enumerate(runs):
            record = _record(experiment, run, runs, begun, counts, described, progress, written[index], index)
            if accelerator.is_main_process and run in wanted:
                if record.status == "finished":
                    answered = torch.stack(list(progress.answered[index].values())).cpu().numpy()
                    own = predictions.chosen(
                        record.epochs, record.scores.primary, answered, feed.dev.labels, feed.dev.halves
                    )
                    predictions.write(run.path, own, experiment.task.answers_classes)
                _leave(experiment, run, record, frozen, sites, progress.kept[index])
            tracker.finish(index, record)
    finally:
        tracker.close()
    # One that ran out of memory goes on from its last whole epoch when there is more.
    if accelerator.is_main_process and progress.epoch:
        checkpoint.unlink(missing_ok=True)
    experiment.console.print(f"  records: {runs[0].path.parent}")
    accelerator.wait_for_everyone()


def _fit(
    experiment: Experiment, build: Callable[[], RunGroup], runs: int, feed: Feed, checkpoint: Path, tracker: Tracker
) -> tuple[train.Progress, list[Answers]]:
    """Build and train a group under a progress bar, and let it answer what it is asked.

    One that runs out of memory has failed, and the sweep goes on.
    """
    nothing: list[Answers] = [{}] * runs
    try:
        group = build()
        with _progress(experiment.console) as bar:
            shown = bar.add_task(f"{experiment.label}: steps", total=group.steps)
            progress = train.fit(
                group=group,
                task=experiment.task,
                train=feed.train,
                dev=feed.dev,
                tokenizer=feed.tokenizer,
                checkpoint=checkpoint,
                keep_best=experiment.config.adapter.save,
                on_step=lambda: bar.advance(shown),
                on_epoch=tracker.epoch,
            )
            if not feed.questions or all(progress.failures):
                return progress, nothing
            bar.remove_task(shown)
            shown = bar.add_task(
                f"{experiment.label}: prompts", total=sum(len(asked.prompts) for asked in feed.questions.values())
            )
            return progress, decode.answer(
                group, feed.questions, feed.tokenizer, experiment.task, lambda count: bar.advance(shown, count)
            )
    except (RuntimeError, MemoryError) as error:
        # Where there are several processes the others wait for this one, so it must end.
        if not _out_of_memory(error) or experiment.accelerator.num_processes > 1:
            raise
        reason = f"out of memory: {first_line(error)}"
        return train.Progress(histories=[[] for _ in range(runs)], failures=[reason] * runs, kept=[{}] * runs), nothing


def _out_of_memory(error: Exception) -> bool:
    # On CPU torch raises a plain RuntimeError, which only its text tells apart.
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def _leave(
    experiment: Experiment, run: Run, record: Record, frozen: Tensors, sites: list[Site], kept: dict[str, Tensors]
) -> None:
    """Write a run's record, before it its adapter as it was at the best epoch, and say how it ended."""
    if experiment.config.adapter.save and record.status == "finished":
        directory = store.folder_of(run.path) / "adapter"
        adapters.save(
            directory=directory,
            name=record.method,
            method=experiment.method,
            trained=kept["trained"],
            head=kept["head"],
            frozen=frozen,
            sites=sites,
            backbone=saved.backbone_facts(experiment.config.backbone, experiment.fingerprint),
            facts=run.config,
            resumable=experiment.config.adapter.resumable,
        )
        experiment.console.print(f"  adapter: {directory}")
    store.write(run.path, record)
    experiment.console.print(_outcome(run, record))


def _announce(
    experiment: Experiment, runs: list[Run], sites: list[Site], counts: Parameters, remark: str | None
) -> None:
    splits, settings = experiment.rows.splits, experiment.settings
    say = experiment.console.print
    say(f"[bold]{experiment.label}[/]: {len(runs)} runs in one pass: {'; '.join(run.label for run in runs)}")
    say(
        f"  trains {counts.trained:,} parameters in {len(sites)} maps and {counts.head:,} in the head; "
        f"stores {counts.stored:,.0f}, {counts.adapter_bytes:,} bytes"
    )
    benchmark = experiment.task.benchmark.upper()
    generated = f", generated by the suite: NOT {benchmark}" if experiment.rows.source == "embedded" else ""
    say(
        f"  {len(splits['train']):,} rows, {len(splits['validation']):,} of dev ({experiment.rows.source}{generated}); "
        f"{settings.epochs} epochs of batches of {settings.batch_size}; "
        f"{experiment.precision} on {experiment.accelerator.num_processes} x {experiment.accelerator.device.type}"
    )
    if remark is not None:
        say(f"  {remark}")


def _frozen(experiment: Experiment, sites: list[Site]) -> Tensors:
    """Return what the method freezes; what it takes from the weights is computed once per backbone and kept on disk."""
    method = experiment.method
    if method.frozen_from_weights is None:
        return method.frozen(sites) if sites else {}
    name = store.identity_of(
        {
            "method": experiment.config.method.name,
            "hyperparameters": [getattr(method, name) for name in method.frozen_from_weights],
            "backbone": experiment.fingerprint,
            "quantization": quantization.describe(experiment.config.backbone.quantization),
            "precision": experiment.precision if experiment.config.backbone.quantization else None,
            "sites": [site.name for site in sites],
            "torch": torch.__version__,
        }
    )
    path = Path(experiment.config.cache) / "frozen" / f"{name}.safetensors"
    with experiment.accelerator.main_process_first():
        if not path.exists():
            files.write_atomic(path, adapters.to_bytes(method.frozen(sites)))
    return safetensors.torch.load_file(path)


def _feed(experiment: Experiment) -> Feed:
    task, rows = experiment.task, experiment.rows
    tokenizer = backbones.tokenizer(experiment.directory)
    task.ready(tokenizer)
    asked = {}
    if isinstance(task, Text):
        context = backbones.context(experiment.directory, experiment.config.backbone.shape)
        asked = decode.questions(rows, task, tokenizer, context)
    return Feed(tokenizer, _split(experiment, "train", tokenizer), _split(experiment, "validation", tokenizer), asked)


def _split(experiment: Experiment, split: str, tokenizer) -> train.Split:
    task, rows = experiment.task, experiment.rows
    with experiment.accelerator.main_process_first():
        examples = data.tokenise(rows, split, task, tokenizer, experiment.fingerprint, experiment.settings.max_length)
    halves = data.halves(task, rows.splits[split]) if split == "validation" else None
    if halves is not None and len(set(halves)) < 2:
        raise SuiteError(
            f"all {len(halves)} rows of dev fall into one half, so that no epoch can be chosen on the other: "
            "raise data.validation_rows"
        )
    return train.Split(task, examples, halves)


def _info(experiment: Experiment, run: Run, counts: Parameters) -> RunInfo:
    return RunInfo(
        identity=run.identity,
        label=run.label,
        task=experiment.task.name,
        backbone=experiment.backbone,
        method=experiment.config.method.name,
        targets=experiment.targets,
        seed=run.config["seed"],
        source=experiment.rows.source,
        config=run.config | ({"tuning": run.tuning.model_dump()} if run.tuning else {}),
        parameters=counts,
    )


def _record(
    experiment: Experiment,
    run: Run,
    group: list[Run],
    begun: Began | None,
    counts: Parameters,
    backbone: schema.Backbone,
    progress: train.Progress,
    written: Answers,
    index: int,
) -> Record:
    failure, history = progress.failures[index], progress.histories[index]
    rows = experiment.rows
    return Record(
        identity=run.identity,
        status="failed" if failure else "finished",
        error=failure,
        task=experiment.task.name,
        method=experiment.config.method.name,
        targets=experiment.targets,
        seed=run.config["seed"],
        group=[other.identity for other in group],
        started_from=begun and begun.fact,
        config=run.config,
        tuning=run.tuning,
        data=schema.Data(
            source=rows.source,
            dataset=rows.dataset,
            fingerprint=rows.fingerprint,
            train_rows=len(rows.splits["train"]),
            validation_rows=len(rows.splits["validation"]),
        ),
        backbone=backbone,
        parameters=counts,
        epochs=history,
        scores=None if failure else selection.summarise(history, experiment.task.primary),
        generation=None if failure else next((w for w in written.values() if isinstance(w, Written)), None),
        exams={} if failure else {name: own for name, own in written.items() if isinstance(own, Solved)},
        cost=None if failure else progress.cost(),
        environment=environment.describe(experiment.accelerator, experiment.precision),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _outcome(run: Run, record: Record) -> str:
    if record.scores is None:
        return f"  {run.label}: [red]failed[/], {record.error}"
    told = [f"{name} {value:.4f}" for name, value in record.generation.scores.items()] if record.generation else []
    for exam, solved in record.exams.items():
        told += [
            f"{exam} ({name}) {100 * m.accuracy:.1f} ± {100 * m.standard_error:.1f}" for name, m in solved.marks.items()
        ]
    s = record.scores
    scale, digits = (1, 3) if s.primary == LOG_LIKELIHOOD else (100, 1)
    best, last, held_out = (f"{scale * value:.{digits}f}" for value in (s.best, s.last, s.held_out))
    if record.generation is None:
        told.append(f"{s.primary} best {best} (epoch {s.best_epoch}), last {last}, held-out {held_out}")
    return f"  {run.label}: {', '.join(told)}; {record.cost.samples_per_second:.3g} samples/s"


def _progress(console: Console) -> rich.progress.Progress:
    return rich.progress.Progress(
        rich.progress.TextColumn("  {task.description} {task.completed}/{task.total}"),
        rich.progress.BarColumn(),
        rich.progress.TimeElapsedColumn(),
        rich.progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
