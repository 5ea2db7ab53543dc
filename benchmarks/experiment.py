"""One job of a sweep, from its config to its records: a task, a backbone, a method, targets; all seeds and rates."""

import difflib
import gc
import itertools
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import rich.progress
import safetensors.torch
import torch
from accelerate import Accelerator
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from torch import nn

import methods
from benchmarks import adapters, backbones, data, environment, records, train
from benchmarks.errors import SuiteError
from benchmarks.group import RunGroup, RunSettings, TrainSettings
from benchmarks.records import Parameters, Record
from benchmarks.tasks import Task
from benchmarks.tracking import RunInfo, Tracker
from methods.base import Method, Site, Tensors
from methods.sites import find_sites

_RATES = ("method.lr", "method.lr_head")


@dataclass(frozen=True)
class Run:
    """One run that was asked for: its resolved config, and where its record lies."""

    config: dict[str, Any]
    identity: str
    path: Path

    @property
    def settings(self) -> RunSettings:
        """Return what may differ between the runs of a group."""
        return RunSettings(self.config["seed"], self.config["method"]["lr"], self.config["method"]["lr_head"])


@dataclass(frozen=True)
class Experiment:
    """One job of a sweep: a task, a backbone, a method and targets, for all its seeds and learning rates."""

    config: DictConfig
    task: Task
    method: Method
    rows: data.Rows
    fingerprint: str
    precision: str
    root: Path
    accelerator: Accelerator
    console: Console

    @property
    def targets(self) -> str:
        """Return the targets as a person named them; '-' for a method that adapts no map."""
        named = self.config.targets
        if not self.method.adapts_sites:
            return "-"
        return named if isinstance(named, str) else ",".join(named)


def run_experiment(config: DictConfig) -> None:
    """Train every run of one job that is not done, and leave its records."""
    accelerator = Accelerator()
    console = Console(quiet=not accelerator.is_main_process, soft_wrap=True, highlight=False)
    experiment = _prepare(config, accelerator, console)
    runs = _runs(experiment)
    done = [] if config.force else [run for run in runs if _is_done(run, console)]
    todo = [run for run in runs if run not in done]
    label = f"{experiment.task.name} {experiment.config.backbone.name} {config.method.name} {experiment.targets}"
    if not todo:
        console.print(f"{label}: all {len(done)} runs are done ({done[0].path.parent}); force=true trains them again")
        return
    if done:
        console.print(f"{label}: {len(done)} of {len(runs)} runs are done")
    size = config.group_size or len(todo)
    for start in range(0, len(todo), size):
        _train_group(experiment, todo[start : start + size], label)
        # The model and its hooks hold each other, so without this a sweep would hold every model until it runs out.
        gc.collect()


def _prepare(config: DictConfig, accelerator: Accelerator, console: Console) -> Experiment:
    task = Task(**OmegaConf.to_container(config.task, resolve=True))
    method = _method(config)
    with accelerator.main_process_first():
        rows = data.load(task, config.data.root, Path(config.cache))
        directory = backbones.locate(config.backbone.path)
    precision = config.precision
    if precision == "auto":
        precision = "bf16" if backbones.fast_at_bf16(accelerator.device) else "fp32"
    if precision not in ("fp32", "bf16"):
        raise SuiteError(f"precision={precision} is unknown: fp32, bf16 and auto exist")
    return Experiment(
        config=config,
        task=task,
        method=method,
        rows=rows,
        fingerprint=backbones.fingerprint(directory),
        precision=precision,
        root=Path(config.results),
        accelerator=accelerator,
        console=console,
    )


def _method(config: DictConfig) -> Method:
    settings = OmegaConf.to_container(config.method, resolve=True)
    cls = methods.find()[settings["name"]]
    chosen = {key: value for key, value in settings.items() if key not in ("name", "lr", "lr_head")}
    known = {field.name for field in fields(cls)}
    for key in chosen.keys() - known:
        raise SuiteError(f"method.{key} is no hyperparameter of {settings['name']}: {', '.join(sorted(known))} are")
    return cls(**chosen)


def _runs(experiment: Experiment) -> list[Run]:
    """Return the runs of the job: its grid of learning rates times its seeds."""
    config = experiment.config
    seeds = list(config.seeds)
    if len(set(seeds)) < len(seeds):
        twice = next(seed for seed in seeds if seeds.count(seed) > 1)
        raise SuiteError(f"seeds={seeds} names {twice} twice: a seed is one run, give each once")
    rates = config.grid or {}
    for key in rates:
        if not key.startswith(_RATES):
            raise SuiteError(
                f"grid has {key}: the runs of a group differ in {' and '.join(_RATES)} alone; sweep others"
            )
    grid = [dict(zip(rates, values, strict=True)) for values in itertools.product(*rates.values())]
    return [_run(experiment, point, seed) for point in grid for seed in seeds]


def _run(experiment: Experiment, rates: dict[str, float], seed: int) -> Run:
    config = experiment.config.copy()
    for key, value in rates.items():
        OmegaConf.update(config, key, value)
    resolved = {key: OmegaConf.to_container(config[key], resolve=True) for key in ("task", "method", "train")}
    backbone = OmegaConf.to_container(config.backbone, resolve=True)
    resolved["backbone"] = {key: backbone[key] for key in ("name", "head", "dropout")}
    resolved["targets"] = _target_names(config) if experiment.method.adapts_sites else []
    resolved |= {"precision": experiment.precision, "seed": seed}
    facts = resolved | {"fingerprints": [experiment.fingerprint, experiment.rows.fingerprint]}
    identity = records.identity_of(facts)
    name, method = config.backbone.name, config.method.name
    path = records.record_path(experiment.root, experiment.task.name, name, method, experiment.targets, seed, identity)
    return Run(resolved, identity, path)


def _target_names(config: DictConfig) -> list[str]:
    if not isinstance(config.targets, str):
        return list(config.targets)
    named = config.backbone.targets
    if config.targets not in named:
        nearest = difflib.get_close_matches(config.targets, list(named), n=1, cutoff=0.0)
        raise SuiteError(
            f"targets={config.targets} is unknown for {config.backbone.name}; nearest: {', '.join(nearest)}; "
            f"{', '.join(named)} exist, or a list of module names: targets=[{','.join(next(iter(named.values())))}]"
        )
    return list(named[config.targets])


def _is_done(run: Run, console: Console) -> bool:
    if not run.path.exists():
        return False
    record = records.read(run.path)
    if record.status == "failed":
        console.print(f"seed {record.seed} failed before ({record.error}): tried again")
    return record.status == "finished"


def _train_group(experiment: Experiment, runs: list[Run], label: str) -> None:
    config, accelerator = experiment.config, experiment.accelerator
    model, tokenizer = backbones.load(
        config.backbone.path, config.backbone.shape, experiment.task.outputs, config.backbone.dropout
    )
    head = list(config.backbone.head)
    sites = find_sites(model, runs[0].config["targets"], head) if experiment.method.adapts_sites else []
    counts = _count(experiment, model, head, sites)
    backbone_parameters = sum(p.numel() for p in model.parameters()) - counts.head
    _announce(experiment, runs, sites, counts, label)
    frozen = _frozen(experiment, sites)
    splits = {name: _split(experiment, name, tokenizer) for name in ("train", "validation")}
    settings = TrainSettings(**OmegaConf.to_container(config.train, resolve=True))
    steps = settings.epochs * -(-len(splits["train"].examples) // settings.batch_size)
    group_name = records.identity_of({"group": [run.identity for run in runs]})
    checkpoint = Path(config.cache) / "checkpoints" / f"{group_name}.pt"
    if config.force and accelerator.is_main_process:
        checkpoint.unlink(missing_ok=True)
    accelerator.wait_for_everyone()
    infos = [_info(experiment, run, counts) for run in runs]
    mode = config.wandb.mode if accelerator.is_main_process else "disabled"
    tracker = Tracker.start(mode, config.wandb.project, Path(config.results), infos)
    try:
        group = RunGroup(
            model,
            head,
            experiment.method,
            sites,
            frozen,
            [run.settings for run in runs],
            settings,
            steps,
            accelerator,
            experiment.precision,
        )
        with _progress(experiment.console) as bar:
            shown = bar.add_task(label, total=steps)
            progress = train.fit(
                group,
                experiment.task,
                splits["train"],
                splits["validation"],
                tokenizer,
                checkpoint,
                config.adapter.save,
                lambda: bar.advance(shown),
                tracker.epoch,
            )
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        progress = train.Progress(
            histories=[[] for _ in runs], failures=[f"out of memory: {str(error).splitlines()[0]}"] * len(runs)
        )
    if accelerator.is_main_process:
        for index, run in enumerate(runs):
            record = _record(experiment, run, runs, counts, backbone_parameters, progress, index)
            if config.adapter.save and record.status == "finished":
                _save_adapter(experiment, run, frozen, progress.kept[index])
            records.write(run.path, record)
            tracker.finish(index, record)
            experiment.console.print(_outcome(record))
        tracker.close()
        checkpoint.unlink(missing_ok=True)
        experiment.console.print(f"  records: {runs[0].path.parent}")
    accelerator.wait_for_everyone()


def _count(experiment: Experiment, model: nn.Module, head: list[str], sites: list[Site]) -> Parameters:
    """Count what a run trains and stores, from the ``init`` and ``pack`` that training and saving use."""
    method = experiment.method
    heads = {f"{name}.{k}": p for name in head for k, p in model.get_submodule(name).named_parameters()}
    if method.trains_backbone:
        initial = {name: p for name, p in model.named_parameters() if name not in heads}
    else:
        initial = method.init(sites, torch.Generator().manual_seed(0))
    return Parameters(
        trained=sum(tensor.numel() for tensor in initial.values()),
        stored=method.stored_parameters(initial),
        head=sum(p.numel() for p in heads.values()),
        adapter_bytes=len(adapters.to_bytes(method.pack(initial))) if initial else 0,
        head_bytes=len(adapters.to_bytes(heads)),
    )


def _announce(experiment: Experiment, runs: list[Run], sites: list[Site], counts: Parameters, label: str) -> None:
    config, splits = experiment.config, experiment.rows.splits
    say = experiment.console.print
    seeds = ", ".join(str(run.config["seed"]) for run in runs)
    say(f"[bold]{label}[/]: {len(runs)} runs in one pass, seeds {seeds}")
    say(
        f"  trains {counts.trained:,} parameters in {len(sites)} maps and {counts.head:,} in the head; "
        f"stores {counts.stored:,.0f}, {counts.adapter_bytes:,} bytes"
    )
    generated = ", generated by the suite: NOT GLUE" if experiment.rows.source == "embedded" else ""
    say(
        f"  {len(splits['train']):,} rows, {len(splits['validation']):,} of dev ({experiment.rows.source}{generated}); "
        f"{config.train.epochs} epochs of batches of {config.train.batch_size}; "
        f"{experiment.precision} on {experiment.accelerator.device.type}"
    )


def _frozen(experiment: Experiment, sites: list[Site]) -> Tensors:
    """Return what the method freezes; what it takes from the weights is computed once per backbone and kept on disk."""
    method = experiment.method
    if not method.frozen_from_weights:
        return method.frozen(sites) if sites else {}
    name = records.identity_of(
        {
            "method": repr(method),
            "backbone": experiment.fingerprint,
            "sites": [site.name for site in sites],
            "torch": torch.__version__,
        }
    )
    path = Path(experiment.config.cache) / "frozen" / f"{name}.safetensors"
    with experiment.accelerator.main_process_first():
        if not path.exists():
            records.write_atomic(path, adapters.to_bytes(method.frozen(sites)))
    return safetensors.torch.load_file(path)


def _split(experiment: Experiment, split: str, tokenizer) -> train.Split:
    with experiment.accelerator.main_process_first():
        examples = data.tokenise(
            experiment.rows,
            split,
            experiment.task,
            tokenizer,
            experiment.fingerprint,
            experiment.config.train.max_length,
        )
    rows = experiment.rows.splits[split]
    labels = np.array(rows[experiment.task.label], dtype=np.int64 if experiment.task.labels else np.float32)
    return train.Split(examples, labels, data.halves(rows))


def _is_out_of_memory(error: Exception) -> bool:
    # On CPU torch raises a plain RuntimeError, which only its text tells apart.
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or "can't allocate memory" in str(error)


def _info(experiment: Experiment, run: Run, counts: Parameters) -> RunInfo:
    return RunInfo(
        identity=run.identity,
        task=experiment.task.name,
        backbone=experiment.config.backbone.name,
        method=experiment.config.method.name,
        targets=experiment.targets,
        seed=run.config["seed"],
        source=experiment.rows.source,
        config=run.config,
        parameters=counts,
    )


def _record(
    experiment: Experiment,
    run: Run,
    group: list[Run],
    counts: Parameters,
    backbone_parameters: int,
    progress: train.Progress,
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
        config=run.config,
        data=records.Data(
            source=rows.source,
            dataset=rows.dataset,
            fingerprint=rows.fingerprint,
            train_rows=len(rows.splits["train"]),
            validation_rows=len(rows.splits["validation"]),
        ),
        backbone=records.Backbone(
            name=experiment.config.backbone.name,
            path=experiment.config.backbone.path,
            fingerprint=experiment.fingerprint,
            parameters=backbone_parameters,
        ),
        parameters=counts,
        epochs=history,
        scores=None if failure else train.summarise(history, experiment.task.primary),
        cost=None if failure else progress.cost(),
        environment=environment.describe(experiment.accelerator, experiment.precision),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _save_adapter(experiment: Experiment, run: Run, frozen: Tensors, kept: dict[str, Tensors]) -> None:
    """Leave ``adapter/`` for a run, as it was at its best epoch."""
    relative = run.path.relative_to(experiment.root / "records").with_suffix("")
    directory = experiment.root / "runs" / relative / "adapter"
    adapters.save(
        directory,
        experiment.config.method.name,
        experiment.method,
        kept["trained"],
        kept["head"],
        frozen,
        run.config,
        resumable=experiment.config.adapter.resumable,
    )
    experiment.console.print(f"  adapter: {directory}")


def _outcome(record: Record) -> str:
    if record.scores is None:
        return f"  seed {record.seed}: [red]failed[/], {record.error}"
    s = record.scores
    return (
        f"  seed {record.seed}: {s.primary} best {100 * s.best:.1f} (epoch {s.best_epoch}), last {100 * s.last:.1f}, "
        f"held-out {100 * s.held_out:.1f}; {record.cost.samples_per_second:.0f} samples/s"
    )


def _progress(console: Console) -> rich.progress.Progress:
    return rich.progress.Progress(
        rich.progress.TextColumn("  {task.completed}/{task.total} steps"),
        rich.progress.BarColumn(),
        rich.progress.TimeElapsedColumn(),
        rich.progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
