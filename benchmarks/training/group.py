"""The run group: S runs of one method on one frozen backbone, trained in one pass."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from benchmarks.errors import SuiteError
from benchmarks.models import heads, quantization
from benchmarks.tasks.base import Task
from benchmarks.training import passes
from benchmarks.training.passes import Batch
from benchmarks.training.schedules import scheduler
from benchmarks.training.settings import RunSettings, TrainSettings
from methods.adapter import Adapter
from methods.base import Method, Site, Tensors, kind
from methods.dropout import Rows


@dataclass(frozen=True)
class Adaptation:
    """A backbone and how a method adapts it: the names of its ``head`` modules, the sites, what is frozen beside it."""

    model: nn.Module
    head: list[str]
    method: Method
    sites: list[Site]
    frozen: Tensors


class RunGroup:
    """A backbone with S adapters and S heads, and one optimizer that treats each run as if it were alone.

    Every trained tensor has a leading run axis; a run's slice of it is a view that shares its memory. Clipping,
    learning rates and the optimizer work on the views, so no update of one run sees another. The backbone's own
    weights, where a method trains them, have no run axis: such a group has one run.
    """

    def __init__(
        self,
        adaptation: Adaptation,
        runs: list[RunSettings],
        train: TrainSettings,
        rows: int,
        accelerator: Accelerator,
        precision: str,
    ) -> None:
        """Make the group's adapters and heads; ``rows`` is how many each run learns from in an epoch."""
        method, model = adaptation.method, adaptation.model
        if method.trains_backbone and len(runs) > 1:
            raise SuiteError(
                f"{len(runs)} runs cannot share one pass where the backbone itself is trained: "
                "each run needs a backbone of its own (group_size=1)"
            )
        self.runs, self.train_settings, self.accelerator = runs, train, accelerator
        self.rows = Rows()
        self.steps = train.epochs * -(-rows // train.batch_size)
        generators = [torch.Generator().manual_seed(run.seed) for run in runs]
        heads_drawn = _drawn_heads(model, adaptation.head, generators)
        initial = [method.init(adaptation.sites, generator) for generator in generators]

        model.requires_grad_(method.trains_backbone)
        # A trained backbone stays in float32 and is cast operation by operation; a frozen one is cast once.
        casts = precision == "bf16" and method.trains_backbone
        self._autocast = torch.autocast(accelerator.device.type, torch.bfloat16) if casts else nullcontext()
        if precision == "bf16" and not method.trains_backbone:
            cast(model)
        self.heads = self._install_heads(model, adaptation.head, heads_drawn)
        self.model = model.to(accelerator.device)
        if train.gradient_checkpointing:
            # Nothing that is computed again is random: dropout is keyed, and the noise of factors is drawn before.
            self.model.activation_checkpointing_enable({"use_reentrant": False, "preserve_rng_state": False})
        self.adapter = Adapter(self.model, method, adaptation.sites, initial, adaptation.frozen, self.rows)
        self._collect()
        self._gradients: list[Tensor] | None = None  # where a recorded pass adds its own, always the same tensors
        self._pass = self._do
        if self._can_be_recorded(method, adaptation.sites):
            self._gradients = [torch.zeros_like(p) for p in self._stacked.values()]
            self._pass = passes.recorded(self._do, self.rows)
        self._forget_gradients()

    def _install_heads(self, model: nn.Module, names: list[str], drawn: list[dict[str, Tensors]]) -> dict[str, Any]:
        """Put the runs' heads, and dropout that is keyed by rows, in the place of the model's own."""
        made = {
            name: heads.GroupHead(
                model.get_submodule(name), [run[name] for run in drawn], self.rows, self.accelerator.device
            )
            for name in names
        }
        self.rows.install(model)
        for name, module in made.items():
            parent, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(parent), attribute, module)
        return made

    def _collect(self) -> None:
        settings = self.train_settings
        warmup = round(self.steps * settings.warmup_ratio) if settings.warmup_steps is None else settings.warmup_steps
        head_parameters = {f"{n}.{k}": p for n, module in self.heads.items() for k, p in module.trained.items()}
        self._backbone = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        self._stacked = self.adapter.trained | head_parameters
        self._views: list[list[Tensor]] = []
        groups = []
        for index, run in enumerate(self.runs):
            views = {name: nn.Parameter(p.data[index]) for name, p in self._stacked.items()}
            views |= self._backbone
            self._views.append(list(views.values()))
            for name, view in views.items():
                rate = run.lr_head if name in head_parameters else _rate(run.lr, name)
                # An adapter's vectors are weights; a head's and a backbone's are biases and norms, which never decay.
                decays = name in self.adapter.trained or view.ndim > 1
                decay = settings.weight_decay if decays else 0.0
                groups.append({"params": [view], "lr": rate, "weight_decay": decay})
        # A group that trains nothing is stepped all the same, for its loss; an optimizer wants something to hold.
        groups = groups or [{"params": [nn.Parameter(torch.empty(0))], "lr": 0.0, "weight_decay": 0.0}]
        self._optimizer = optimizer_over(_joined(groups), settings.optimizer)
        self._scheduler = scheduler(settings.schedule, self._optimizer, warmup, self.steps)

    def step(self, task: Task, batches: Sequence[Batch], epoch: int, alive: list[bool]) -> Tensor:
        """Train one step on the parts of a batch. Returns the (S,) losses.

        A run that is not ``alive``, or whose loss or gradient is not finite, is left as it was, and its loss is nan.
        """
        if not self.model.training:  # it tells every module, one by one
            self.model.train()
        losses = torch.zeros(len(self.runs), device=self.accelerator.device)
        for batch in batches:
            seeds = torch.tensor([[run.seed] for run in self.runs], device=batch.examples.device)
            self.rows.enter(seeds, epoch, batch.examples, self._scheduler.last_epoch)
            losses += self._pass(task, batch)
        losses = self.accelerator.reduce(losses, "sum")
        self._share_gradients()
        norms = torch.stack([self._clip(views).to(losses.device) for views in self._views])
        finite = (losses.isfinite() & norms.isfinite()).tolist()  # waits for a GPU, and so once for all runs
        for index, views in enumerate(self._views):
            if not (alive[index] and finite[index]):
                losses[index] = torch.nan
                for view in views:
                    view.grad = None
        self._optimizer.step()
        self._scheduler.step()
        self._forget_gradients()
        return losses

    def _do(self, task: Task, batch: Batch) -> Tensor:
        """Go forward and backward through the model; add to the gradients, and return the runs' losses (S,)."""
        with _in_one_order(self.accelerator.device):
            with self._autocast:
                logits = self.model(**batch.inputs).logits
            losses = (task.loss(logits, batch.labels).view_as(batch.weights) * batch.weights).sum(1)
            if losses.requires_grad:  # not where nothing is trained
                losses.sum().backward()
        return losses.detach()

    def _can_be_recorded(self, method: Method, sites: list[Site]) -> bool:
        """Say whether passes are recorded: on a GPU, unless a pass draws noise or the backbone is trained."""
        if self.accelerator.device.type != "cuda" or self.train_settings.cuda_graphs is False:
            return False
        return bool(self._stacked) and not method.trains_backbone and not (sites and method.noise(sites))

    def _forget_gradients(self) -> None:
        """Let the next pass begin without gradients; one that is recorded adds to the very tensors that are there."""
        parameters = (*self._stacked.values(), *self._backbone.values())
        if self._gradients is not None:
            torch._foreach_zero_(self._gradients)
        for parameter, gradient in zip(parameters, self._gradients or [None] * len(parameters), strict=True):
            parameter.grad = gradient

    def _share_gradients(self) -> None:
        """Sum the processes' gradients and hand each run's slices to its views."""
        parameters = [p for p in (*self._stacked.values(), *self._backbone.values()) if p.grad is not None]
        if self.accelerator.num_processes > 1 and parameters:
            flat = self.accelerator.reduce(torch.cat([p.grad.flatten() for p in parameters]), "sum")
            for parameter, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
                parameter.grad.copy_(part.view_as(parameter))
        stacked = list(self._stacked.values())
        for index, views in enumerate(self._views):
            for view, parameter in zip(views, stacked, strict=False):
                view.grad = None if parameter.grad is None else parameter.grad[index]

    def _clip(self, views: list[Tensor]) -> Tensor:
        """Clip a run's gradients, if they are to be; return their norm."""
        limit = self.train_settings.max_grad_norm
        return nn.utils.clip_grad_norm_(views, math.inf if limit is None else limit)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Make what is inside forward passes of a model that is not being trained."""
        self.model.eval()
        with torch.no_grad(), self._autocast, self.adapter.hold():
            yield

    def predict(self, task: Task, inputs: dict[str, Any], labels: Tensor) -> Tensor:
        """Return (S, n) predictions. inputs: (S * n, tokens), run by run; labels: (S * n, ...)."""
        with self.answering():
            logits = self.model(**inputs).logits
        return task.predict(logits, labels).unflatten(0, (len(self.runs), -1))

    def head(self, index: int) -> Tensors:
        """Return one run's head."""
        return {f"{n}.{k}": p.detach()[index] for n, module in self.heads.items() for k, p in module.trained.items()}

    def trained(self, index: int) -> Tensors:
        """Return what one run trained, less the head."""
        return self.adapter.run(index) | {name: p.detach() for name, p in self._backbone.items()}

    def state(self) -> dict:
        """Return what going on needs: trained tensors, optimizer and schedule."""
        return {
            "trained": {name: p.detach() for name, p in (self._stacked | self._backbone).items()},
            "optimizer": self._optimizer.state_dict(),
            "scheduler": self._scheduler.state_dict(),
        }

    def fill(self, index: int, trained: Tensors, head: Tensors) -> None:
        """Give one run an adapter's tensors, and some or none of a head's, in the place of what was drawn."""
        for name, tensor in (trained | head).items():
            self._stacked[name].data[index].copy_(tensor)

    def restore(self, state: dict) -> None:
        """Go back to a ``state``; the views follow, since they share the tensors' memory."""
        for name, parameter in (self._stacked | self._backbone).items():
            parameter.data.copy_(state["trained"][name])
        self._optimizer.load_state_dict(state["optimizer"])
        for state_of_one in self._optimizer.state.values():
            for name, value in state_of_one.items():
                if getattr(value, "is_paged", False):  # a checkpoint's tensors say so still, and are ordinary memory
                    state_of_one[name] = value.clone()
        self._scheduler.load_state_dict(state["scheduler"])


def _drawn_heads(model: nn.Module, names: list[str], generators: list[torch.Generator]) -> list[dict[str, Tensors]]:
    """Draw each run's head from its generator, as transformers starts one."""
    std = model.config.initializer_range if names else 0.0
    return [{name: heads.init(model.get_submodule(name), std, g) for name in names} for g in generators]


@contextmanager
def _in_one_order(device: torch.device) -> Iterator[None]:
    """Let a CPU's threads add what they add to one number in a fixed order, so that training again gives the same bits.

    Otherwise the gradient of what is selected by index, such as a vector bank, is added up in the order in which the
    threads come. On a GPU this is left alone: some kernels there have no fixed order to choose.
    """
    if device.type != "cpu":
        yield
        return
    fill = torch.utils.deterministic.fill_uninitialized_memory
    torch.utils.deterministic.fill_uninitialized_memory = False  # all that is read here is written first
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)
        torch.utils.deterministic.fill_uninitialized_memory = fill


def cast(model: nn.Module) -> None:
    """Cast a frozen backbone's parameters to bf16."""
    for parameter in model.parameters():  # and no buffer: the tables of rotary positions need their digits
        if parameter.is_floating_point():  # which quantised weights are not
            parameter.data = parameter.data.to(torch.bfloat16)


def optimizer_over(groups: list[dict], chosen: str | None) -> torch.optim.Optimizer:
    """Return AdamW over groups of parameters, or the paged one that ``train.optimizer`` chose."""
    if chosen is None:
        return torch.optim.AdamW(groups, fused=True)
    return quantization.library().optim.PagedAdamW32bit(groups)


def _rate(lr: float | dict[str, float], name: str) -> float:
    if not isinstance(lr, dict):
        return lr
    if kind(name) not in lr:
        raise SuiteError(f"method.lr has no rate for '{kind(name)}': it has {', '.join(lr)}")
    return lr[kind(name)]


def _joined(groups: list[dict]) -> list[dict]:
    """Join the groups that share rate and decay, so that the optimizer's loop is short."""
    joined: dict[tuple[float, float], dict] = {}
    for group in groups:
        settings = (group["lr"], group["weight_decay"])
        joined.setdefault(settings, group | {"params": []})["params"] += group["params"]
    return list(joined.values())
