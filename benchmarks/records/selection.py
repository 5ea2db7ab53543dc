"""Which epoch of a run counts: its best, its last, or one that was chosen on rows other than those it is scored on."""

import numpy as np

from benchmarks.records.schema import Epoch, Scores


def chosen_epochs(history: list[Epoch], primary: str) -> tuple[int, tuple[int, int]]:
    """Return the best epoch, and for each half of dev the epoch that is best on the other half; epochs count from 0.

    Of epochs that tie, the earliest is the best.
    """
    first, second = np.array([epoch.halves for epoch in history]).T
    best = int(np.argmax([epoch.scores[primary] for epoch in history]))
    return best, (int(np.argmax(second)), int(np.argmax(first)))


def summarise(history: list[Epoch], primary: str) -> Scores:
    """Return the best, last and held-out score. Of epochs that tie, the earliest is the best.

    Held-out: the epoch that is best on one half of dev is scored on the other half; the mean of both ways.
    """
    best, (first, second) = chosen_epochs(history, primary)
    return Scores(
        primary=primary,
        best=history[best].scores[primary],
        best_epoch=best + 1,
        last=history[-1].scores[primary],
        held_out=(history[first].halves[0] + history[second].halves[1]) / 2,
    )
