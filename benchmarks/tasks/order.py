"""The order in which a run sees its rows."""

import numpy as np

_POOL = 50  # batches whose rows are sorted by length together


def batches(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Return an epoch's batches of row numbers in the order of a run: shuffled, then bucketed by length.

    Which rank of length comes when depends on the epoch alone, so that the runs of a group, which hold different rows,
    hold rows of about one length at a time; the rows depend on the run's seed.
    """
    shuffled = np.random.default_rng([seed, epoch]).permutation(len(lengths))
    pools = [shuffled[i : i + _POOL * batch_size] for i in range(0, len(shuffled), _POOL * batch_size)]
    made = [
        by_length[i : i + batch_size]
        for by_length in (pool[np.argsort(lengths[pool], kind="stable")] for pool in pools)
        for i in range(0, len(by_length), batch_size)
    ]
    return [made[i] for i in np.random.default_rng(epoch).permutation(len(made))]
