"""The E2E challenge's scores of written text, as its official script (tuetschek/e2e-metrics) prints them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.errors import SuiteError
from benchmarks.tasks.scoring.e2e import captions, meteor, mteval, ptb

# How each score is computed, in the order in which papers print them.
SCORES = {
    "bleu": "mteval-v13a: 4-grams of lower-cased 13a tokens, closest reference length, 0 to 1",
    "nist": "mteval-v13a: 5-grams of the same tokens, the Perl script's length penalty",
    "nist_p": "the same with the length penalty of the script's Python port (its flag -p)",
    "meteor": "METEOR 1.5 in Java, English, -norm, over PTB tokens, corpus score, 0 to 1",
    "rouge_l": "F with beta 1.2 of the best precision and recall over references, PTB tokens, mean, 0 to 1",
    "cider": "CIDEr-D of 1- to 4-grams of PTB tokens, document frequencies of the references, mean, 0 to 10",
}
_SHOWN = 5  # empty predictions that a message names


def available() -> list[str]:
    """Return the scores that can be computed here: all, or all but METEOR."""
    return [name for name in SCORES if name != "meteor" or meteor.missing() is None]


def score(predictions: list[str], references: list[list[str]], names: Sequence[str] | None = None) -> dict[str, float]:
    """Return the named corpus scores, or all that are ``available``.

    predictions: one text for each instance; references: one or more for each. Raises SuiteError where their numbers
    differ, where an instance has no reference, and where METEOR is named and cannot run.
    """
    if len(predictions) != len(references):
        raise SuiteError(
            f"{len(predictions)} predictions were given for {len(references)} instances: each needs one line, which "
            "may be empty"
        )
    if not references:
        raise SuiteError("there are no instances to score")
    for number, texts in enumerate(references, 1):
        if not texts:
            raise SuiteError(f"instance {number} has no reference")
    thirteen = [mteval.tokenise(p) for p in predictions], [[mteval.tokenise(r) for r in rs] for rs in references]
    treebank = [ptb.tokenise(p) for p in predictions], [[ptb.tokenise(r) for r in rs] for rs in references]
    computed: dict[str, Callable[[], float]] = {
        "bleu": lambda: mteval.bleu(*thirteen),
        "nist": lambda: mteval.nist(*thirteen),
        "nist_p": lambda: mteval.nist_p(*thirteen),
        "meteor": lambda: meteor.meteor(*treebank),
        "rouge_l": lambda: captions.rouge_l(*treebank),
        "cider": lambda: captions.cider(*treebank),
    }
    return {name: computed[name]() for name in (available() if names is None else names)}


def read(predictions: Path, references: Path) -> tuple[list[str], list[list[str]]]:
    """Read predictions and their references. Raises SuiteError naming the line from which they do not match."""
    written, instances = read_lines(predictions), _instances(references)
    if not instances:
        raise SuiteError(f"{references} must hold at least one reference, and is empty")
    if len(written) == len(instances):
        return written, [texts for _, texts in instances]
    if len(written) > len(instances):
        where = f"line {len(instances) + 1} of {predictions} is the first without an instance"
    else:
        where = f"the instance at line {instances[len(written)][0]} of {references} is the first without a prediction"
    empty = ", ".join(map(str, empty_lines(written)[:_SHOWN]))
    raise SuiteError(
        f"there are {len(written)} predictions for {len(instances)} instances: {where}"
        + (f"; empty predictions: line {empty}" if empty else "")
    )


def empty_lines(predictions: list[str]) -> list[int]:
    """Return the lines, from 1, of predictions in which a system said nothing."""
    return [number for number, text in enumerate(predictions, 1) if not text]


def read_references(file: Path) -> list[list[str]]:
    """Read references, one a line; instances are separated by an empty line, or by each line if none is empty.

    Raises SuiteError naming an empty line too many.
    """
    return [texts for _, texts in _instances(file)]


def _instances(file: Path) -> list[tuple[int, list[str]]]:
    """Return the line, from 1, at which each instance begins, and its references."""
    instances: list[tuple[int, list[str]]] = [(1, [])]
    for number, line in enumerate(read_lines(file), 1):
        if line:
            instances[-1][1].append(line)
        else:
            instances.append((number + 1, []))
    if not instances[-1][1]:
        instances.pop()
    if len(instances) == 1:
        return list(enumerate(([line] for line in instances[0][1]), 1))
    for line, texts in instances:
        if not texts:
            raise SuiteError(f"{file} line {line} must be a reference: exactly one empty line is between two instances")
    return instances


def read_lines(file: Path) -> list[str]:
    """Read one text a line, such as predictions; a byte-order mark is not part of one.

    Raises SuiteError for a file that is absent, or is not UTF-8.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"cannot read {file}: {error}") from error
    # Files that were put together have a mark at each one's beginning.
    return [line.lstrip("\ufeff").strip() for line in text.removesuffix("\n").split("\n")]
