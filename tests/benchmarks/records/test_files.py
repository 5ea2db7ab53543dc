"""Files that are whole or absent: whatever a kill leaves goes, and colleagues can read what is there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.errors import SuiteError
from benchmarks.records import files

KILLED = """
import os, signal
from pathlib import Path
from benchmarks.records import files
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
files.write_atomic(Path({path!r}), b"half")
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_the_umask_decides_who_reads_a_file(umask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        files.write_atomic(tmp_path / "record.json", b"{}")
    finally:
        os.umask(before)
    assert (tmp_path / "record.json").stat().st_mode & 0o777 == mode


def test_what_a_killed_process_left_goes_when_the_file_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    done = subprocess.run([sys.executable, "-c", KILLED.format(path=str(path))], check=False)
    assert done.returncode == -9
    (stray,) = names(tmp_path)
    assert stray.startswith(".record.json.")
    files.write_atomic(path, b"whole")
    assert names(tmp_path) == ["record.json"]
    assert path.read_bytes() == b"whole"


def test_what_a_living_process_is_writing_stays(tmp_path: Path) -> None:
    (tmp_path / f".record.json.{files._host()}-{os.getpid()}-abcd").touch()
    (tmp_path / ".record.json.elsewhere-1-abcd").touch()  # another machine's, of which nothing is known
    files.write_atomic(tmp_path / "record.json", b"whole")
    assert len(names(tmp_path)) == 3


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "record.json"
    files.write_atomic(path, b"old")

    def full(*_) -> None:
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(os, "fsync", full)
        files.write_atomic(path, b"new")
    assert names(tmp_path) == ["record.json"]
    assert path.read_bytes() == b"old"


def test_a_folder_that_cannot_be_written_is_named_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        SuiteError, match=f"results={tmp_path}/file must be a folder that can be written to: File exists"
    ):
        files.check_writable(tmp_path / "file", "results")
    files.check_writable(tmp_path / "new" / "folder", "results")
    assert names(tmp_path / "new" / "folder") == []
