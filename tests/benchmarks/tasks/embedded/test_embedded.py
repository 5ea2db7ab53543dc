"""Writing the embedded sets: where, what for, once, and safely."""

import multiprocessing
from pathlib import Path

import pytest

from benchmarks.errors import SuiteError
from benchmarks.tasks import embedded

NOT = {
    "glue": "NOT GLUE",
    "e2e_nlg": "NOT E2E",
    "MetaMathQA": "NOT MetaMathQA",
    "gsm8k": "NOT GSM8K",
    "alpaca-cleaned": "NOT Alpaca",
    "mt_bench_prompts": "NOT MT-Bench",
}


@pytest.fixture(scope="module", params=embedded.SETS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return embedded.write(tmp_path_factory.mktemp("embedded"), request.param)


def test_folder_and_card_tell_the_version_and_what_the_set_is_not(written: Path):
    version, card = embedded.SETS[written.name].VERSION, (written / "README.md").read_text()
    assert written.parent.name == f"embedded-v{version}"
    assert f"version {version}," in card
    assert NOT[written.name] in card


def test_writing_twice_leaves_the_files(written: Path):
    root = written.parents[1]
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert embedded.write(root, written.name) == written
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_writing_at_once_gives_one_whole_folder(tmp_path: Path):
    written = embedded.write(tmp_path / "alone", "e2e_nlg")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        places = pool.starmap(embedded.write, [(tmp_path / "at once", "e2e_nlg")] * 4, chunksize=1)
    assert len(set(places)) == 1
    assert list(places[0].parent.iterdir()) == places[:1]
    relative = {path.relative_to(written): path for path in written.rglob("*") if path.is_file()}
    assert {path.relative_to(places[0]) for path in places[0].rglob("*") if path.is_file()} == set(relative)
    assert all((places[0] / name).read_bytes() == path.read_bytes() for name, path in relative.items())


def test_a_process_that_loses_the_race_keeps_the_winner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    card, target = embedded._readme, tmp_path / f"embedded-v{embedded.glue.VERSION}" / "glue"

    def other_process_wins(*arguments) -> str:
        target.mkdir()
        (target / "README.md").write_text("winner")
        return card(*arguments)

    monkeypatch.setattr(embedded, "_readme", other_process_wins)
    assert embedded.write(tmp_path, "glue") == target
    assert (target / "README.md").read_text() == "winner"
    assert list(target.parent.iterdir()) == [target]


def test_a_foreign_folder_is_not_overwritten(tmp_path: Path):
    target = tmp_path / f"embedded-v{embedded.glue.VERSION}" / "glue"
    target.mkdir(parents=True)
    (target / "notes.txt").write_text("mine")
    with pytest.raises(SuiteError, match="in the way"):
        embedded.write(tmp_path, "glue")
    assert (target / "notes.txt").read_text() == "mine"


def test_an_unknown_set_is_an_error_that_names_the_known(tmp_path: Path):
    with pytest.raises(SuiteError, match=f"set dart is unknown; nearest: .*; known: {', '.join(embedded.SETS)}$"):
        embedded.write(tmp_path, "dart")
    assert list(tmp_path.iterdir()) == []
