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
            raise SuiteError(f"instance {number} has no reference: separate instances by exactly one empty line")
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


def read_references(file: Path) -> list[list[str]]:
    """Read references, one a line; instances are separated by an empty line, or by each line if none is empty."""
    instances: list[list[str]] = [[]]
    for line in read_lines(file):
        if line:
            instances[-1].append(line)
        else:
            instances.append([])
    if not instances[-1]:
        instances.pop()
    return [[line] for line in instances[0]] if len(instances) == 1 else instances


def read_lines(file: Path) -> list[str]:
    """Read one text a line, such as predictions. Raises SuiteError for a file that is absent, or is not UTF-8."""
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8").removesuffix("\n").split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"cannot read {file}: {error}") from error
