"""What a record holds: one typed JSON file for each run."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

LOG_LIKELIHOOD = "log_likelihood"  # the score on dev of every text task


def scale_and_digits(primary: str) -> tuple[int, int]:
    """Return what a score on dev is multiplied by where people read it, and how many decimals they are shown."""
    return (1, 3) if primary == LOG_LIKELIHOOD else (100, 1)


Hexadecimal = Annotated[str, Field(pattern=r"^[0-9a-f]+$")]


class Typed(BaseModel):
    """Strict base: an unknown or missing field is an error, never a default, and so is a number that is not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Data(Typed):
    """The rows that a run was trained and scored on; ``fingerprint`` hashes them, ``revision`` is the commit."""

    source: Literal["hub", "directory", "embedded"]
    dataset: str
    fingerprint: Hexadecimal
    train_rows: int
    validation_rows: int
    revision: str | None = None


class Backbone(Typed):
    """The pretrained model; ``fingerprint`` hashes its weights, config and tokenizer, ``revision`` is its hub's commit.

    ``quantization`` says how its linear maps were quantised, if they were; ``frozen_from`` says which weights a
    method's frozen tensors were computed from, if not from the pretrained ones.
    """

    name: str
    path: str
    fingerprint: Hexadecimal
    parameters: int
    revision: str | None = None
    quantization: str | None = None
    frozen_from: str | None = None


class Parameters(Typed):
    """Counts of numbers, and of bytes. ``stored`` counts as the method's paper does."""

    trained: int
    stored: float
    head: int
    adapter_bytes: int
    head_bytes: int


class Epoch(Typed):
    """One epoch: the mean training loss, every score on dev, and the primary score on each half of dev."""

    epoch: int
    train_loss: float
    scores: dict[str, float]
    halves: tuple[float, float]


class Scores(Typed):
    """The primary score, three ways; ``held_out`` chooses the epoch on one half of dev and scores it on the other."""

    primary: str
    best: float
    best_epoch: int
    last: float
    held_out: float


class Written(Typed):
    """What a run wrote after its last epoch for each instance of the test split, and the scores of these texts.

    ``predictions`` are in the order of the instances. ``absent`` has the reason for each score that could not be
    computed. ``seconds`` is the time that decoding took.
    """

    instances: int
    references: int
    scores: dict[str, float]
    absent: dict[str, str]
    seconds: float
    predictions: list[str]


class Mark(Typed):
    """The share of an exam's answers that is right, its standard error, and how many answers could not be read."""

    accuracy: float
    standard_error: float
    unread: int


class Solved(Typed):
    """What a run wrote for an exam's questions, and how many of its answers are right, by extractor.

    ``predictions`` and ``answers``, the right ones, are in the same order, so that scores can be computed again.
    """

    kind: str
    marks: dict[str, Mark]
    seconds: float
    predictions: list[str]
    answers: list[str]


OWN_PROMPTS = "the suite's own"  # the name of the judge's prompts where they do not come from a file like FastChat's


class Judged(Typed):
    """The scores that a judge gave to a run's answers to MT-Bench, out of 10; mt_bench/judged.json has all of them.

    ``prompts`` is the name of the judge's prompts and the start of their sha256. A score is the median over judgings,
    and ``swing`` the range of the first turn's scores; None where no judgment gave a score.
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
    both_turns_error: float | None = None  # older records lack it
    swing: float | None

    @property
    def as_published(self) -> bool:
        """Say whether the scores were given like the papers': by GPT-4, with FastChat's prompts, on all of MT-Bench."""
        whole = self.source != "embedded" and self.questions == 80
        return whole and self.judge.startswith("gpt-4") and not self.prompts.startswith(OWN_PROMPTS)


class Cost(Typed):
    """Wall time of training alone. The throughput is that of the whole group that was trained in one pass."""

    train_seconds: float
    samples_per_second: float
    tokens_per_second: float
    peak_memory_bytes: int


class Start(Typed):
    """The run on another task whose adapter a run began with: the best on dev of ``runs``, including failed ones."""

    task: str
    identity: str
    runs: int
    train_rows: int


class Tuning(Typed):
    """Marks a run that was trained to choose learning rates, and does not count as a result by itself.

    ``lr`` and ``lr_head`` are the factors on the method's default rates; at least one is not 1. ``default`` is the
    identity of the run with the same seed at the default rates, whose record has no such mark.
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
    """What a run ran on."""

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
    generation: Written | None = None  # for a task whose texts are compared with references
    exams: dict[str, Solved] = {}  # for a task whose texts are right or wrong
    mt_bench: Judged | None = None
    tuning: Tuning | None = None  # not part of its identity
    collapsed: bool | None = None  # its best epoch answers one class alone; None: not noted, or no classes
    cost: Cost | None
    environment: Environment
    finished_at: str

    @property
    def stands(self) -> bool:
        """Say whether it belongs in the main tables: it has finished, and is not a configuration of a tuning."""
        return self.status == "finished" and self.tuning is None
