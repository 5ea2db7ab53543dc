"""Adds a method to a model, for S runs at once: the run axis, the forward hooks, merging."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from methods.base import Factors, Method, MethodError, Site, Tensors, apply, delta
from methods.dropout import RowDropout, Rows
from methods.sites import is_quantised, weight_view


class Adapter:
    """Adds a method's low-rank products to the outputs of a model's linear maps, for S runs stacked in the batch.

    ``trained`` maps each name to a parameter (S, ...) in float32; ``frozen`` has no run axis. A forward pass of the
    model computes the factors of all sites and runs once; then a hook at each site adds its product. The model's
    modules and weights are not changed.
    """

    def __init__(
        self, model: nn.Module, method: Method, sites: list[Site], runs: list[Tensors], frozen: Tensors, rows: Rows
    ) -> None:
        weight = next(model.parameters())
        self.model, self.method, self.sites = model, method, sites
        self.dtype = weight.dtype
        self.trained = {
            name: nn.Parameter(torch.stack([run[name] for run in runs]).to(weight.device)) for name in runs[0]
        }
        self.frozen = {name: tensor.to(weight.device, self.dtype) for name, tensor in frozen.items()}
        self._factors: dict[str, Factors] = {}
        self._original: Tensors = {}
        self._lifted = self._lift(runs[0])
        self._keys, self._noise = rows, method.noise(sites) if sites else {}
        self._dropouts = {site.name: RowDropout(method.dropout, rows) for site in sites}
        self._held = False
        if sites:
            model.register_forward_pre_hook(self._compute_factors, with_kwargs=True)
        by_module: dict[str, list[Site]] = {}
        for site in sites:
            by_module.setdefault(_module(site), []).append(site)
        for name, in_module in by_module.items():
            model.get_submodule(name).register_forward_hook(self._hook(name, in_module))

    def run(self, index: int) -> Tensors:
        """Return the trained tensors of one run, without the run axis."""
        return {name: tensor.detach()[index] for name, tensor in self.trained.items()}

    def merge(self, index: int = 0) -> None:
        """Add the change of run ``index`` to the frozen weights; a run that was merged before is unmerged first.

        Raises MethodError for a quantised map, whose integers cannot hold the change.
        """
        self.unmerge()
        for site in self.sites:
            if is_quantised(self.model.get_submodule(_module(site))):
                raise MethodError(f"{site.name} is quantised, so that nothing can be merged into it: leave it unmerged")
        factors = self.method.factors(self.run(index), {n: t.float() for n, t in self.frozen.items()}, self.sites)
        for site in self.sites:
            module = self.model.get_submodule(_module(site))
            self._original.setdefault(_module(site), module.weight.detach().clone())
            view = weight_view(module, site.start, site.out_features)
            view.add_(delta(factors[site.name]).to(view.dtype))

    def unmerge(self) -> None:
        """Restore the frozen weights, to the byte."""
        for name, weight in self._original.items():
            self.model.get_submodule(name).weight.data.copy_(weight)
        self._original = {}

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Compute the factors once for all forward passes inside the context, such as those that write a text."""
        self._factors = self._lifted({}) if self.sites else {}
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def _lift(self, run: Tensors):
        """Return a function that gives all runs' factors: (S, ...), or (1, ...) where all runs share a factor.

        It takes the noise of a training step, (S, ...) as well, or {}.
        """
        shape: list[tuple[str, str]] = []

        def flat(trained: Tensors) -> list[Tensor]:
            factors = self.method.factors(trained, self.frozen, self.sites)
            shape[:] = [(n, f) for n, made in factors.items() for f in made._fields if getattr(made, f) is not None]
            return [getattr(factors[name], field) for name, field in shape]

        # A factor that needs no gradient depends on frozen tensors alone, and must not get a run axis.
        device = next(self.model.parameters()).device
        with torch.enable_grad():
            probe = flat({name: tensor.detach().to(device).requires_grad_() for name, tensor in run.items()})
        axes = [0 if tensor.requires_grad else None for tensor in probe]

        def lifted(noise: Tensors) -> dict[str, Factors]:
            tensors = torch.func.vmap(flat, in_dims=0, out_dims=axes)(self.trained | noise)
            made: dict[str, dict[str, Tensor]] = {}
            for (name, field), tensor, axis in zip(shape, tensors, axes, strict=True):
                with_runs = tensor if axis == 0 else tensor[None]
                made.setdefault(name, {})[field] = with_runs.to(self.dtype)
            return {name: Factors(**fields) for name, fields in made.items()}

        return lifted

    def _compute_factors(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        self._rows = len(next(value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)))
        if not (self._original or self._held):
            self._factors = self._lifted(self._draw() if module.training and self._noise else {})

    def _draw(self) -> Tensors:
        drawn = self._keys.noise(self._noise)
        return {name: tensor.to(next(self.model.parameters()).device) for name, tensor in drawn.items()}

    def _hook(self, name: str, sites: list[Site]):
        def add(module: nn.Module, args: tuple[Tensor], output: Tensor) -> Tensor:
            if self._original:
                return output
            if len(args[0]) != self._rows:
                raise MethodError(
                    f"{name} is applied to {len(args[0])} rows, but the batch has {self._rows}: "
                    "a backbone that shares activations between rows cannot be trained in groups; leave that map out"
                )
            if sites[0].module and is_quantised(module):
                output = output.clone()  # the output of bitsandbytes must not be written to
            for site in sites:
                dropout = self._dropouts[site.name].train(module.training)
                change = apply(dropout(args[0]), self._factors[site.name])
                if site.module:
                    output.narrow(-1, site.start, site.out_features).add_(change)
                else:
                    output = output + change
            return output

        return add


def _module(site: Site) -> str:
    return site.module or site.name
