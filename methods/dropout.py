"""Dropout whose mask depends on the run's seed, the epoch, the example and the place in the model, and on nothing else.

A run therefore gets the same masks alone, in a group, on one process or several, and when it resumes after a kill.
A mask is a window into one long table of kept and dropped entries; a hash of those four says where it starts. This
copies instead of drawing, which on CPU is about 18 times as fast.
The noise that a method's factors take is shared by all rows of a run's step: it depends on the run's seed and the step.
"""

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor, nn

from methods.base import MethodError, Tensors

_STARTS = 1 << 24
_WIDEST = 1 << 22


@lru_cache(maxsize=1)
def _draw(entries: int) -> Tensor:
    return torch.rand(entries, generator=torch.Generator().manual_seed(0))


def _mix(x: Tensor) -> Tensor:
    """Hash 32-bit integers held in int64 (two rounds of xor-shift and multiply, masked to 32 bits)."""
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    return x ^ (x >> 16)


class Rows:
    """The keys of the rows that are in the model now, shared by every ``RowDropout`` that was installed with it."""

    def __init__(self) -> None:
        self.keys: Tensor | None = None
        self._step_keys: Tensor | None = None
        self._places = 0
        self._drawn: Tensor | None = None
        self._tables: dict[tuple, Tensor] = {}

    def enter(self, seeds: Tensor, epoch: int, examples: Tensor, step: int) -> None:
        """Set the keys of a batch: seeds (S, 1) and examples (S, n), both int64, rows run by run.

        ``step`` counts the optimizer's steps since the run's start; all parts of a batch have the same.
        """
        mixed = _mix(seeds & 0xFFFFFFFF)
        self.keys = _mix(_mix(mixed + epoch) + examples).flatten()
        self._step_keys = _mix(mixed + step).flatten()

    def noise(self, shapes: dict[str, tuple[int, ...]]) -> Tensors:
        """Draw uniform float32 numbers (S, *shape), none of them 0 or 1; on CPU, so that every device gets the same."""
        generators = [torch.Generator().manual_seed(key) for key in self._step_keys.tolist()]
        return {
            name: torch.stack([torch.empty(shape).uniform_(1e-7, 1.0 - 1e-7, generator=run) for run in generators])
            for name, shape in shapes.items()
        }

    def windows(self, starts: Tensor, width: int, p: float, like: Tensor) -> Tensor:
        """Return (len(starts), width) entries, each 0 with probability p and 1 / (1 - p) otherwise."""
        if width > _WIDEST:
            raise ValueError(f"a row of dropout must have at most {_WIDEST} entries, got {width}")
        key = (p, like.dtype, like.device)
        if key not in self._tables:
            self._tables[key] = ((self._drawn >= p) / (1.0 - p)).to(like.dtype).to(like.device)
        table = self._tables[key]
        return table.as_strided((_STARTS, width), (1, 1)).index_select(0, starts & (_STARTS - 1))

    def place(self, p: float) -> int:
        """Return a number for a new place that drops with probability ``p``; it differs from that of every other."""
        if p > 0:  # here, since nothing may be drawn within vmap, where it is used
            self._drawn = _draw(_STARTS + _WIDEST)
        self._places += 1
        return self._places

    def install(self, module: nn.Module) -> None:
        """Replace every ``nn.Dropout`` below ``module``."""
        for name, child in list(module.named_modules()):
            if isinstance(child, nn.Dropout):
                parent, _, attribute = name.rpartition(".")
                setattr(module.get_submodule(parent), attribute, RowDropout(child.p, self))


class RowDropout(nn.Module):
    """Drops entries of x (rows, ...) with probability p while training."""

    def __init__(self, p: float, rows: Rows) -> None:
        super().__init__()
        self.p, self.rows, self.place = p, rows, rows.place(p)

    def forward(self, x: Tensor) -> Tensor:
        """Return x with entries dropped and the rest scaled by 1 / (1 - p)."""
        mask = self.mask(x)
        return x if mask is None else x * mask()

    def mask(self, x: Tensor) -> Callable[[], Tensor] | None:
        """Return what makes the mask of x, the same at every call, so that it need not be kept; None: nothing drops."""
        if not self.training or self.p == 0.0:
            return None
        if x.ndim > 3:
            raise MethodError(
                "dropout is applied to attention weights outside of the suite's attention: this backbone needs "
                "backbone.dropout=0"
            )
        if len(x) != len(self.rows.keys):
            raise MethodError(
                f"dropout is applied to {len(x)} rows, but the batch has {len(self.rows.keys)}: a backbone that shares "
                "activations between rows needs backbone.dropout=0"
            )
        starts, (_, *inner) = _mix(self.rows.keys + self.place), x.shape
        # A row that is wider than the table allows takes several windows, each of as many tokens as fit.
        most = max(1, _WIDEST // inner[-1])
        counts = [min(most, inner[0] - done) for done in range(0, inner[0], most)] if len(inner) == 2 else [1]
        p, like = self.p, torch.empty(0, dtype=x.dtype, device=x.device)

        def made() -> Tensor:
            masks = [
                self.rows.windows(_mix(starts + number) if number else starts, count * inner[-1], p, like)
                for number, count in enumerate(counts)
            ]
            return (masks[0] if len(masks) == 1 else torch.cat(masks, 1)).view(-1, *inner)

        return made

    def square(self, x: Tensor) -> Tensor:
        """Drop entries of attention weights (rows, heads, queries, keys) alike for any padding of the keys."""
        _, heads, queries, width = x.shape
        unit = torch.arange(heads, device=x.device)[:, None] * 65536 + torch.arange(queries, device=x.device)
        starts = _mix(_mix(self.rows.keys + self.place)[:, None, None] + unit)
        return x * self.rows.windows(starts.flatten(), width, self.p, x).view_as(x)
