"""The order in which a run trains on its rows."""

import numpy as np

_POOL = 50  # batches whose rows are sorted by length together


def batches(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Return an epoch's batches of row numbers, in order: shuffled, then bucketed by length.

    lengths: (rows,) numbers of tokens. The rows in a batch depend on the run's seed. Whether a batch of short or of
    long rows comes next depends on the epoch alone: the runs of a group have different rows, and so at each step rows
    of about the same length.
    """
    shuffled = np.random.default_rng([seed, epoch]).permutation(len(lengths))
    pools = [shuffled[i : i + _POOL * batch_size] for i in range(0, len(shuffled), _POOL * batch_size)]
    made = [
        by_length[i : i + batch_size]
        for by_length in (pool[np.argsort(lengths[pool], kind="stable")] for pool in pools)
        for i in range(0, len(by_length), batch_size)
    ]
    return [made[i] for i in np.random.default_rng(epoch).permutation(len(made))]
