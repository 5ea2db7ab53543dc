"""Adds a method to a model, for S runs at once: the run axis, the maps' forward passes, merging."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from methods.base import Factors, Method, MethodError, Site, Tensors, delta
from methods.dropout import RowDropout, Rows
from methods.product import Map, Part, adapted, scaled
from methods.sites import frozen_weight, is_quantised, share_their_input, weight_view


class Adapter:
    """Adds what a method's factors give to the outputs of a model's linear maps, for S runs stacked in the batch.

    ``trained`` maps each name to a parameter (S, ...) in float32; ``frozen`` has no run axis. A forward pass of the
    model computes the factors of all sites and runs once; then each adapted module computes its map and what its sites
    add in one function. The model's modules stay, and so do their weights.
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
        self.frozen = {name: _cast(tensor, self.dtype).to(weight.device) for name, tensor in frozen.items()}
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
        for names in share_their_input(list(by_module)):
            self._adapt({name: by_module[name] for name in names})

    def run(self, index: int) -> Tensors:
        """Return the trained tensors of one run, without the run axis."""
        return {name: tensor.detach()[index] for name, tensor in self.trained.items()}

    def merge(self, index: int = 0) -> None:
        """Add run ``index`` to the frozen weights and biases; a run that was merged before is unmerged first.

        Raises MethodError for a quantised map, whose integers cannot hold the change, and for a map without a bias that
        is to get one.
        """
        self.unmerge()
        for site in self.sites:
            if is_quantised(self.model.get_submodule(_module(site))):
                raise MethodError(f"{site.name} is quantised, so that nothing can be merged into it: leave it unmerged")
        frozen = {name: _cast(tensor, torch.float32) for name, tensor in self.frozen.items()}
        factors = self.method.factors(self.run(index), frozen, self.sites)
        for site in self.sites:
            if factors[site.name].bias is not None and site.bias() is None:
                raise MethodError(f"{site.name} has no bias that one could be merged into: leave it unmerged")
        for site in self.sites:
            name = _module(site)
            view = weight_view(self.model.get_submodule(name), site.start, site.out_features)
            self._add(f"{name}.weight", view, delta(factors[site.name], site))
            if (bias := factors[site.name].bias) is not None:
                whole = self.model.get_parameter(f"{name}.bias").detach()
                self._add(f"{name}.bias", whole[site.start : site.start + site.out_features], bias)

    def _add(self, name: str, view: Tensor, change: Tensor) -> None:
        """Add a change to a view of a parameter of the model, which is kept as it was."""
        self._original.setdefault(name, self.model.get_parameter(name).detach().clone())
        view.add_(change.to(view.dtype))

    def unmerge(self) -> None:
        """Restore the frozen weights and biases, to the byte."""
        for name, original in self._original.items():
            self.model.get_parameter(name).data.copy_(original)
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
            shared: dict[tuple, Tensor] = {}  # so that a factor of several sites is one tensor, and is cast once
            for (name, field), tensor, axis in zip(shape, tensors, axes, strict=True):
                key = (tensor.data_ptr(), tensor.shape, tensor.stride(), axis, tensor.requires_grad)
                if key not in shared:
                    shared[key] = (tensor if axis == 0 else tensor[None]).to(self.dtype)
                made.setdefault(name, {})[field] = shared[key]
            return {name: Factors(**fields) for name, fields in made.items()}

        return lifted

    def _compute_factors(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        self._rows = len(next(value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)))
        if not (self._original or self._held):
            self._factors = self._lifted(self._draw() if module.training and self._noise else {})

    def _draw(self) -> Tensors:
        drawn = self._keys.noise(self._noise)
        return {name: tensor.to(next(self.model.parameters()).device) for name, tensor in drawn.items()}

    def _adapt(self, together: dict[str, list[Site]]) -> None:
        """Let modules compute what their sites add, all at once where they are called with the same x."""
        modules = {name: self.model.get_submodule(name) for name in together}
        maps = _Together({name: self._map(modules[name], sites) for name, sites in together.items()})
        bases = {name: module.forward for name, module in modules.items()}

        def forward(x: Tensor, *, name: str) -> Tensor:
            if self._original:
                return bases[name](x)
            if len(x) != self._rows:
                raise MethodError(
                    f"{name} is applied to {len(x)} rows, but the batch has {self._rows}: "
                    "a backbone that shares activations between rows cannot be trained in groups; leave that map out"
                )
            return maps.output(name, self._scaled(x, together[name]))

        for name, module in modules.items():
            module.forward = partial(forward, name=name)

    def _scaled(self, x: Tensor, sites: list[Site]) -> Tensor:
        """Return x times what the one site of a module scales it by."""
        gain = self._factors[sites[0].name].input_gain
        return x if gain is None else scaled(x, gain)

    def _map(self, module: nn.Module, sites: list[Site]) -> Callable[[Tensor], Map]:
        """Return what makes of x a module's map, with what its sites add."""
        base = module.forward
        replaced = "forward" in vars(module)  # by another adapter, or by what moves weights between devices
        dropouts = [(site, self._dropouts[site.name]) for site in sites]

        def made(x: Tensor) -> Map:
            parts = [
                Part(self._factors[site.name], site.start, dropout.train(module.training).mask(x))
                for site, dropout in dropouts
            ]
            weight = None if replaced else frozen_weight(module)
            return Map(parts, weight, module.bias, base(x) if weight is None else None)

        return made


class _Together:
    """Maps that are called with the same x, one after the other: the first call computes all of them."""

    def __init__(self, made: dict[str, Callable[[Tensor], Map]]) -> None:
        self._made, self._apart = made, False
        self._x: Tensor | None = None
        self._waiting: Tensors = {}  # outputs for x that were computed with another one's

    def output(self, name: str, x: Tensor) -> Tensor:
        """Return a map's output for x."""
        if name in self._waiting and x is not self._x:  # its names mislead: another x reaches it, such as an encoder's
            self._apart = True
        if name not in self._waiting or x is not self._x:
            now = [name] if self._apart else list(self._made)
            outputs = adapted(x, [self._made[each](x) for each in now])
            self._x, self._waiting = x, dict(zip(now, outputs, strict=True))
        output = self._waiting.pop(name)
        if not self._waiting:
            self._x = None
        return output


def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Cast what is not made of whole numbers, which number other tensors' entries."""
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _module(site: Site) -> str:
    return site.module or site.name
