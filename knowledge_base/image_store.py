"""Images of documents as files, by the hash of their bytes, with what was read on them beside.

A file appears whole or not at all, and equal bytes give equal files: a process that is killed repeats nothing, and
two that write at once do not harm each other.
"""

import contextlib
import hashlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

from knowledge_base.atomic import write_atomically
from knowledge_base.image_reading import ImageReader, ImageReading

_UNFINISHED_S = 3600
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ImageStore:
    """The images of one knowledge base.

    Args:
        folder: Where they lie; made with the first one.
        reader: Reads them.
    """

    def __init__(self, folder: Path, reader: ImageReader) -> None:
        self._folder = folder
        self._reader = reader
        self._holds: dict[int, set[str]] = {}

    def take(self, data: bytes, name: str) -> tuple[str, ImageReading]:
        """Keeps an image; its SHA-256 and what is on it, which is found out only the first time.

        Raises:
            DocumentError: It is no image; nothing is kept.
            OSError: The disk failed.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        for held in list(self._holds.values()):
            held.add(sha256)
        reading = self.reading(sha256)
        if reading is None:
            reading = self._reader.read(data, name)
            _write(self._path(sha256), data)
            _write(self._reading_path(sha256), reading.to_bytes())
        return sha256, reading

    def reading(self, sha256: str) -> ImageReading | None:
        """What is on an image; None when it was not read by this reader, or its file is damaged."""
        try:
            return ImageReading.from_bytes(self._reading_path(sha256).read_bytes())
        except (OSError, ValueError):
            return None

    def path(self, sha256: str) -> Path | None:
        """The image's file; None when there is none."""
        path = self._path(sha256) if _SHA256.fullmatch(sha256) else None
        return path if path and path.is_file() else None

    def sweep(self, live: set[str]) -> int:
        """Removes files of images that are not among `live`; returns how many. Call it only while nobody writes.

        What was taken while somebody is `holding` stays: the index may not name it yet. So do unfinished files, for
        an hour.
        """
        kept, before_s = live.union(*self._holds.values()), time.time() - _UNFINISHED_S
        gone = [
            file
            for file in self._folder.glob("*/*")
            if (_is_old(file, before_s) if file.suffix == ".tmp" else file.name.partition(".")[0] not in kept)
        ]
        for file in gone:
            with contextlib.suppress(OSError):
                file.unlink()
        return len(gone)

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """No sweep of this process removes what is taken meanwhile."""
        held: set[str] = set()
        self._holds[id(held)] = held
        try:
            yield
        finally:
            del self._holds[id(held)]

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def _reading_path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / f"{sha256}.{self._reader.id}.npz"


def _is_old(file: Path, before_s: float) -> bool:
    try:
        return file.stat().st_mtime < before_s
    except OSError:
        return False


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data)
