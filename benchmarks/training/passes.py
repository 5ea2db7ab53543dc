"""A group's forward and backward pass over a batch, which a GPU is told of once for each shape of a batch.

A pass is some thousands of short kernels, and a CPU takes longer to launch them one by one than a GPU to run them:
with LoRA on all maps of RoBERTa-large, 32 rows of 128 tokens, 135 ms beside 21. A CUDA graph launches all at once.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Protocol

import torch
from torch import Tensor

from benchmarks.errors import SuiteError, first_line
from benchmarks.tasks.base import Task
from methods.dropout import Rows


@dataclass(frozen=True)
class Batch:
    """The S runs' rows of one step, or of a part of it, run by run.

    inputs: (S * n, tokens); labels: (S * n, ...); the rest: (S, n). ``weights`` are the rows' shares of their run's
    loss in the whole step; a row that only fills up a process's share has 0.
    """

    inputs: dict[str, Any]
    labels: Tensor
    weights: Tensor
    examples: Tensor

    def tensors(self) -> dict[str, Tensor]:
        """Return all of its tensors by name."""
        own = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "inputs"}
        return {f"inputs.{name}": value for name, value in self.inputs.items() if isinstance(value, Tensor)} | own

    def shape(self) -> tuple:
        """Return what two batches must have in common for one recorded pass to do for both."""
        numbers = sorted((name, value) for name, value in self.inputs.items() if not isinstance(value, Tensor))
        return (*((name, tuple(tensor.shape)) for name, tensor in sorted(self.tensors().items())), *numbers)

    def copy(self) -> "Batch":
        """Return a batch with tensors of its own."""
        inputs = {name: value.clone() if isinstance(value, Tensor) else value for name, value in self.inputs.items()}
        return Batch(inputs, self.labels.clone(), self.weights.clone(), self.examples.clone())


MOST = 64  # recordings, each of which takes some megabytes

# What a pass does with a task's batch: adds to the gradients, and returns the runs' losses (S,), which need none.
Pass = Callable[[Task, Batch], Tensor]


class Recorder(Protocol):
    """Takes work down once, without doing it, and returns what does it; what the work returned is then filled anew."""

    def __call__(self, work: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """Return what does the work, and the tensor that it fills."""


class Recorded:
    """A pass that is recorded once a shape of a batch comes the second time, and from then on replayed.

    Of more shapes than ``MOST``, those that come late are done as they come.

    Every tensor that the pass reads or adds to stays where it is: the trained parameters, their gradients, the keys of
    the rows; of a batch, and of its keys, there is a copy for each shape.
    """

    def __init__(self, do: Pass, rows: Rows, recorder: Recorder) -> None:
        self._do, self._rows, self._recorder = do, rows, recorder
        self._seen = Counter[tuple]()
        self._replays: dict[tuple, tuple[Batch, Tensor, Callable[[], None], Tensor]] = {}

    def __call__(self, task: Task, batch: Batch) -> Tensor:
        """Do the pass on a batch, whose rows have been entered."""
        shape = (task.name, *batch.shape())
        self._seen[shape] += 1
        if shape not in self._replays:
            # What kernels choose and keep for a shape is there before it is recorded.
            if self._seen[shape] == 1 or len(self._replays) == MOST:
                return self._do(task, batch)
            self._replays[shape] = self._record(task, batch.copy())
        mine, keys, replay, losses = self._replays[shape]
        keys.copy_(self._rows.keys)
        given = batch.tensors()
        for name, tensor in mine.tensors().items():
            tensor.copy_(given[name])
        replay()
        return losses.clone()

    def _record(self, task: Task, mine: Batch) -> tuple[Batch, Tensor, Callable[[], None], Tensor]:
        entered = self._rows.keys
        self._rows.keys = keys = entered.clone()
        try:
            return mine, keys, *self._recorder(lambda: self._do(task, mine))
        finally:
            self._rows.keys = entered


def recorded(do: Pass, rows: Rows) -> Pass:
    """Return a pass that does the same, recorded as CUDA graphs."""
    graphs = Graphs()
    return Recorded(graphs.beside(do), rows, graphs)


class Graphs:
    """Records work as CUDA graphs, which share their memory, since no two are replayed at once."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream()

    def __call__(self, work: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """Record. Raises SuiteError where the work waits for the GPU, which a graph cannot."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                made = work()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise SuiteError(
                f"a training step of this backbone cannot be recorded as a CUDA graph ({first_line(error)}): pass "
                "train.cuda_graphs=false"
            ) from error
        return graph.replay, made

    def beside(self, do: Pass) -> Pass:
        """Return a pass that runs on the stream that is recorded, so that autograd's own nodes are of that stream."""

        def done(task: Task, batch: Batch) -> Tensor:
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                made = do(task, batch)
            torch.cuda.current_stream().wait_stream(self._stream)
            return made

        return done
