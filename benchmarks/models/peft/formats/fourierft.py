"""peft's FourierFT: each module has its n coefficients, as here; their places are drawn again from a seed."""

from typing import Any

from benchmarks.models.peft import folder
from benchmarks.models.peft.folder import MODEL, Count, take
from methods.base import Site, Tensors
from methods.fourierft import FourierFT

PEFT_TYPE = "FOURIERFT"
MARK = ".fourierft_"
HARMLESS = ("init_weights",)


class Config(folder.Config):
    """The number of coefficients, their scale, and what their places are drawn from."""

    n_frequency: Count
    scaling: float
    random_loc_seed: int


def settings(method: FourierFT) -> dict[str, Any]:
    """Return what peft's config says of the method."""
    return {"n_frequency": method.frequencies, "scaling": method.alpha, "random_loc_seed": method.projection_seed}


def write(method: FourierFT, trained: Tensors, frozen: Tensors, sites: list[Site]) -> tuple[dict[str, Any], Tensors]:
    """Return settings and tensors."""
    return settings(method), {f"{MODEL}{site.name}.fourierft_spectrum": trained[f"{site.name}.c"] for site in sites}


def read(config: Config, tensors: Tensors, sites: list[Site]) -> tuple[FourierFT, Tensors]:
    """Return the method, and the coefficients of every site."""
    method = FourierFT(frequencies=config.n_frequency, alpha=config.scaling, projection_seed=config.random_loc_seed)
    names = {site.name: f"{MODEL}{site.name}.fourierft_spectrum" for site in sites}
    return method, {f"{site}.c": take(tensors, name, method.frequencies) for site, name in names.items()}
