"""peft's LoRA: each module has A (r, d_in) and B (d_out, r), as here; the scale is alpha / r or alpha / sqrt(r).

peft lets rank and alpha differ between modules (rank_pattern, alpha_pattern); the suite's LoRA has one of each. A
module of a smaller rank is filled up with zeros, and its B takes up the difference in scale, so the product stays.
"""

import re
from typing import Annotated, Any, TypeVar

import pydantic
from torch.nn import functional

from benchmarks.errors import SuiteError
from benchmarks.models.peft import folder
from benchmarks.models.peft.folder import MODEL, Count, take
from methods.base import Site, Tensors
from methods.lora import LoRA

PEFT_TYPE = "LORA"
MARK = ".lora_"
HARMLESS = ("megatron_core", "qalora_group_size", "runtime_config")
Number = TypeVar("Number", int, float)
_STARTS = (True, False, "gaussian", "orthogonal")  # peft's others change the backbone's weights


class Config(folder.Config):
    """Rank and alpha of most modules, and of those that a pattern names."""

    r: Count
    lora_alpha: Annotated[float, pydantic.Field(gt=0)]
    lora_dropout: float
    use_rslora: bool = False
    init_lora_weights: bool | str | None = True
    rank_pattern: dict[str, Count] = pydantic.Field(default_factory=dict)
    alpha_pattern: dict[str, float] = pydantic.Field(default_factory=dict)

    @pydantic.field_validator("rank_pattern", "alpha_pattern")
    @classmethod
    def _is_pattern(cls, given: dict[str, float]) -> dict[str, float]:
        for key in given:
            try:
                re.compile(key)
            except re.error as error:
                raise ValueError(f"must name modules by regular expressions, got {key!r} ({error})") from error
        return given


def settings(method: LoRA) -> dict[str, Any]:
    """Return what peft's config says of the method."""
    settings = {"r": method.rank, "lora_alpha": method.alpha, "lora_dropout": method.dropout}
    return settings | ({"use_rslora": True} if method.rank_stabilized else {})


def read(config: Config, tensors: Tensors, sites: list[Site]) -> tuple[LoRA, Tensors]:
    """Return the method, with the alpha that makes alpha / rank the usual scale, and A and B of every site."""
    check_start(config.init_lora_weights)
    ranks = {site.name: _of(config.rank_pattern, site.name, config.r) for site in sites}
    rank = max(ranks.values())
    usual = _alpha(config, config.lora_alpha, config.r, rank)
    trained = {}
    for site in sites:
        own = ranks[site.name]
        alpha = _alpha(config, _of(config.alpha_pattern, site.name, config.lora_alpha), own, rank)
        A = take(tensors, f"{MODEL}{site.name}.lora_A.weight", own, site.in_features)
        B = take(tensors, f"{MODEL}{site.name}.lora_B.weight", site.out_features, own)
        trained[f"{site.name}.A"] = functional.pad(A, (0, 0, 0, rank - own))
        trained[f"{site.name}.B"] = functional.pad(B.float() * (alpha / usual), (0, rank - own))
    return LoRA(rank=rank, alpha=usual, dropout=config.lora_dropout), trained


def check_start(start: bool | str | None) -> None:
    """Raise SuiteError for an adapter that began with a change of the backbone's weights."""
    if start not in _STARTS:
        raise SuiteError(
            f"init_lora_weights is {start}, which changes the backbone's weights: "
            "have peft convert the adapter to a plain LoRA (path_initial_model_for_weight_conversion) first"
        )


def _alpha(config: Config, alpha: float, own: int, rank: int) -> float:
    """Return the alpha that gives a module of rank ``own`` its scale once it is filled up to ``rank``."""
    return alpha * rank / (own**0.5 if config.use_rslora else own)


def _of(pattern: dict[str, Number], module: str, usual: Number) -> Number:
    """Return what the first pattern that fits gives a module, as peft reads them: one fits the end of a name."""
    return next((value for key, value in pattern.items() if re.match(rf"(.*\.)?({key})$", module)), usual)
