"""Files are whole or absent."""

from pathlib import Path

import pytest

from knowledge_base.atomic import write_atomically


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
