"""Files that are written whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO


def write_atomically(path: Path, data: bytes) -> None:
    """Writes beside the file, then renames: a reader sees the old content or the new, never a part.

    Raises:
        OSError: The folder cannot be written.
    """
    with _beside(path) as temporary:
        with temporary.open("wb") as file:
            file.write(data)
            _sync(file)
        temporary.replace(path)


@contextmanager
def opened_atomically(path: Path) -> Iterator[TextIO]:
    """A UTF-8 text file that appears at the end of the block, in place of an older one; not at all where that fails.

    Raises:
        OSError: The folder cannot be written.
    """
    with _beside(path) as temporary:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            yield file
            _sync(file)
        temporary.replace(path)


@contextmanager
def private_file_atomically(path: Path) -> Iterator[BinaryIO]:
    """The same for bytes that only their owner may read.

    Raises:
        OSError: The folder cannot be written.
    """
    with _beside(path) as temporary:
        with _private(temporary) as file:
            yield file
            _sync(file)
        temporary.replace(path)


def create_atomically(path: Path, data: bytes) -> bool:
    """Writes a file that only its owner may read, unless there is one: of several writers the first one's stays.

    Returns:
        Whether this one's stayed.

    Raises:
        OSError: The folder cannot be written.
    """
    with _beside(path) as temporary:
        with _private(temporary) as file:
            file.write(data)
            _sync(file)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
    return True


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A name for a temporary file in the same folder, of which nothing is left at the end."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _sync(file: BinaryIO | TextIO) -> None:
    file.flush()
    os.fsync(file.fileno())
