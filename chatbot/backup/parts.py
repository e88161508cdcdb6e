"""What an installation is made of beside its database: which files of the data folder belong to which part."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path

from chatbot.backup.archive import ArchiveWriter
from knowledge_base.pause import paused

_SQLITE = b"SQLite format 3\x00"
_NOT_KEPT = (".lock", ".partial", ".tmp", "-wal", "-shm", "-journal")


class Part(StrEnum):
    """A part that may be left out."""

    ATTACHMENTS = "attachments"
    KNOWLEDGE_BASE = "knowledge-base"
    EMBEDDERS = "embedders"
    ADAPTERS = "adapters"
    TUNING = "tuning"


FOLDERS = {
    Part.ATTACHMENTS: "attachments",
    Part.KNOWLEDGE_BASE: "chroma",
    Part.EMBEDDERS: "embedders",
    Part.ADAPTERS: "adapters",
    Part.TUNING: "finetune",
}
SECRET_FILES = ("browser.key", "redaction.salt")


def add_part(archive: ArchiveWriter, data_dir: Path, part: Part) -> None:
    """Adds the files of a part; the knowledge base is not changed meanwhile."""
    folder = data_dir / FOLDERS[part]
    if not folder.is_dir():
        return
    with paused(folder) if part is Part.KNOWLEDGE_BASE else nullcontext():
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.endswith(_NOT_KEPT):
                with _still(path) as copy:
                    archive.add_file(path.relative_to(data_dir).as_posix(), copy)


def add_secrets(archive: ArchiveWriter, data_dir: Path) -> None:
    """Adds what signs tokens and hides customers' names."""
    for name in SECRET_FILES:
        archive.add_file(name, data_dir / name)


@contextmanager
def _still(path: Path) -> Iterator[Path]:
    """The file itself, or of a SQLite database a copy of one moment with what is still in its log."""
    try:
        with path.open("rb") as file:
            is_database = file.read(len(_SQLITE)) == _SQLITE
    except FileNotFoundError:  # removed meanwhile: left out
        is_database = False
    if not is_database:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        read = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        with closing(read) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        yield copy
