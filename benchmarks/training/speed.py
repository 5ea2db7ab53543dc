"""How fast a training step is: the suite's beside the same frozen model without an adapter, and beside peft's."""

import copy
import gc
import itertools
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from rich.console import Console
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.errors import SuiteError
from benchmarks.models import backbones, quantization
from benchmarks.models.peft import formats
from benchmarks.tasks import order
from benchmarks.tasks.base import Task
from benchmarks.training import allocator, environment, feed, passes, plan
from benchmarks.training.group import Adaptation, RunGroup, cast, optimizer_over
from benchmarks.training.passes import Batch
from benchmarks.training.plan import Job
from benchmarks.training.settings import JobSettings, RunSettings
from benchmarks.training.trainer import backbone_of
from methods.dropout import Rows
from methods.sites import find_sites

WARM = 3  # steps before those that are timed
_DRAWS = 2_000

Step = Callable[[Batch], None]


@dataclass(frozen=True)
class Ratio:
    """The median of one step's time over another's, step by step, with its 95% interval (bootstrap over steps)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Timed:
    """The steps of one method, targets and number of runs: what they took, and what beside them took.

    ``seconds`` has the seconds of each step by variant: floor, ours, and peft (or plain, of a method that trains the
    backbone) where there is one. ``tokens`` is how many tokens of all runs a step has, padding included. ``limit`` is
    how many times the floor's operations a step has. ``peak`` is the peak of memory in bytes by variant.
    """

    method: str
    targets: str
    runs: int
    seconds: dict[str, list[float]]
    tokens: float
    limit: float
    peak: dict[str, int]

    @property
    def beside(self) -> str:
        """Return the variant that ours stands beside: plain or peft."""
        return "plain" if "plain" in self.seconds else "peft"

    def median(self, variant: str) -> float:
        """Return the median of a variant's seconds."""
        return float(np.median(self.seconds[variant]))

    def ratio(self, variant: str, other: str) -> Ratio | None:
        """Return how many times as long as ``other`` a variant takes; None where one of them is not there."""
        if not {variant, other} <= self.seconds.keys():
            return None
        ratios = np.array(self.seconds[variant]) / np.array(self.seconds[other])
        drawn = np.random.default_rng(0).choice(ratios, (_DRAWS, len(ratios)))
        low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
        return Ratio(float(np.median(ratios)), float(low), float(high))


@dataclass(frozen=True)
class Size:
    """What a step takes: ``rows`` of each run, of ``tokens`` drawn at random; None: rows of the task's own."""

    rows: int
    tokens: int | None = None


def timed(settings: JobSettings, runs: int, size: Size, steps: int) -> Timed:
    """Time the steps of a job's method, each run with a batch of this size.

    All variants take the same batches in one process, one after another within each step and in turning order, so that
    whatever slows the machine down slows all of them. Each one's peak of memory is that of the tensors that belong to
    it, its model among them. Raises SuiteError for settings that cannot be timed.
    """
    job = plan.prepare(settings, Accelerator(), Console(quiet=True))
    if job.accelerator.device.type == "cpu":
        allocator.keep_memory()
    if not job.method.trains or (job.method.trains_backbone and runs > 1):
        raise SuiteError(f"method={job.method_name} has no step of {runs} runs to time: take another, or --runs 1")
    gc.collect()  # what another method's steps have left
    batches = _batches(job, runs, size, steps + WARM)
    makers = _makers(job, partial(copy.deepcopy, backbone_of(job)), runs, size)
    tensors = _Tensors(job.accelerator.device)
    variants = {name: tensors.of(name, make) for name, make in makers.items()}
    # Before all other steps, since the operations of one that is recorded are not seen.
    operations = {name: _operations(variants[name], batches[0]) for name in ("floor", "ours")}
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for number, batch in enumerate(batches):
        names = list(variants)
        turned = names[number % len(names) :] + names[: number % len(names)]
        for name in turned:
            taken = tensors.of(name, partial(_seconds, variants[name], batch, job.accelerator.device))
            if number >= WARM:
                seconds[name].append(taken)
    few = batches[:2]  # the second step is the first that finds the optimizer's state
    peak = tensors.peak or {name: _peak(make, few) for name, make in makers.items()}
    return Timed(
        method=job.method_name,
        targets=job.targets,
        runs=runs,
        seconds=seconds,
        tokens=float(np.mean([batch.inputs["input_ids"].numel() for batch in batches[WARM:]])),
        limit=operations["ours"] / operations["floor"],
        peak=peak,
    )


class _Tensors:
    """Tells whose the tensors on a GPU are: ``of`` does something for a variant, and ``peak`` has its most bytes."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._own = device, Counter()
        self.peak: dict[str, int] = {}

    def of(self, name: str, work: Callable[[], Any]) -> Any:
        if self._device.type != "cuda":
            return work()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        made = work()
        most = self._own[name] + torch.cuda.max_memory_allocated() - before
        self.peak[name] = max(self.peak.get(name, 0), most)
        self._own[name] += torch.cuda.memory_allocated() - before
        return made


def _seconds(step: Step, batch: Batch, device: torch.device) -> float:
    started = time.perf_counter()
    step(batch)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _operations(step: Step, batch: Batch) -> int:
    """Return the floating-point operations of the matrix products of a step."""
    with FlopCounterMode(display=False, custom_mapping=_IN_PLACE) as counter:
        step(batch)
    return counter.get_total_flops()


def _added(_: Sequence[int], rows: Sequence[int], matrix: Sequence[int], **__: Any) -> int:
    """Return the operations of a product that is added to a tensor in its place, from the shapes of its two sides."""
    return 2 * math.prod(rows) * matrix[-1]


_IN_PLACE = {torch.ops.aten.addmm_: _added, torch.ops.aten.baddbmm_: _added}  # which torch's counter leaves out


def _batches(job: Job, runs: int, size: Size, count: int) -> list[Batch]:
    if size.tokens is not None:
        return [_drawn(job, runs, size.rows, size.tokens, seed) for seed in range(count)]
    rows = size.rows
    train = feed.feed_of(job).train
    per_epoch = len(train.examples) // rows
    if per_epoch < 1:
        raise SuiteError(f"rows must be at most the {len(train.examples)} rows of train, got {rows}")
    made = []
    for number in range(count):
        epoch, place = divmod(number, per_epoch)
        orders = [order.batches(train.lengths, rows, seed, epoch)[place] for seed in range(runs)]
        made += train.batches(orders, 1, job.accelerator)
    return made


def _drawn(job: Job, runs: int, rows: int, tokens: int, seed: int) -> Batch:
    """Return a batch of random tokens, all of which count."""
    backbone, generator = job.settings.backbone, torch.Generator().manual_seed(seed)
    config = backbones.configuration(job.directory, job.task, backbone.shape, random=backbone.random)
    limit = backbones.positions(config, job.task)
    if limit is not None and tokens > limit:
        raise SuiteError(f"tokens must be at most the {limit} that {job.settings.backbone_name} can take, got {tokens}")
    drawn = torch.randint(config.vocab_size, (runs * rows, tokens), generator=generator)
    labels = torch.randint(config.num_labels, (runs * rows,), generator=generator) if job.task.has_head else drawn
    device = job.accelerator.device
    return Batch(
        inputs={"input_ids": drawn.to(device), "attention_mask": torch.ones_like(drawn, device=device)},
        labels=labels.to(device),
        weights=torch.full((runs, rows), 1 / rows, device=device),
        examples=torch.arange(runs * rows, device=device).view(runs, rows),
    )


def _makers(job: Job, model: Callable[[], nn.Module], runs: int, size: Size) -> dict[str, Callable[[], Step]]:
    """Return what makes each variant's step; peft's is there where peft is installed and has the method.

    ``model`` gives each of them a backbone of its own.
    """
    makers = {"floor": lambda: _floor(job, model()), "ours": lambda: _ours(job, model(), runs, size)}
    if job.method.trains_backbone:
        makers["plain"] = lambda: _trained(job, _as_shipped(job, model()), runs)
    elif (form := formats.find().get(job.method_name)) and not job.settings.backbone.fused and (peft := _peft()):
        # Of a fused map peft cannot adapt a part, and so has no like of this.
        config = form.settings(job.method) | {"peft_type": form.PEFT_TYPE, "target_modules": job.target_names}
        config = peft.get_peft_config(config | {"task_type": "SEQ_CLS" if job.task.has_head else "CAUSAL_LM"})
        makers["peft"] = lambda: _trained(job, peft.get_peft_model(_frozen(job, model()), config), runs)
    return makers


def _as_shipped(job: Job, model: nn.Module) -> nn.Module:
    """Return the model as transformers would train it: with torch's own dropout, and attention that can fuse it."""
    if job.settings.backbone.dropout != 0:
        model.set_attn_implementation("sdpa")
    if job.settings.train.gradient_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    return model.to(job.accelerator.device).train()


def _frozen(job: Job, model: nn.Module) -> nn.Module:
    """Return the backbone as a group holds it where it is not trained: in bf16 if that was asked for."""
    model.requires_grad_(False)
    if job.precision == "bf16":
        cast(model)
    return _as_shipped(job, model)


def _peft() -> Any:
    quantization.be_quiet()  # peft imports bitsandbytes where it is installed
    try:
        import peft
    except ImportError:  # an extra: without it there is no such column
        return None
    return peft


def _floor(job: Job, model: nn.Module) -> Step:
    """Return a forward and backward pass through the frozen model alone, from the loss to the embeddings."""
    model = _frozen(job, model)
    model.enable_input_require_grads()

    def do(task: Task, batch: Batch) -> Tensor:
        losses = task.loss(model(**batch.inputs).logits, batch.labels) * batch.weights.flatten()
        losses.sum().backward()
        return losses.detach()

    if job.accelerator.device.type == "cpu" or job.settings.train.cuda_graphs is False:
        return partial(do, job.task)
    rows = Rows()
    recorded = passes.recorded(do, rows)

    def step(batch: Batch) -> None:
        rows.enter(torch.zeros_like(batch.examples[:, :1]), 0, batch.examples, 0)
        recorded(job.task, batch)

    return step


def _ours(job: Job, model: nn.Module, runs: int, size: Size) -> Step:
    backbone = job.settings.backbone
    of_model = (model, job.target_names, backbone.head, backbone.fused, job.method.adapts_norms)
    sites = find_sites(*of_model) if job.method.adapts_sites else []
    adaptation = Adaptation(model, backbone.head, job.method, sites, job.method.frozen(sites))
    rates = job.settings.method
    chosen = [RunSettings(seed, rates["lr"], rates["lr_head"]) for seed in range(runs)]
    group = RunGroup(adaptation, chosen, job.settings.train, 1000 * size.rows, job.accelerator, job.precision)

    def step(batch: Batch) -> None:
        group.step(job.task, [batch], 0, [True] * runs)

    return step


def _trained(job: Job, model: nn.Module, runs: int) -> Step:
    """Return a plain step: forward, backward, clipping and AdamW. Several runs are as many steps of one model."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = optimizer_over([{"params": parameters, "lr": 1e-4}], job.settings.train.optimizer)
    limit = job.settings.train.max_grad_norm

    def step(batch: Batch) -> None:
        count = len(batch.labels) // runs
        for run in range(runs):
            mine = slice(run * count, (run + 1) * count)
            logits = model(**{name: values[mine] for name, values in batch.inputs.items()}).logits
            (job.task.loss(logits, batch.labels[mine]) * batch.weights[run]).sum().backward()
            if limit is not None:
                nn.utils.clip_grad_norm_(parameters, limit)
            optimizer.step()
            optimizer.zero_grad()

    return step


def _peak(make: Callable[[], Step], batches: Sequence[Batch]) -> int:
    """Return the most bytes that a variant's tensors hold on a CPU at a time, from its making to its last step.

    This counts what torch's allocator gives and takes back. A process's own peak has in it what was imported, and how
    the C library cuts memory up, and comes out otherwise each time.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # otherwise two lines on the terminal each time
    gc.collect()  # another variant's model, whose going would count as this one's
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        step = make()
        gc.collect()  # what the making has left, which would go at some step or other
        for batch in batches:
            step(batch)
    events = [event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]"]
    events.sort(key=lambda event: event.start_ns())
    return max(itertools.accumulate(event.nbytes() for event in events))


@dataclass(frozen=True)
class Subject:
    """What was timed, and where: ``machine`` is a processor with its threads, ``dropout`` None for the model's own.

    ``launched`` says of a GPU that it was told of every kernel anew.
    """

    backbone: str
    quantization: str | None
    dropout: float | None
    launched: bool
    size: Size
    steps: int
    machine: str
    software: str


def subject(settings: JobSettings, size: Size, steps: int) -> Subject:
    """Return what the timing of jobs with these settings is of."""
    made = environment.describe(Accelerator(), settings.precision)
    backbone = settings.backbone
    return Subject(
        backbone=settings.backbone_name,
        quantization=backbone.quantization,
        dropout=backbone.dropout,
        launched=settings.train.cuda_graphs is False,
        size=size,
        steps=steps,
        machine=made.hardware,
        software=f"{settings.precision}, torch {made.packages['torch']}, code {made.git_revision[:12]}",
    )


def all_of(jobs: Sequence[tuple[JobSettings, int]], size: Size, steps: int, say: Callable[[str], None]) -> list[Timed]:
    """Time each job with its number of runs, one after another."""
    made = []
    for settings, runs in jobs:
        say(f"{settings.method['name']} {settings.targets}, {runs} in one pass")
        made.append(timed(settings, runs, size, steps))
    return made
