"""A recorded pass is recorded once for each shape of a batch, and replayed on copies."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from benchmarks.tasks.base import Task
from benchmarks.training import passes
from benchmarks.training.passes import Batch, Recorded
from methods.dropout import Rows


class Named:
    """Stands for a task: a pass asks it for no more than its name."""

    name = "sums"


class Recordings:
    """Records what only a GPU can, by doing the work when it is replayed; counts recordings and replays."""

    def __init__(self) -> None:
        self.made = self.replayed = 0

    def __call__(self, work: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        self.made += 1
        filled = torch.full((1,), torch.nan)

        def replay() -> None:
            self.replayed += 1
            filled.copy_(work())

        return replay, filled


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def recordings() -> Recordings:
    return Recordings()


@pytest.fixture
def recorded(rows: Rows, recordings: Recordings) -> Callable[[Batch], float]:
    """Return a recorded pass whose loss is the sum of a batch's tokens and labels, and of its rows' keys."""

    def do(task: Task, batch: Batch) -> Tensor:
        return (batch.inputs["input_ids"].sum() + batch.labels.sum() + rows.keys.sum()).reshape(1).float()

    done = Recorded(do, rows, recordings)

    def loss(batch: Batch) -> float:
        rows.keys = batch.examples.flatten()
        return done(Named(), batch).item()

    return loss


def batch_of(token: int, tokens: int = 3, kept: int = 0) -> Batch:
    """Return a batch of two rows, in which all else is 1."""
    inputs = {"input_ids": torch.full((2, tokens), token), "logits_to_keep": kept}
    return Batch(inputs, torch.ones(2, dtype=torch.int64), torch.ones(1, 2), torch.ones(1, 2, dtype=torch.int64))


def test_a_shape_is_recorded_when_it_comes_again(recorded: Callable[[Batch], float], recordings: Recordings) -> None:
    counts = []
    for token in (1, 2, 3):
        assert recorded(batch_of(token)) == 2 * 3 * token + 2 + 2
        counts.append((recordings.made, recordings.replayed))
    assert counts == [(0, 0), (1, 1), (1, 2)]


def test_another_shape_or_number_is_another_recording(
    recorded: Callable[[Batch], float], recordings: Recordings
) -> None:
    for more in ({}, {"tokens": 4}, {"kept": 1}):
        assert recorded(batch_of(1, **more)) == recorded(batch_of(1, **more))
    assert recordings.made == 3


def test_a_replay_writes_into_no_batch_that_was_given(recorded: Callable[[Batch], float], rows: Rows) -> None:
    recorded(batch_of(1))
    second, third = batch_of(2), batch_of(3)
    recorded(second)
    keys = rows.keys
    recorded(third)
    for batch, token in ((second, 2), (third, 3)):
        assert torch.equal(batch.inputs["input_ids"], torch.full((2, 3), token))
    assert torch.equal(keys, torch.ones(2, dtype=torch.int64))


def test_losses_of_an_earlier_step_stay_what_they_were(rows: Rows, recordings: Recordings) -> None:
    done = Recorded(
        lambda task, batch: batch.labels.sum().reshape(1).float() * batch.inputs["input_ids"].max(), rows, recordings
    )
    rows.keys = torch.ones(2, dtype=torch.int64)
    losses = [done(Named(), batch_of(token)) for token in (1, 2, 3)]
    assert [loss.item() for loss in losses] == [2, 4, 6]


def test_shapes_that_come_when_the_most_are_recorded_are_done_as_they_come(
    recorded: Callable[[Batch], float], recordings: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "MOST", 1)
    for tokens in (3, 4):
        for _ in range(3):
            assert recorded(batch_of(1, tokens)) == 2 * tokens + 4
    assert (recordings.made, recordings.replayed) == (1, 2)
