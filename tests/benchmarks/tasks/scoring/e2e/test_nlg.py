"""The scorer of generated text against the official E2E script: its printed figures and Stanford's tokens, recorded."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.tasks.scoring.e2e import e2e, meteor, ptb

HERE = Path(__file__).parent
OFFICIAL = json.loads((HERE / "official.json").read_text())
PTB = json.loads((HERE / "ptb.json").read_text())["cases"]
SYSTEMS = Path(__file__).parents[6] / "shared" / "data" / "e2e_systems"
PUBLISHED = json.loads((SYSTEMS / "published.json").read_text()) if SYSTEMS.exists() else {}


@pytest.fixture(scope="module")
def program(found_of_meteor) -> Iterator[meteor.Program | None]:
    """Start METEOR's program once for all corpora; None where it is missing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meteor, "missing", found_of_meteor)
        if meteor.missing() is not None:
            yield None
        else:
            with meteor.started() as running:
                yield running


@pytest.fixture
def one_program(java: None, program: meteor.Program | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Score every corpus with the same program, where it is not missing."""
    if program is not None:
        monkeypatch.setattr(meteor, "meteor", program.score)


def assert_scored_as_printed(predictions: list[str], references: list[list[str]], printed: dict[str, float]) -> None:
    found = e2e.score(predictions, references)
    assert found.keys() == set(e2e.available())
    # The script prints four decimals, so half a unit of the fourth is all that may be between them.
    for name in found.keys() & printed.keys():
        assert found[name] == pytest.approx(printed[name], abs=0.51e-4), name


@pytest.mark.usefixtures("one_program")
@pytest.mark.parametrize("system", OFFICIAL["systems"])
def test_odd_predictions_score_as_the_official_script_scores_them(system: str) -> None:
    case = OFFICIAL["systems"][system]
    assert case["scores"].keys() == e2e.SCORES.keys()
    assert_scored_as_printed(case["predictions"], OFFICIAL["references"], case["scores"])


@pytest.mark.usefixtures("one_program")
@pytest.mark.skipif(not PUBLISHED, reason="the challenge's outputs (../shared/data/e2e_systems) are not here")
@pytest.mark.parametrize("system", PUBLISHED)
def test_the_challenge_systems_score_as_its_site_prints(system: str) -> None:
    references, predictions = e2e.read_references(SYSTEMS / "references.txt"), e2e.read_lines(SYSTEMS / f"{system}.txt")
    assert_scored_as_printed(predictions, references, PUBLISHED[system])


@pytest.mark.parametrize("line", PTB)
def test_tokens_are_those_of_the_java_tokenizer(line: str) -> None:
    assert ptb.tokenise(line) == PTB[line].split(" ")
