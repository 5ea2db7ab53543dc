"""What a run is told, typed and checked; no torch here, so that what only asks what a run would be starts quickly."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from benchmarks.errors import SuiteError, nearest
from benchmarks.typed import Settings

PAGED = "paged_adamw_32bit"

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # dropout's keys hold 32 bits of it


def _are_targets(given: Any) -> Any:
    if isinstance(given, str) or (isinstance(given, list) and all(isinstance(name, str) for name in given)):
        return given
    raise ValueError(f"must be a name, or a list of modules' names, got {given}")


Targets = Annotated[str | list[str], BeforeValidator(_are_targets)]


@dataclass(frozen=True)
class RunSettings:
    """What may differ between the runs of a group. ``lr`` is one number, or one for each kind of trained tensor."""

    seed: int
    lr: float | dict[str, float]
    lr_head: float


class TrainSettings(Settings):
    """What all runs of a group share. A setting that is None is not part of a run's identity."""

    epochs: Count
    batch_size: Count
    max_length: Count
    schedule: Literal["linear", "cosine", "constant", "constant_with_warmup"]
    warmup_ratio: float = Field(ge=0)
    weight_decay: float = Field(ge=0)
    max_grad_norm: float | None = Field(None, gt=0)  # None: gradients are not clipped
    warmup_steps: int | None = Field(None, ge=0)  # in the place of the ratio
    accumulate: Count | None = None  # in how many parts a batch goes through the model; None: in one
    optimizer: Literal["paged_adamw_32bit"] | None = None  # None: AdamW; or one whose state can leave a full GPU
    gradient_checkpointing: bool | None = None  # compute activations again where they are needed, to hold fewer
    cuda_graphs: Literal[False] | None = None  # None: a GPU is told of a pass once for each shape of a batch


class BackboneSettings(Settings):
    """A pretrained model: where it lies, how its linear maps are called, how it is held: conf/backbone."""

    name: str | None
    path: str
    revision: str | None
    fingerprint: str | None
    max_length: Count
    head: list[str]
    dropout: float | None = Field(ge=0, lt=1)
    targets: dict[str, list[str]]
    fused: dict[str, list[str]] | None
    quantization: Literal["nf4", "int8"] | None
    random: bool
    length_penalty: float
    shape: dict[str, Any] | None


class DataSettings(Settings):
    """Where rows come from (see conf/run.yaml), and how many of them are taken; None takes all."""

    root: str | None
    train_rows: Count | None
    validation_rows: Count | None


class AdapterSettings(Settings):
    """Whether a run leaves its adapter, and with it the trained tensors themselves."""

    save: bool
    resumable: bool


class WandbSettings(Settings):
    """How W&B is told: see conf/run.yaml."""

    mode: Literal["auto", "online", "offline", "disabled"]
    project: str = Field(min_length=1, max_length=128)

    @field_validator("project")
    @classmethod
    def _has_a_name_that_is_allowed(cls, project: str) -> str:
        if refused := set(project) & set("/\\#?%:"):
            raise ValueError(f"must hold none of / \\ # ? % :, which W&B refuses, got {project} ({''.join(refused)})")
        return project


class Point(Settings):
    """One choice of learning rates that a job tries: the method's settings with them.

    ``label`` says in what it differs from the job as it is written; ``factors`` are there where it is a configuration
    of a tuning other than the default: by what its rates are the default ones multiplied.
    """

    method: dict[str, Any]
    label: str = ""
    factors: dict[str, float] | None = None


class JobSettings(Settings):
    """One job of a sweep: a task, a backbone, a method and targets, for all its seeds and learning rates.

    ``method`` and ``task`` hold what the files of conf/ say, as they say it: a run's identity is made of that.
    ``points`` are all combinations of the learning rates in ``grid``, or the job's own rates; ``tune`` has factors on
    them. ``start`` is the job on another task whose best run these runs begin from.
    """

    task: dict[str, Any]
    backbone: BackboneSettings
    method: dict[str, Any]
    targets: Targets
    seeds: list[Seed] = Field(min_length=1)
    grid: dict[str, list[Any]]
    points: list[Point]
    tune: dict[str, Any] | None
    group_size: Count | None
    precision: Literal["auto", "fp32", "bf16"]
    start: "JobSettings | None"
    data: DataSettings
    train: TrainSettings
    adapter: AdapterSettings
    wandb: WandbSettings
    results: Path
    cache: Path
    force: bool
    written: dict[str, Any]  # the parts of a run's identity that are settings, but for method, targets and seed

    @property
    def backbone_name(self) -> str:
        """Return what the records call the backbone: its name, or the last part of its path where it has none."""
        return self.backbone.name or Path(self.backbone.path).name

    def run_config(self, method: dict[str, Any], targets: list[str]) -> dict[str, Any]:
        """Return what a run is by its settings alone: without seed and precision, and without what it is trained on.

        ``method`` holds the settings of one of ``points``; ``targets`` are the names of the maps that it adapts.
        """
        task = {key: value for key, value in self.task.items() if key != "kind"}  # which its other keys say too
        start = {"start": self.start.task["name"]} if self.start else {}
        return {
            "task": task,
            "method": _given(method),
            "train": _given(self.written["train"]),
            "backbone": self.written["backbone"],
            "targets": targets,
        } | start

    def target_names(self) -> list[str]:
        """Return the names of the modules that ``targets`` stands for. Raises SuiteError for unknown ones."""
        named = self.backbone.targets
        example = f"targets=[{','.join(next(iter(named.values()), ['query', 'value']))}]"
        if not isinstance(self.targets, str):
            if not self.targets:
                raise SuiteError(
                    f"targets must name at least one map, got []: {', '.join(named)}, or a list: {example}"
                )
            return list(self.targets)
        if self.targets not in named:
            raise SuiteError(
                f"targets={self.targets} is unknown for {self.backbone_name}; nearest: {nearest(self.targets, named)}; "
                f"known: {', '.join(named)}, or a list of module names: {example}"
            )
        return list(named[self.targets])

    def for_one_epoch(self) -> "JobSettings":
        """Return the settings of a job that passes over its rows once."""
        train = self.train.model_copy(update={"epochs": 1})
        written = self.written | {"train": self.written["train"] | {"epochs": 1}}
        return self.model_copy(update={"train": train, "written": written})


def _given(settings: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is null, so that a new setting leaves the runs that were made before it what they are."""
    return {key: value for key, value in settings.items() if value is not None}
