"""peft's LoRA: each module has A (r, d_in) and B (d_out, r), as here; the scale is alpha / r or alpha / sqrt(r)."""

from typing import Any

from benchmarks.errors import SuiteError
from benchmarks.models.peft.folder import MODEL, take
from methods.base import Site, Tensors
from methods.lora import LoRA

PEFT_TYPE = "LORA"
MARK = ".lora_"
SETTINGS = ("r", "lora_alpha", "lora_dropout")
HARMLESS = ("use_rslora", "init_lora_weights", "megatron_core", "qalora_group_size", "runtime_config")
_STARTS = (True, False, "gaussian", "orthogonal")  # peft's others change the backbone's weights


def read(config: dict[str, Any], tensors: Tensors, sites: list[Site]) -> tuple[LoRA, Tensors]:
    """Return the method, with the alpha that makes alpha / r peft's scale, and A and B of every site."""
    start = config.get("init_lora_weights", True)
    if start not in _STARTS:
        raise SuiteError(
            f"init_lora_weights is {start}, which changes the backbone's weights: "
            "have peft convert the adapter to a plain LoRA (path_initial_model_for_weight_conversion) first"
        )
    rank, alpha = config["r"], config["lora_alpha"]
    if config.get("use_rslora"):
        alpha *= rank**0.5
    trained = {}
    for site in sites:
        trained[f"{site.name}.A"] = take(tensors, f"{MODEL}{site.name}.lora_A.weight", rank, site.in_features)
        trained[f"{site.name}.B"] = take(tensors, f"{MODEL}{site.name}.lora_B.weight", site.out_features, rank)
    return LoRA(rank=rank, alpha=alpha, dropout=config["lora_dropout"]), trained
