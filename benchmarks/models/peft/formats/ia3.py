"""peft's (IA)3: each module has l, (d_out, 1), or (1, d_in) where it scales the input; here l - 1 is trained."""

import re
from typing import Any

from benchmarks.errors import SuiteError
from benchmarks.models.peft import folder
from benchmarks.models.peft.folder import MODEL, take
from methods.base import Site, Tensors
from methods.ia3 import IA3
from methods.sites import without_layer

PEFT_TYPE = "IA3"
MARK = ".ia3_"
HARMLESS = ("init_ia3_weights",)


class Config(folder.Config):
    """Which modules' inputs are scaled, which the shapes of their tensors say too."""

    feedforward_modules: str | list[str] | None = None


def settings(method: IA3) -> dict[str, Any]:
    """Return what peft's config says of the method: a regular expression of the modules whose input is scaled."""
    names = "|".join(re.escape(name) for name in method.feedforward.split(","))
    return {"feedforward_modules": rf"(.*\.\d+\.)?({names})"}


def write(method: IA3, trained: Tensors, frozen: Tensors, sites: list[Site]) -> tuple[dict[str, Any], Tensors]:
    """Return settings and tensors."""
    tensors = {}
    for site in sites:
        scale = 1 + trained[f"{site.name}.l"]
        tensors[f"{MODEL}{site.name}.ia3_l"] = scale[None] if method.scales_input(site) else scale[:, None]
    return settings(method), tensors


def read(config: Config, tensors: Tensors, sites: list[Site]) -> tuple[IA3, Tensors]:
    """Return the method, and l - 1 of every site.

    Raises SuiteError where a module's input is scaled in one layer and its output in another.
    """
    names = {site.name: f"{MODEL}{site.name}.ia3_l" for site in sites}
    inputs = [site for site in sites if names[site.name] in tensors and len(tensors[names[site.name]]) == 1]
    method = IA3(feedforward=",".join(sorted({without_layer(site.name) for site in inputs})))
    trained = {}
    for site in sites:
        if method.scales_input(site) and site not in inputs:
            raise SuiteError(
                f"the adapter scales the output of {site.name}, and the input of the same map in another layer, which "
                "the suite's ia3 cannot hold"
            )
        shape = (1, site.in_features) if site in inputs else (site.out_features, 1)
        trained[f"{site.name}.l"] = take(tensors, names[site.name], *shape).flatten().float() - 1
    return method, trained
