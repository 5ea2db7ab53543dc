"""Files of a cache are used for what they were made for, and only while they are whole."""

from pathlib import Path

import pytest

from benchmarks.records.files import kept


def test_a_file_is_made_once_and_again_where_it_is_damaged_or_anothers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[str] = []

    def of(use: str) -> bytes:
        def make() -> bytes:
            made.append(use)
            return use.encode()

        return kept(tmp_path / use, use, make)

    assert [of("one"), of("one"), of("other")] == [b"one", b"one", b"other"]
    assert made == ["one", "other"]
    assert capsys.readouterr().err == ""
    for spoil in (
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content[:3],
        lambda _: b"",
        lambda _: (tmp_path / "other").read_bytes(),
    ):
        (tmp_path / "one").write_bytes(spoil((tmp_path / "one").read_bytes()))
        assert of("one") == b"one"
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"{tmp_path / 'one'} is damaged, or was made for something else")
    assert made == ["one", "other", *["one"] * 4]
