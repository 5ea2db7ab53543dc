"""The scorer of generated text against the official E2E script: its printed figures and Stanford's tokens, recorded."""

import json
from pathlib import Path

import pytest

from benchmarks.nlg import captions, meteor, mteval, ptb

HERE = Path(__file__).parent
OFFICIAL = json.loads((HERE / "official.json").read_text())
PTB = json.loads((HERE / "ptb.json").read_text())["cases"]
SYSTEMS = Path(__file__).parents[4] / "shared" / "data" / "e2e_systems"
PUBLISHED = json.loads((SYSTEMS / "published.json").read_text()) if SYSTEMS.exists() else {}


def scores(predictions: list[str], references: list[list[str]]) -> dict[str, float]:
    own, theirs = [mteval.tokenise(p) for p in predictions], [[mteval.tokenise(r) for r in rs] for rs in references]
    found = {"bleu": mteval.bleu(own, theirs), "nist": mteval.nist(own, theirs), "nist_p": mteval.nist_p(own, theirs)}
    own, theirs = [ptb.tokenise(p) for p in predictions], [[ptb.tokenise(r) for r in rs] for rs in references]
    found |= {"rouge_l": captions.rouge_l(own, theirs), "cider": captions.cider(own, theirs)}
    if meteor.missing() is None:
        found["meteor"] = meteor.meteor(own, theirs)
    return found


def assert_equal_as_printed(found: dict[str, float], printed: dict[str, float]) -> None:
    # The script prints four decimals, so half a unit of the fourth is all that may be between them.
    for name in found.keys() & printed.keys():
        assert found[name] == pytest.approx(printed[name], abs=0.51e-4), name


@pytest.mark.parametrize("system", OFFICIAL["systems"])
def test_odd_predictions_score_as_the_official_script_scores_them(system: str) -> None:
    case = OFFICIAL["systems"][system]
    found = scores(case["predictions"], OFFICIAL["references"])
    assert found.keys() >= case["scores"].keys() - {"meteor"}
    assert_equal_as_printed(found, case["scores"])


@pytest.mark.skipif(not PUBLISHED, reason="the challenge's outputs (../shared/data/e2e_systems) are not here")
@pytest.mark.parametrize("system", PUBLISHED)
def test_the_challenge_systems_score_as_its_site_prints(system: str) -> None:
    references = [block.split("\n") for block in (SYSTEMS / "references.txt").read_text().strip().split("\n\n")]
    predictions = (SYSTEMS / f"{system}.txt").read_text().split("\n")[: len(references)]
    assert_equal_as_printed(scores(predictions, references), PUBLISHED[system])


@pytest.mark.parametrize("line", PTB)
def test_tokens_are_those_of_the_java_tokenizer(line: str) -> None:
    assert ptb.tokenise(line) == PTB[line].split(" ")
