"""Files are whole or absent."""

from pathlib import Path

import pytest

from knowledge_base.atomic import create_atomically, opened_atomically, write_atomically


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "card.json").mkdir()
    with pytest.raises(OSError, match=r"card\.json"):
        write_atomically(tmp_path / "card.json", b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["card.json"]


def test_a_text_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with opened_atomically(path) as file:
        file.write("größe\n")
        assert not path.exists()
    assert path.read_bytes() == "größe\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_a_text_file_that_is_broken_off_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("old")
    with pytest.raises(ValueError, match="torn"):
        _write_half(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def _write_half(path: Path) -> None:
    with opened_atomically(path) as file:
        file.write("half")
        raise ValueError("torn")


def test_of_two_that_create_a_file_the_first_ones_stays_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "salt"
    assert create_atomically(path, b"first")
    assert not create_atomically(path, b"second")
    assert path.read_bytes() == b"first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
