"""The singular value decomposition of a site's frozen weight, the same wherever it is computed again."""

import torch
from torch import Tensor

from methods.base import MethodError, Site


def singular(site: Site, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return U (d_out, n), S (n,) from the largest on, and V^T (n, d_in) of a site's weight, with n its shorter side.

    The entry of U that is largest in size is positive in each pair. Raises MethodError for a ``rank`` above n.
    """
    check_rank(site, rank)
    U, S, Vh = torch.linalg.svd(site.weight(), full_matrices=False)
    sign = torch.sign(U.gather(0, U.abs().argmax(0, keepdim=True)))
    return U * sign, S, Vh * sign.mT


def check_rank(site: Site, rank: int) -> None:
    """Raise MethodError for a rank that a site's weight cannot have."""
    largest = min(site.in_features, site.out_features)
    if rank > largest:
        raise MethodError(
            f"rank must be at most {largest} for the SVD of {site.name} ({site.out_features} x {site.in_features}), "
            f"got {rank}"
        )
