"""What the hub's own client fetches from a hub on loopback: revisions, refusals, broken connections, checksums."""

from pathlib import Path

import datasets
import huggingface_hub
import pytest
from omegaconf import OmegaConf
from support import tiny
from support.hub import Hub, files_of

from benchmarks import hub
from benchmarks.errors import SuiteError
from benchmarks.models import files
from benchmarks.tasks import rows
from benchmarks.tasks.build import build

WEIGHTS = "model.safetensors"


def model(server: Hub, folder: Path, **changed: bytes) -> str:
    """Commit a folder's files to the model me/tiny, some of them changed."""
    return server.repositories["models/me/tiny"].commit(files_of(folder) | changed)


def again() -> None:
    """Ask as another process would."""
    hub.forget()


def test_a_backbone_is_fetched_at_the_revision_that_was_asked_for(loopback: Hub, bert: Path, tmp_path: Path) -> None:
    first = model(loopback, bert)
    second = model(loopback, bert, **{"config.json": (bert / "config.json").read_bytes() + b"\n"})
    newest, older = files.locate("me/tiny", tmp_path), files.locate("me/tiny", tmp_path, revision=first)
    assert (hub.commit_of(newest), hub.commit_of(older)) == (second, first)
    assert files.fingerprint(older) == files.fingerprint(bert) != files.fingerprint(newest)
    assert hub.commit_of(bert) is None
    with pytest.raises(SuiteError, match="me/tiny at v9 is not on the hub: the repository is there, and has no such"):
        files.locate("me/tiny", tmp_path, revision="v9")


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (None, "me/tiny is not on the hub, or it is private: check its name, or log in with `hf auth login`"),
        ((403, "GatedRepo"), r"me/tiny is gated: accept its licence at http://127.0.0.1:\d+/me/tiny and log in with"),
        ((401, ""), "the hub refuses your token for me/tiny, which may have expired: log in with `hf auth login`"),
    ],
    ids=["missing or private", "gated", "expired token"],
)
def test_a_refusal_says_what_to_do_and_is_not_tried_again(
    refusal: tuple[int, str] | None, message: str, loopback: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if refusal:
        loopback.repositories["models/me/tiny"].refusal = refusal
    with pytest.raises(SuiteError, match=message) as raised:
        files.locate("me/tiny", tmp_path)
    assert "\n" not in str(raised.value) and "backbone.path=DIR" in str(raised.value)
    assert len(loopback.asked) <= 2


@pytest.mark.parametrize("fault", ["reset", "short", "stalled", 503, (429, 0)])
def test_a_broken_connection_is_tried_again(fault: object, loopback: Hub, bert: Path, tmp_path: Path) -> None:
    model(loopback, bert)
    loopback.faults[WEIGHTS] = [fault]
    assert files.fingerprint(files.locate("me/tiny", tmp_path)) == files.fingerprint(bert)
    assert loopback.faults[WEIGHTS] == []


def test_a_limited_rate_is_waited_for_as_long_as_the_hub_asks(
    loopback: Hub, bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model(loopback, bert)
    waited: list[float] = []
    monkeypatch.setattr(hub.time, "sleep", waited.append)
    loopback.faults["/api/models/me/tiny"] = [(429, 7)] * 12
    with pytest.raises(SuiteError, match="run the same command again"):
        files.locate("me/tiny", tmp_path)
    assert waited[-3:] == [7, 7, 7]


def test_a_connection_that_goes_on_breaking_is_one_line_and_the_same_command_goes_on(
    loopback: Hub, bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model(loopback, bert)
    monkeypatch.setattr(hub.time, "sleep", lambda seconds: None)  # the client's own pauses too
    loopback.faults[WEIGHTS] = ["reset"] * 200
    with pytest.raises(SuiteError, match=r"connection broke 4 times while me/tiny was fetched \(.*\): run the same"):
        files.locate("me/tiny", tmp_path)
    loopback.faults.clear()
    assert files.fingerprint(files.locate("me/tiny", tmp_path)) == files.fingerprint(bert)


def test_without_the_hub_what_is_kept_is_taken(
    loopback: Hub, bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = model(loopback, bert)
    first = files.locate("me/tiny", tmp_path)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    again()
    assert files.locate("me/tiny", tmp_path) == first and hub.commit_of(first) == commit
    with pytest.raises(SuiteError, match="the hub is out of reach, and me/other is not in its client's cache"):
        files.locate("me/other", tmp_path)


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_a_file_that_was_garbled_is_refused_by_name(name: str, loopback: Hub, bert: Path, tmp_path: Path) -> None:
    model(loopback, bert)
    folder = files.locate("me/tiny", tmp_path)
    kept = (folder / name).resolve()
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content)
    with pytest.raises(SuiteError, match=f"{name} is garbled: its checksum is not the hub's, .*: delete {kept}"):
        files.fingerprint(folder)
    kept.unlink()
    again()
    assert files.fingerprint(files.locate("me/tiny", tmp_path)) == files.fingerprint(bert)


README = "---\nconfigs:\n- config_name: cola\n  data_files:\n  - {split: train, path: cola/train-*}\n"
README += "- config_name: mrpc\n  data_files:\n  - {split: train, path: mrpc/train-*}\n"
README += "  - {split: validation, path: mrpc/validation-*}\n---\n"


def data(server: Hub, glue: Path, rows_of: str = "mrpc") -> str:
    """Commit GLUE as the hub lays it out: a README.md that states the files of each set, the first of them cola."""
    content = {
        f"mrpc/{split}-00000-of-00001.parquet": next((glue / "glue" / rows_of).glob(f"{split}*.parquet")).read_bytes()
        for split in ("train", "validation")
    }
    content |= {"README.md": README.encode(), "cola/train-00000-of-00001.parquet": b"not read"}
    return server.repositories["datasets/nyu-mll/glue"].commit(content)


def task(**more: str):
    return build(OmegaConf.to_container(tiny.compose(["task=glue/mrpc"]).task) | more)


def test_a_config_alone_is_fetched_of_a_data_set_and_its_commit_is_known(
    loopback: Hub, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = data(loopback, glue)
    read = rows.load(task(), None, tmp_path)
    beside = rows.load(task(), str(glue), tmp_path)
    assert (read.source, read.revision, beside.revision) == ("hub", commit, None)
    assert read.fingerprint == beside.fingerprint
    assert not [asked for asked in loopback.asked if "cola" in asked]
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    again()
    assert rows.load(task(), None, tmp_path).fingerprint == read.fingerprint


def test_rows_are_those_of_the_revision(loopback: Hub, glue: Path, tmp_path: Path) -> None:
    first = data(loopback, glue)
    second = data(loopback, glue, "rte")
    assert rows.load(task(revision=first), None, tmp_path).revision == first
    with pytest.raises(SuiteError, match=r"nyu-mll/glue \(mrpc, train\) names its classes entailment"):
        assert rows.load(task(), None, tmp_path).revision == second


def test_rows_that_were_garbled_are_refused_by_name(loopback: Hub, glue: Path, tmp_path: Path) -> None:
    data(loopback, glue)
    folder = Path(hub.snapshot("nyu-mll/glue", "dataset", None, None))
    kept = (folder / "mrpc" / "train-00000-of-00001.parquet").resolve()
    kept.write_bytes(kept.read_bytes()[:-1])
    again()
    with pytest.raises(SuiteError, match=r"train-00000-of-00001.parquet is garbled"):
        rows.load(task(), None, tmp_path)


def test_a_data_set_that_is_not_there_says_what_can_be_passed(loopback: Hub, tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"nyu-mll/glue is not on the hub, .*; pass data.root=DIR that holds glue/"):
        rows.load(task(), None, tmp_path)
    assert datasets.config.HF_HUB_OFFLINE  # no other client than the hub's own was asked


@pytest.fixture
def kept(loopback: Hub, bert: Path, glue: Path, tmp_path: Path) -> tuple[str, str]:
    """Fetch a model and rows as an earlier command would; return their commits."""
    commits = model(loopback, bert), data(loopback, glue)
    files.locate("me/tiny", tmp_path)
    rows.load(task(), None, tmp_path)
    again()
    loopback.asked.clear()
    return commits


@pytest.mark.parametrize("down", ["silent", 503])
def test_a_hub_that_is_down_is_asked_once_where_everything_is_kept(
    down: int | str, kept: tuple[str, str], loopback: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loopback.down = down
    used = hub.commit_of(files.locate("me/tiny", tmp_path)), rows.load(task(), None, tmp_path).revision
    assert used == kept
    assert loopback.asked == ["GET /api/models/me/tiny"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("the hub is out of reach (") and line.endswith("): what its client has kept is taken")
    assert hub.environment() == {"HF_HUB_OFFLINE": "1"}


@pytest.mark.parametrize("down", ["silent", "refused"])
def test_what_is_not_kept_is_one_line_without_further_tries(
    down: str, kept: tuple[str, str], loopback: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.time, "sleep", lambda seconds: pytest.fail("no try is worth a wait"))
    if down == "refused":
        loopback.server_close()
        huggingface_hub.close_session()  # an open connection would go on
    else:
        loopback.down = down
    line = r"the hub is out of reach, and me/other is not in its client's cache \(\w+: .*\)"
    for name in ("me/other", "me/tiny", "me/other"):
        if name == "me/tiny":
            assert hub.commit_of(files.locate(name, tmp_path)) == kept[0]
        else:
            with pytest.raises(SuiteError, match=line) as raised:
                files.locate(name, tmp_path)
            assert "\n" not in str(raised.value)
    assert loopback.asked == ([] if down == "refused" else ["GET /api/models/me/other"] * 2)


def test_a_hub_that_falters_is_tried_again_for_what_is_not_kept(loopback: Hub, bert: Path, tmp_path: Path) -> None:
    commit = model(loopback, bert)
    loopback.faults["/api/models/me/tiny"] = [503, 503]
    assert hub.commit_of(files.locate("me/tiny", tmp_path)) == commit
    assert loopback.faults["/api/models/me/tiny"] == [] and hub.environment() == {}


def test_a_hub_that_is_back_gives_what_is_not_kept(kept: tuple[str, str], loopback: Hub, tmp_path: Path) -> None:
    loopback.down = 503
    files.locate("me/tiny", tmp_path)
    loopback.down = None
    loopback.repositories["models/me/other"].commit({"config.json": b"{}"})
    assert (files.locate("me/other", tmp_path) / "config.json").is_file()


def test_a_hub_in_reach_is_asked_for_each_revision_but_not_for_a_commit(
    kept: tuple[str, str], loopback: Hub, tmp_path: Path
) -> None:
    assert files.locate("me/tiny", tmp_path, revision=kept[0]).name == kept[0]
    assert loopback.asked == [] and hub.environment() == {}
    assert files.locate("me/tiny", tmp_path).name == kept[0]
    assert set(loopback.asked) == {"GET /api/models/me/tiny", "GET /api/models/me/tiny/revision/main"}
