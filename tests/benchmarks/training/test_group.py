"""A run in a group is the run it would be alone: its rows, losses, masks, clipping, learning rates and failures."""

import copy
import itertools
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from omegaconf import DictConfig, OmegaConf
from support import tiny
from torch import Tensor

import methods
from benchmarks.analysis import sheets
from benchmarks.errors import RunsFailed, SuiteError
from benchmarks.models import backbones
from benchmarks.tasks import rows as data
from benchmarks.tasks.base import Task
from benchmarks.tasks.build import build
from benchmarks.tasks.tokens import tokenise
from benchmarks.training import loop, passes
from benchmarks.training.checkpoint import Progress
from benchmarks.training.feed import Feed, Split
from benchmarks.training.group import Adaptation, RunGroup, cast
from benchmarks.training.loop import Watch
from benchmarks.training.passes import Batch
from benchmarks.training.runner import run_job
from benchmarks.training.settings import RunSettings, TrainSettings
from methods import dropout
from methods.base import Tensors, digest
from methods.sites import find_sites
from methods.vb_lora import SELECTIONS

# In float32 a sum of a few hundred terms differs in its last bits with the shapes it is taken in; losses are about 1.
LOSS = 1e-6
# Adam divides by the gradient's size, so where a gradient is all rounding a weight may go elsewhere by a part of its
# learning rate (up to 1e-2); a wrong run, row or mask moves weights by whole learning rates a step.
WEIGHT = 1e-4
# Of two epochs, 43 rows each. Rounding grows from step to step, above all where a method's choices (a top-k) may tip.
SHORT = ["targets=all", "train.batch_size=16"]
STEPS = 6


class Watched(RunGroup):
    """Keeps the losses and the rows of every step; ``spoil(group, batch, step)`` may reach in before one."""

    def watch(self, spoil=None) -> None:
        self.losses: list[Tensor] = []
        self.examples: list[Tensor] = []
        self.spoil = spoil or (lambda *_: None)

    def step(self, task: Task, batches: Sequence[Batch], epoch: int, alive: list[bool]) -> Tensor:
        self.spoil(self, batches[0], len(self.losses))
        losses = super().step(task, batches, epoch, alive)
        self.losses.append(losses.clone())
        self.examples.append(torch.cat([batch.examples for batch in batches], 1))
        return losses


@cache
def compose(method: str, backbone: Path, glue: Path, *overrides: str) -> DictConfig:
    return tiny.compose(tiny.job(method, backbone, glue, Path("unused"), *SHORT, *overrides))


_SPLITS: dict[tuple[Path, Path], dict[str, Split]] = {}


def tokenised(task: Task, backbone: Path, glue: Path) -> dict[str, Split]:
    if (backbone, glue) not in _SPLITS:
        tokenizer = backbones.tokenizer(backbone)
        rows = data.load(task, str(glue), glue.parent / "cache")
        _SPLITS[backbone, glue] = {
            split: Split(task, tokenise(rows, split, task, tokenizer, "tiny", 128), tokenizer, data.halves(task, part))
            for split, part in rows.splits.items()
        }
    return _SPLITS[backbone, glue]


@dataclass(frozen=True)
class Bench:
    """A backbone and tokenised rows, on which groups are trained without a command."""

    backbone: Path
    glue: Path
    root: Path

    def group(self, method: str, runs: list[RunSettings], *overrides: str) -> tuple[Watched, Task, dict[str, Split]]:
        config = compose(method, self.backbone, self.glue, *overrides)
        task = build(OmegaConf.to_container(config.task, resolve=True))
        splits = tokenised(task, self.backbone, self.glue)
        cls = methods.find()[method]
        made = cls(**{f.name: config.method[f.name] for f in fields(cls) if f.name in config.method})
        head = list(config.backbone.head)
        model = backbones.load(Path(config.backbone.path), task, None, head, config.backbone.dropout)
        sites = find_sites(model, list(config.backbone.targets.all), head) if cls.adapts_sites else []
        settings = TrainSettings(**OmegaConf.to_container(config.train, resolve=True))
        frozen = made.frozen(sites) if sites else {}
        rows = len(splits["train"].examples)
        adaptation = Adaptation(model, head, made, sites, frozen)
        group = Watched(adaptation, runs, settings, rows, Accelerator(), "fp32")
        group.watch()
        return group, task, splits

    def train(self, method: str, runs: list[RunSettings], *overrides: str, spoil=None) -> tuple[Watched, Progress]:
        group, _, splits = self.group(method, runs, *overrides)
        group.watch(spoil)
        checkpoint = self.root / f"{len(list(self.root.iterdir()))}.pt"
        feed = Feed(splits["train"].tokenizer, splits["train"], splits["validation"], {})
        progress = loop.fit(group, feed, checkpoint, False, Watch(lambda: None, lambda *_: None, print))
        return group, progress

    def runs(self, method: str, seeds: list[int]) -> list[RunSettings]:
        config = OmegaConf.to_container(compose(method, self.backbone, self.glue).method)
        return [RunSettings(seed, config["lr"], config["lr_head"]) for seed in seeds]


@pytest.fixture(autouse=True)
def small_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw a small table of masks, since each of the many groups here draws one."""
    monkeypatch.setattr(dropout, "_STARTS", 1 << 18)
    monkeypatch.setattr(dropout, "_WIDEST", 1 << 14)


@pytest.fixture
def bench(bert: Path, glue: Path, tmp_path: Path) -> Bench:
    return Bench(bert, glue, tmp_path)


def losses(group: Watched, index: int) -> Tensor:
    return torch.stack(group.losses)[:, index]


def weights(group: Watched, index: int) -> Tensors:
    return group.trained(index) | group.head(index)


def scaled(lr: float | dict[str, float], factor: float) -> float | dict[str, float]:
    return {kind: factor * rate for kind, rate in lr.items()} if isinstance(lr, dict) else factor * lr


def assert_same_run(group: Watched, index: int, alone: Watched, other: int = 0) -> None:
    torch.testing.assert_close(losses(group, index), losses(alone, other), atol=LOSS, rtol=LOSS)
    assert losses(group, index).isfinite().all()
    torch.testing.assert_close(weights(group, index), weights(alone, other), atol=WEIGHT, rtol=0)


def assert_group_is_its_runs(bench: Bench, method: str, runs: list[RunSettings], *overrides: str) -> None:
    group, progress = bench.train(method, runs, *overrides)
    assert len(group.losses) == STEPS
    for index, run in enumerate(runs):
        alone, own = bench.train(method, [run], *overrides)
        assert_same_run(group, index, alone)
        for mine, others in zip(alone.examples, group.examples, strict=True):
            assert torch.equal(mine[0], others[index])
        assert [e.scores for e in progress.histories[index]] == [e.scores for e in own.histories[0]]
    for index in range(1, len(runs)):
        assert (losses(group, index) - losses(group, 0)).abs().max() > 100 * LOSS


@pytest.mark.parametrize(
    ("method", "probability"),
    [*((method, "null") for method in tiny.SHARING), *((method, "0.0") for method in tiny.KINDS)],
)
def test_a_run_in_a_group_is_the_run_alone(method: str, probability: str, bench: Bench) -> None:
    assert_group_is_its_runs(bench, method, bench.runs(method, [0, 1, 2]), f"backbone.dropout={probability}")


@pytest.mark.parametrize("method", tiny.KINDS)
def test_a_step_repeated_on_several_threads_gives_the_same_bits(method: str, bench: Bench) -> None:
    """At a rank at which threads share the work: what they add to one number must not depend on who comes first."""
    wide = ["method.rank=64"] if method not in ("fourierft", "ia3") else []
    group, task, splits = bench.group(method, bench.runs(method, [0, 1, 2]), *wide)
    batches = splits["train"].batches([np.arange(8)] * 3, 1, group.accelerator)
    before = copy.deepcopy(group.state())
    seen = set()
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        for _ in range(20):
            group.restore(copy.deepcopy(before))
            group.step(task, batches, 0, [True] * 3)
            moments = [state["exp_avg"].flatten() for state in group.state()["optimizer"]["state"].values()]
            seen.add(digest(torch.cat(moments)))
    finally:
        torch.set_num_threads(threads)
    assert len(seen) == 1
    assert not torch.are_deterministic_algorithms_enabled()  # which may be slow, or refused, elsewhere


@pytest.mark.parametrize("method", ["head", *tiny.KINDS])
def test_so_it_is_where_the_head_has_layers_and_dropout_of_its_own(
    method: str, roberta: Path, glue: Path, tmp_path: Path
) -> None:
    bench = Bench(roberta, glue, tmp_path)
    assert_group_is_its_runs(bench, method, bench.runs(method, [0, 1, 2]))


@pytest.mark.parametrize("method", ["head", *tiny.KINDS])
def test_so_it_is_where_learning_rates_differ(method: str, bench: Bench) -> None:
    (first,) = bench.runs(method, [3])
    others = [RunSettings(3, scaled(first.lr, f), g * first.lr_head) for f, g in ((3.0, 1.0), (1.0, 3.0))]
    runs = [first, *others] if methods.find()[method].adapts_sites else [first, others[1]]
    assert_group_is_its_runs(bench, method, runs)


def one_state(group: Watched) -> None:
    state = group.state()
    for tensor in state["trained"].values():
        tensor[1:] = tensor[:1].clone()
    group.restore(state)


def step(group: Watched, task: Task, splits: dict[str, Split], rows: list[list[int]], epoch: int = 0) -> list[float]:
    """Return the losses of a step on these rows, one list a run."""
    split, chosen = splits["train"], torch.tensor(rows)
    inputs, labels = task.collate([split.examples[i] for own in rows for i in own], split.tokenizer)
    batch = Batch(
        inputs=inputs,
        labels=labels,
        weights=torch.full(chosen.shape, 1 / chosen.shape[1]),
        examples=chosen,
    )
    return group.step(task, [batch], epoch, [True] * len(rows)).tolist()


@pytest.mark.parametrize("method", ["lora", "head"])
def test_a_recorded_pass_trains_what_a_pass_does(method: str, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit, with dropout; only a GPU can record, so here what is recorded is the work itself."""
    runs, epochs, done = bench.runs(method, [0, 1]), "train.epochs=3", []

    def recorder(work):
        filled = torch.empty(len(runs))
        done.append(lambda: filled.copy_(work()))
        return done[-1], filled

    launched, _ = bench.train(method, runs, epochs)
    monkeypatch.setattr(RunGroup, "_can_be_recorded", lambda *_: True)
    monkeypatch.setattr(passes, "recorded", lambda do, rows: passes.Recorded(do, rows, recorder))
    recorded, _ = bench.train(method, runs, epochs)
    assert 1 < len(done) < len(recorded.losses) - len(done)  # some shape came a third time
    for index in range(len(runs)):
        assert torch.equal(losses(recorded, index), losses(launched, index))
        torch.testing.assert_close(weights(recorded, index), weights(launched, index), atol=0, rtol=0)
    done.clear()
    monkeypatch.setattr(passes, "MOST", 1)
    fewer, _ = bench.train(method, runs, epochs)
    assert len(done) == 1 and torch.equal(losses(fewer, 0), losses(launched, 0))


def test_masks_differ_between_the_seeds_of_a_group(bench: Bench) -> None:
    rows = [[0, 1, 2, 3]] * 2
    for seeds, probability, alike in (([0, 1], "null", False), ([5, 5], "null", True), ([0, 1], "0.0", True)):
        group, *rest = bench.group("head", bench.runs("head", seeds), f"backbone.dropout={probability}")
        one_state(group)
        first, second = step(group, *rest, rows)
        # Runs of one state on equal rows: only their masks can tell them apart, and do so well beyond rounding.
        assert (abs(first - second) < LOSS) == alike
        assert alike or abs(first - second) > 100 * LOSS


def test_masks_differ_between_epochs_and_are_the_same_twice(bench: Bench) -> None:
    def loss(epoch: int) -> float:
        group, *rest = bench.group("head", bench.runs("head", [0]))
        return step(group, *rest, [[0, 1, 2, 3]], epoch)[0]

    assert loss(0) == loss(0)
    assert abs(loss(0) - loss(1)) > 100 * LOSS


WITH_DROPOUT = [m for m in tiny.KINDS if "dropout" in {field.name for field in fields(methods.find()[m])}]


@pytest.mark.parametrize("method", WITH_DROPOUT)
def test_so_it_is_with_the_adapters_own_dropout(method: str, bench: Bench) -> None:
    runs = bench.runs(method, [0, 1])
    assert_group_is_its_runs(bench, method, runs, "backbone.dropout=0.0", "method.dropout=0.3")
    plain, _ = bench.train(method, runs[:1], "backbone.dropout=0.0")
    dropped, _ = bench.train(method, runs[:1], "backbone.dropout=0.0", "method.dropout=0.3")
    assert not torch.equal(losses(plain, 0), losses(dropped, 0))


@pytest.mark.parametrize("selection", SELECTIONS)
def test_so_it_is_with_noise_in_the_factors(selection: str, bench: Bench) -> None:
    runs = bench.runs("vb_lora", [0, 1])
    assert_group_is_its_runs(bench, "vb_lora", runs, "backbone.dropout=0.0", f"method.selection={selection}")
    plain, _ = bench.train("vb_lora", runs[:1], "backbone.dropout=0.0")
    noisy, _ = bench.train("vb_lora", runs[:1], "backbone.dropout=0.0", f"method.selection={selection}")
    # From the first step, which is taken at one place: what a step's noise is, and not where it led.
    assert abs(losses(plain, 0)[0] - losses(noisy, 0)[0]) > LOSS


def test_the_parts_of_a_batch_have_one_noise_and_its_steps_each_their_own(bench: Bench, monkeypatch) -> None:
    drawn: list[Tensor] = []
    noise = dropout.Rows.noise
    monkeypatch.setattr(
        dropout.Rows, "noise", lambda *own: (drawn.append(made := noise(*own)["noise"]), {"noise": made})[1]
    )
    runs = bench.runs("vb_lora", [0, 1])
    chosen = ("backbone.dropout=0.0", "method.selection=gumbel_softmax")
    whole, _ = bench.train("vb_lora", runs, *chosen)
    steps = drawn.copy()
    assert len(steps) == STEPS
    assert all(not torch.equal(a, b) for a, b in itertools.combinations([n for step in steps for n in step], 2))
    drawn.clear()
    parts, _ = bench.train("vb_lora", runs, *chosen, "train.accumulate=3")
    assert len(drawn) == 3 * STEPS
    assert all(torch.equal(own, steps[place // 3]) for place, own in enumerate(drawn))
    for index in range(2):
        assert_same_run(whole, index, parts, index)


@pytest.mark.parametrize("method", ["head", *tiny.KINDS])
def test_gradients_are_clipped_run_by_run(method: str, bench: Bench) -> None:
    def huge(group: Watched, batch: Batch, step: int) -> None:
        # At one step only: Adam would hide gradients that are all smaller by one factor.
        if step == 2:
            batch.weights[-1] *= 1e4

    runs = bench.runs(method, [0, 1])
    group, _ = bench.train(method, runs, spoil=huge)
    alone, _ = bench.train(method, runs[:1])
    assert losses(group, 1)[2] > 1e3
    assert_same_run(group, 0, alone)
    # Adam forgets the size of all gradients but not of one among others: unclipped, the huge step stays in its moments.
    unclipped, _ = bench.train(method, runs[1:], "train.max_grad_norm=1e12", spoil=huge)
    assert any(
        not torch.allclose(a, b)
        for a, b in zip(weights(group, 1).values(), weights(unclipped, 0).values(), strict=True)
    )


@pytest.mark.parametrize("method", ["head", *tiny.KINDS])
def test_a_run_that_breaks_fails_alone(method: str, bench: Bench) -> None:
    def breaks(group: Watched, batch: Batch, step: int) -> None:
        if step == 1:
            for tensor in (group.trained(1) | group.head(1)).values():
                tensor.fill_(torch.nan)

    runs = bench.runs(method, [0, 1, 2])
    group, progress = bench.train(method, runs, spoil=breaks)
    assert [bool(failure) for failure in progress.failures] == [False, True, False]
    assert "epoch 1, step 2" in progress.failures[1]
    assert losses(group, 1)[:1].isfinite().all()
    assert losses(group, 1)[1:].isnan().all()
    for index in (0, 2):
        alone, own = bench.train(method, [runs[index]])
        assert_same_run(group, index, alone)
        assert len(progress.histories[index]) == len(own.histories[0]) == 2


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e38])
def test_a_step_that_is_not_finite_changes_nothing(value: float, bench: Bench) -> None:
    """The last value keeps the loss finite and takes its gradient, or the norm of that, beyond float32."""
    before: list[Tensors] = []

    def spoil(group: Watched, batch: Batch, step: int) -> None:
        if step == 1:
            before.append({name: tensor.clone() for name, tensor in weights(group, 1).items()})
            batch.weights[1] *= value

    runs = bench.runs("head", [0, 1])
    group, progress = bench.train("head", runs, spoil=spoil)
    assert [bool(failure) for failure in progress.failures] == [False, True]
    torch.testing.assert_close(weights(group, 1), before[0], atol=0, rtol=0)
    assert_same_run(group, 0, bench.train("head", runs[:1])[0])


def test_a_broken_run_is_recorded_as_failed_and_is_tried_again(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    def records(root: Path, rates: str) -> dict:
        overrides = (*SHORT, f"grid={{method.lr_head:[{rates}]}}")
        fails = pytest.raises(RunsFailed, match="1 of 2 runs failed") if "1e38" in rates else nullcontext()
        with fails:
            run_job(tiny.settings(tiny.job("head", bench.backbone, bench.glue, root, *overrides)))
        return {r.config["method"]["lr_head"]: r for r in sheets.load(root / "results")}

    # So high a rate takes the logits beyond float32.
    both = records(bench.root / "both", "1e-3,1e38")
    assert {rate: r.status for rate, r in both.items()} == {1e-3: "finished", 1e38: "failed"}
    assert "finite" in both[1e38].error
    assert both[1e38].scores is None
    assert both[1e38].cost is None
    assert "failed" in capsys.readouterr().out
    alone = records(bench.root / "alone", "1e-3")[1e-3]
    assert both[1e-3].identity == alone.identity
    assert both[1e-3].scores == alone.scores
    assert [e.train_loss for e in both[1e-3].epochs] == pytest.approx([e.train_loss for e in alone.epochs], abs=LOSS)
    records(bench.root / "both", "1e-3,1e38")
    assert "1 of 2 runs are done" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("method", [name for name, m in methods.find().items() if m.trains_backbone])
def test_runs_that_train_the_backbone_share_no_pass(method: str, bench: Bench) -> None:
    with pytest.raises(SuiteError, match="group_size=1"):
        run_job(tiny.settings(tiny.job(method, *vars(bench).values(), "seeds=[0,1]", "group_size=2")))


@pytest.mark.parametrize("method", [name for name, m in methods.find().items() if m.trains_backbone])
def test_they_are_trained_one_after_the_other(method: str, bench: Bench) -> None:
    run_job(tiny.settings(tiny.job(method, *vars(bench).values(), "seeds=[0,1]")))
    found = tiny.read(bench.root)
    assert [len(found[seed].group) for seed in (0, 1)] == [1, 1]
    assert found[0].epochs != found[1].epochs


@pytest.mark.parametrize(
    ("method", "overrides", "recorded"),
    [
        ("lora", [], True),
        ("head", [], True),
        ("lora", ["train.cuda_graphs=false"], False),
        ("vb_lora", [], True),
        ("vb_lora", ["method.selection=gumbel_softmax"], False),  # which draws noise in each step
        ("full", [], False),  # whose gradients are the backbone's
    ],
)
def test_a_gpu_records_passes_that_draw_nothing(
    method: str, overrides: list[str], recorded: bool, bench: Bench
) -> None:
    group, *_ = bench.group(method, bench.runs(method, [0]), *overrides)
    made, sites = group.adapter.method, group.adapter.sites
    assert not group._can_be_recorded(made, sites)
    group.accelerator = SimpleNamespace(device=torch.device("cuda"))
    assert group._can_be_recorded(made, sites) == recorded


def test_what_is_cast_are_a_models_parameters_of_floats() -> None:
    model = torch.nn.Linear(2, 2)
    model.quantized = torch.nn.Parameter(torch.ones(2, dtype=torch.int8), requires_grad=False)
    model.register_buffer("angles", torch.ones(2))
    cast(model)
    types = {name: tensor.dtype for name, tensor in model.state_dict().items()}
    wanted = {"weight": torch.bfloat16, "bias": torch.bfloat16, "quantized": torch.int8, "angles": torch.float32}
    assert types == wanted


def test_an_adapters_vectors_decay_and_a_heads_bias_does_not(bench: Bench) -> None:
    group, *_ = bench.group("vera", bench.runs("vera", [0]), "train.weight_decay=0.5")
    decays = {id(p): part["weight_decay"] for part in group._optimizer.param_groups for p in part["params"]}
    by_kind: dict[str, set[float]] = {}
    for name, view in zip(group._stacked, group._views[0], strict=True):
        by_kind.setdefault(name.rpartition(".")[2], set()).add(decays[id(view)])
    assert by_kind == {"d": {0.5}, "b": {0.5}, "weight": {0.5}, "bias": {0.0}}


def test_paged_state_comes_back_from_a_checkpoint_as_ordinary_memory(bench: Bench) -> None:
    """A page that is prefetched and is none would end the process on a GPU."""
    group, task, splits = bench.group("lora", bench.runs("lora", [0]))
    group.watch()
    step(group, task, splits, [[0, 1, 2, 3]])
    state = copy.deepcopy(group.state())
    tensors = [value for own in state["optimizer"]["state"].values() for value in own.values() if value.ndim]
    for tensor in tensors:
        tensor.is_paged = True
    group.restore(state)
    restored = [value for own in group._optimizer.state.values() for value in own.values() if value.ndim]
    assert len(restored) == len(tensors) > 0
    assert not any(getattr(value, "is_paged", False) for value in restored)
    assert all(torch.equal(*pair) for pair in zip(restored, tensors, strict=True))
