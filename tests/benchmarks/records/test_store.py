"""A record is read where it says of itself what its config, its epochs and its path do, and refused in one line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.record_factory import make_record, make_solving_record, make_text_record, save

from benchmarks.errors import SuiteError
from benchmarks.records import store
from benchmarks.records.schema import Record, Start
from scripts import compare, tables, verdicts

COMMITTED = Path(__file__).parents[3] / "results"
Change = Callable[[dict[str, Any]], None]


def edited(root: Path, record: Record, change: Change) -> Path:
    """Save a record and edit its file; return the file."""
    (path,) = save(root, record)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def reidentified(content: dict[str, Any]) -> None:
    """Give an edited record the identity that its config has now."""
    fingerprints = [content["backbone"]["fingerprint"], content["data"]["fingerprint"]]
    content["identity"] = store.identity_of(content["config"] | {"fingerprints": fingerprints})


def test_every_committed_record_is_what_it_says() -> None:
    paths = store.files(COMMITTED / "records")
    assert len(paths) == 509
    for path in paths:
        assert store.read(path, COMMITTED) == store.read(path)


EDITS: dict[str, tuple[Record, Change, str]] = {
    "another seed": (make_record(), lambda r: r.update(seed=1), "its seed is 1, and 0 in its config"),
    "another seed in the config too": (
        make_record(),
        lambda r: (r.update(seed=1), r["config"].update(seed=1)),
        "its config and fingerprints give the identity",
    ),
    "another method": (make_record(), lambda r: r.update(method="b"), "its method is b, and alpha in its config"),
    "another task": (make_record(), lambda r: r.update(task="glue/sst2"), "its task is glue/sst2, and glue/mrpc"),
    "other maps": (make_record(targets="q,v"), lambda r: r.update(targets="q,k"), "its targets is q,k, and q,v"),
    "maps where none are adapted": (make_record(targets="-"), lambda r: r.update(targets="qv"), "qv, and -"),
    "another rate": (make_record(), lambda r: r["config"]["optimizer"].update(lr=1), "give the identity"),
    "other data": (make_record(), lambda r: r["data"].update(fingerprint="ab"), "give the identity"),
    "a start that it did not have": (
        make_record(),
        lambda r: r.update(started_from={"task": "glue/mnli", "identity": "0", "runs": 9, "train_rows": 1}),
        "its start is glue/mnli, and None in its config",
    ),
    "another primary score": (
        make_record(config={"task": {"primary": "accuracy"}}),
        lambda r: r["scores"].update(primary="f1"),
        "its primary score is f1, and accuracy in its config",
    ),
    "a better score": (make_record(), lambda r: r["scores"].update(best=0.95), "not those of its epochs"),
    "an impossible share": (make_record(best=1.5), lambda r: None, "accuracy of epoch 1 is 1.5"),
    "a percentage": (make_text_record({"bleu": 68.1}), lambda r: None, "bleu of its texts is 68.1"),
    "a log-likelihood above 0": (make_text_record(best=0.5), lambda r: None, "lies between -inf and 0"),
    "an impossible exam": (
        make_solving_record({"paper": 0.5}),
        lambda r: _mark(r, 1.25),
        "paper of exam gsm8k is 1.25",
    ),
    "a correlation below -1": (make_record(best=-1.1, primary="matthews"), lambda r: None, "lies between -1 and 1"),
    "a half that is no number": (
        make_record(),
        lambda r: r["epochs"][0].update(halves=[0.9, float("nan")]),
        "epochs.0.halves.1 must be a finite number, got nan",
    ),
    "yes for a number": (make_record(), lambda r: r.update(seed=False), "seed must be a whole number, got false"),
    "no method in the config": (make_record(), lambda r: r["config"].pop("method"), "config.method is missing"),
    "an exam that the config lacks": (
        make_solving_record({"paper": 0.5}),
        lambda r: (r["config"]["task"].update(exams={}), reidentified(r)),
        "its exam gsm8k is not in its config",
    ),
    "infinity": (make_record(), lambda r: r.update(seed=float("inf")), "seed must be a whole number, got inf"),
}


def _mark(content: dict[str, Any], accuracy: float) -> None:
    content["exams"]["gsm8k"]["marks"]["paper"]["accuracy"] = accuracy


@pytest.mark.parametrize("case", EDITS)
def test_an_edited_record_is_one_line_for_every_command(case: str, tmp_path: Path, capsys) -> None:
    record, change, complaint = EDITS[case]
    path = edited(tmp_path, record, change)
    said = []
    for command in (tables, verdicts, compare):
        assert command.main(["--root", str(tmp_path)]) == 2
        said.append(capsys.readouterr().err)
    assert said[0].startswith(f"error: {path}: ") and complaint in said[0] and said[0].count("\n") == 1
    assert said[1] == said[2] == said[0]
    assert not (tmp_path / "tables").exists()


def test_a_record_at_the_path_of_another_run_is_refused(tmp_path: Path) -> None:
    (rte,) = save(tmp_path, make_record("glue/rte"))
    sst2 = store.record_path(tmp_path, "glue/sst2", "minilm", "alpha", "qv", 0, store.read(rte).identity)
    sst2.parent.mkdir(parents=True)
    rte.rename(sst2)
    with pytest.raises(SuiteError, match=r"it is the record of another path, .*/glue/rte/"):
        store.read(sst2)


@pytest.mark.parametrize("copy", ["copy", "records", "glue/mrpc/minilm"])
def test_a_copy_of_records_among_them_is_refused_by_tables_and_verdicts_alike(
    copy: str, tmp_path: Path, capsys
) -> None:
    save(tmp_path / "source", make_record())
    shutil.copytree(tmp_path / "source" / "records", tmp_path / "results" / "records")
    shutil.copytree(tmp_path / "source" / "records", tmp_path / "results" / "records" / copy, dirs_exist_ok=True)
    for command in (tables, verdicts):
        assert command.main(["--root", str(tmp_path / "results")]) == 2
        assert "it is the record of another path" in capsys.readouterr().err


def test_a_whole_folder_of_results_may_be_copied(tmp_path: Path) -> None:
    save(tmp_path / "one", make_record())
    shutil.copytree(tmp_path / "one", tmp_path / "records" / "other")
    for root in (tmp_path / "one", tmp_path / "records" / "other"):
        assert tables.main(["--root", str(root)]) == verdicts.main(["--root", str(root)]) == 0


def test_hidden_files_are_no_records(tmp_path: Path) -> None:
    (path,) = save(tmp_path, make_record())
    path.with_name(f"._{path.name}").write_bytes(b"\x00\x05\x16\x07")
    (path.parent / ".ipynb_checkpoints").mkdir()
    shutil.copy(path, path.parent / ".ipynb_checkpoints")
    assert store.files(tmp_path / "records") == [path]
    assert tables.main(["--root", str(tmp_path)]) == verdicts.main(["--root", str(tmp_path)]) == 0


def test_a_run_that_began_from_one_run_has_it_in_its_identity(tmp_path: Path) -> None:
    start = Start(task="glue/mnli", identity="0123", runs=1, train_rows=4)
    (path,) = save(tmp_path, make_record(started_from=start))
    assert store.read(path).started_from == start
    edited(tmp_path, store.read(path), lambda r: r["started_from"].update(identity="4567"))
    with pytest.raises(SuiteError, match="give the identity"):
        store.read(path)


@pytest.mark.parametrize("name", ["../../..", "..", "/etc", ".hidden", "a/b", "", "a b", "a\nb", "x" * 256])
def test_a_name_that_leads_elsewhere_writes_nothing(name: str, tmp_path: Path, capsys) -> None:
    root = tmp_path / "a" / "b" / "results"
    (path,) = save(root, make_record())
    content = json.loads(path.read_text())
    content["backbone"]["name"] = name
    path.write_text(json.dumps(content))
    before = sorted(tmp_path.rglob("*"))
    for command in (tables, verdicts):
        assert command.main(["--root", str(root)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "cannot name a folder of records" in line
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "names", [("../x", "a", "b"), ("glue//x", "a", "b"), ("glue/x", "../a", "b"), ("x", "a", "../b")]
)
def test_no_part_of_a_records_path_leads_elsewhere(names: tuple[str, str, str], tmp_path: Path) -> None:
    task, method, targets = names
    with pytest.raises(SuiteError, match="cannot name a folder of records"):
        store.record_path(tmp_path, task, "minilm", method, targets, 0, "0")


def test_a_fingerprint_names_no_folder(tmp_path: Path) -> None:
    """It is part of a table's name."""
    path = edited(tmp_path, make_record(), lambda r: (r["data"].update(fingerprint="../../"), reidentified(r)))
    with pytest.raises(SuiteError, match=r"data.fingerprint is wrong \(String should match pattern"):
        store.read(path)
