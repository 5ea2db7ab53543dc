"""Which epoch of a run counts: its best, its last, or one that was chosen on other rows than it is scored on."""

import numpy as np

from benchmarks.records.schema import Epoch, Scores


def chosen_epochs(history: list[Epoch], primary: str) -> tuple[int, tuple[int, int]]:
    """Return the best epoch, from 0, and the one that each half of dev is scored at: the best on the other half.

    Of epochs that tie, the earliest is the best one.
    """
    first, second = np.array([epoch.halves for epoch in history]).T
    best = int(np.argmax([epoch.scores[primary] for epoch in history]))
    return best, (int(np.argmax(second)), int(np.argmax(first)))


def summarise(history: list[Epoch], primary: str) -> Scores:
    """Return best, last and held-out. Of epochs that tie, the earliest is the best one.

    Held-out: the epoch that is best on one half of dev, scored on the other; both ways; their mean.
    """
    best, (first, second) = chosen_epochs(history, primary)
    return Scores(
        primary=primary,
        best=history[best].scores[primary],
        best_epoch=best + 1,
        last=history[-1].scores[primary],
        held_out=(history[first].halves[0] + history[second].halves[1]) / 2,
    )
