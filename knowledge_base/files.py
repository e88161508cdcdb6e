"""Which files of a folder are taken in, in a stable order."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from knowledge_base.errors import DocumentError
from knowledge_base.formats import SUFFIXES


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file and what it is called inside of its origin, with forward slashes.

    Attributes:
        url: For a page of a website, its address.
        validators: For a page, ETag and time of change as the server told them.
        base: For a page, what its relative addresses stand beside; empty for its own address.
    """

    path: Path
    name: str
    url: str = ""
    validators: tuple[str, str] = ("", "")
    base: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """The files below a folder.

    Attributes:
        unreadable: Folders (or pages) that could not be looked into, as (name, reason): what is there is not known.
        unchanged: Names that are there as they were, without a file to read.
    """

    files: tuple[SourceFile, ...]
    unreadable: tuple[tuple[str, str], ...] = ()
    unchanged: frozenset[str] = frozenset()

    def may_hold(self, name: str) -> bool:
        """Whether a file that was not found may be there all the same."""
        return any(not at or name == at or name.startswith(f"{at}/") for at, _ in self.unreadable)


def walk(path: Path) -> Walk:
    """Files of known types below a folder, hidden ones left out; or a single file, whatever its type.

    Raises:
        DocumentError: There is nothing at the path.
    """
    if path.is_file():
        return Walk((SourceFile(path, path.name),))
    if not path.is_dir():
        raise DocumentError(f"There is nothing at {path}.", "Give a file or a folder.")
    unreadable: list[OSError] = []
    files = sorted(_below(path, unreadable), key=lambda file: file.path)
    failed = (_failure(error, path) for error in unreadable)
    return Walk(tuple(files), tuple(failed))


def _below(root: Path, unreadable: list[OSError]) -> Iterator[SourceFile]:
    for folder, subfolders, names in os.walk(root, onerror=unreadable.append):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in names:
            file = Path(folder) / name
            if file.suffix.lower() in SUFFIXES and not name.startswith(".") and file.is_file():
                yield SourceFile(file, file.relative_to(root).as_posix())


def _failure(error: OSError, root: Path) -> tuple[str, str]:
    folder = Path(str(error.filename or root))
    name = "" if folder == root else folder.relative_to(root).as_posix()
    return name, f"The folder cannot be read: {error.strerror}."
