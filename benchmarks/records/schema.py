"""What a record holds: one typed JSON file a run."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

LOG_LIKELIHOOD = "log_likelihood"  # the score on dev of every task of text


def scale_and_digits(primary: str) -> tuple[int, int]:
    """Return what a score on dev is multiplied by where people read it, and how many decimals they are shown."""
    return (1, 3) if primary == LOG_LIKELIHOOD else (100, 1)


class Typed(BaseModel):
    """Strict base: an unknown or missing field is an error, never a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Typed):
    """What was trained and scored on; ``fingerprint`` hashes the rows themselves."""

    source: Literal["hub", "directory", "embedded"]
    dataset: str
    fingerprint: str
    train_rows: int
    validation_rows: int


class Backbone(Typed):
    """The pretrained model; ``fingerprint`` hashes its weights, config and tokenizer.

    ``quantization`` is how its linear maps were held in memory, None as they are; ``frozen_from`` says which weights a
    method's frozen tensors were computed from, where those are not the pretrained ones.
    """

    name: str
    path: str
    fingerprint: str
    parameters: int
    quantization: str | None = None
    frozen_from: str | None = None


class Parameters(Typed):
    """Counts of numbers, and bytes. ``stored`` counts as the method's paper does."""

    trained: int
    stored: float
    head: int
    adapter_bytes: int
    head_bytes: int


class Epoch(Typed):
    """One epoch: the mean training loss, every metric on dev, and the primary one on dev's halves."""

    epoch: int
    train_loss: float
    scores: dict[str, float]
    halves: tuple[float, float]


class Scores(Typed):
    """The primary metric, three ways. ``held_out`` chooses the epoch on one half of dev and scores the other."""

    primary: str
    best: float
    best_epoch: int
    last: float
    held_out: float


class Written(Typed):
    """What a run wrote after its last epoch for each instance of the test split, and that text's scores.

    ``predictions`` are in the order of the instances. ``absent`` says of a score why it could not be computed here.
    """

    instances: int
    references: int
    scores: dict[str, float]
    absent: dict[str, str]
    seconds: float
    predictions: list[str]


class Mark(Typed):
    """The share of an exam's questions that is right, its standard error, and how many gave nothing to read."""

    accuracy: float
    standard_error: float
    unread: int


class Solved(Typed):
    """What a run wrote for an exam's questions, and how many of the answers are right, by extractor.

    ``predictions`` and ``answers``, the right ones, are in one order, so that a score can be computed again.
    """

    kind: str
    marks: dict[str, Mark]
    seconds: float
    predictions: list[str]
    answers: list[str]


OWN_PROMPTS = "the suite's own"  # what the judge's prompts are called where they are from no file of FastChat's kind


class Judged(Typed):
    """What a judge gave a run's answers to MT-Bench, out of 10; the whole of it lies in the run's mt_bench/judged.json.

    ``prompts`` is the name of the judge's prompts and the start of their sha256. A score is the median over judgings,
    ``swing`` how far those of the first turn lie apart; None where no judgment gave one.
    """

    judge: str
    prompts: str
    source: str
    questions: int
    repeats: int
    unscored: int
    turn_1: float | None
    turn_1_error: float | None
    both_turns: float | None
    swing: float | None

    @property
    def as_published(self) -> bool:
        """Say whether the papers' scores were given likewise: by GPT-4, by FastChat's prompts, on all of MT-Bench."""
        whole = self.source != "embedded" and self.questions == 80
        return whole and self.judge.startswith("gpt-4") and not self.prompts.startswith(OWN_PROMPTS)


class Cost(Typed):
    """Wall time of training alone; throughput is of the whole group that was trained in one pass."""

    train_seconds: float
    samples_per_second: float
    tokens_per_second: float
    peak_memory_bytes: int


class Start(Typed):
    """The run on another task whose adapter a run began with: the best on dev of ``runs``, the failed ones counted."""

    task: str
    identity: str
    runs: int
    train_rows: int


class Tuning(Typed):
    """What a run is that was trained to choose learning rates, and not for its own sake.

    ``lr`` and ``lr_head`` are what the method's default rates were multiplied by, one of them not 1. ``default`` is the
    identity of the run of the same seed at those rates, whose record has no such note.
    """

    lr: float
    lr_head: float
    default: str

    @property
    def label(self) -> str:
        """Return the factors that are not 1, such as "lr x0.3"."""
        factors = {"lr": self.lr, "lr_head": self.lr_head}
        return ", ".join(f"{name} x{factor:.12g}" for name, factor in factors.items() if factor != 1)


class Environment(Typed):
    """Where it ran."""

    hardware: str
    processes: int
    precision: Literal["fp32", "bf16"]
    packages: dict[str, str]
    git_revision: str
    git_dirty: bool


class Record(Typed):
    """A run: finished with scores, or failed with the reason."""

    identity: str
    status: Literal["finished", "failed"]
    error: str | None
    task: str
    method: str
    targets: str
    seed: int
    group: list[str]
    started_from: Start | None = None
    config: dict[str, Any]
    data: Data
    backbone: Backbone
    parameters: Parameters
    epochs: list[Epoch]
    scores: Scores | None
    generation: Written | None = None  # of a task whose texts are compared with references
    exams: dict[str, Solved] = {}  # of a task whose texts are right or wrong
    mt_bench: Judged | None = None
    tuning: Tuning | None = None  # no part of its identity
    cost: Cost | None
    environment: Environment
    finished_at: str

    @property
    def stands(self) -> bool:
        """Say whether it belongs in the main tables: it has finished, and is not a configuration of a tuning."""
        return self.status == "finished" and self.tuning is None
