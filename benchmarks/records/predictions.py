"""A run's predictions on dev, kept beside its record, so that any score can be computed again without training."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import safetensors.numpy

from benchmarks.errors import SuiteError
from benchmarks.records.files import write_atomic
from benchmarks.records.schema import Epoch
from benchmarks.records.selection import chosen_epochs


@dataclass(frozen=True)
class Predictions:
    """Arrays (rows,), in dev's order: labels, halves (0 or 1), and the answers that each score was computed from.

    ``best`` and ``last`` are the answers of one epoch; in ``held_out`` each half has those of the epoch that is best on
    the other half.
    """

    labels: np.ndarray
    halves: np.ndarray
    best: np.ndarray
    last: np.ndarray
    held_out: np.ndarray

    @property
    def of_halves(self) -> list[np.ndarray]:
        """Return for each half of dev which rows are in it, (rows,) of yes or no."""
        return [self.halves == half for half in (0, 1)]

    @property
    def collapsed(self) -> bool:
        """Say whether the best epoch answered one class alone, of labels that have several."""
        return len(np.unique(self.best)) == 1 < len(np.unique(self.labels))

    @property
    def fault(self) -> str | None:
        """Say why these cannot be what a run answered, or return None."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, array in arrays.items():
            if array.shape != (self.labels.size,):
                return f"{name} has the shape {list(array.shape)}, and there are {self.labels.size} labels"
            if not np.isfinite(array).all():
                return f"{name} holds numbers that are not finite"
        if set(self.halves.tolist()) != {0, 1}:
            return "halves must name both halves of dev, 0 and 1, and nothing else"
        return None


def chosen(
    history: list[Epoch], primary: str, answered: np.ndarray, labels: np.ndarray, halves: np.ndarray
) -> Predictions:
    """Return the predictions that a run's scores are computed from. answered: (epochs, rows)."""
    best, (first, second) = chosen_epochs(history, primary)
    held_out = np.where(halves == 0, answered[first], answered[second])
    return Predictions(labels, halves, answered[best], answered[-1], held_out)


def place(record: Path) -> Path:
    """Return the path of the predictions that belong to a record."""
    return record.with_suffix(".safetensors")


def write(record: Path, predictions: Predictions, classes: bool) -> None:
    """Write predictions beside the record: as bytes if they are ``classes``, otherwise in float32."""
    kinds = {field.name: np.uint8 if classes else np.float32 for field in fields(Predictions)} | {"halves": np.uint8}
    arrays = {name: np.ascontiguousarray(getattr(predictions, name), kind) for name, kind in kinds.items()}
    write_atomic(place(record), safetensors.numpy.save(arrays))


def read(record: Path) -> Predictions | None:
    """Return the predictions of a record's run; None for a run that was trained before predictions were kept.

    Raises SuiteError for a file that holds something else.
    """
    file = place(record)
    if not file.exists():
        return None
    try:
        arrays = safetensors.numpy.load_file(file)
        kept = Predictions(**{field.name: arrays[field.name] for field in fields(Predictions)})
        wrong = kept.fault
    except KeyError as error:
        wrong = f"it lacks {error.args[0]}"
    except (safetensors.SafetensorError, TypeError) as error:
        wrong = str(error)
    if wrong:
        raise SuiteError(f"{file} does not hold a run's predictions ({wrong}): force=true trains the run again")
    return kept
