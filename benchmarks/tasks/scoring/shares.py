"""The interval of a share, such as that of an exam's questions which were answered right."""

import math
from statistics import NormalDist


def wilson(share: float, count: int, level: float = 0.95) -> tuple[float, float]:
    """Return the ends of Wilson's interval of a share of ``count`` independent answers, which is honest at 0 and 1 too.

    E. B. Wilson, Journal of the American Statistical Association 22, 1927. With none of 16 right it is 0 to 0.194,
    where the standard error would give 0 to 0.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def cell(share: float, count: int) -> str:
    """Write a share, x100, with its interval in brackets."""
    low, high = wilson(share, count)
    return f"{100 * share:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
