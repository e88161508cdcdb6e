"""A file on disk to what it holds, within the limits of the settings."""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from knowledge_base.archives import ArchiveLimits
from knowledge_base.errors import DocumentError
from knowledge_base.formats import BINARY_SUFFIXES
from knowledge_base.parse import Parsed, ParseLimits, parse
from knowledge_base.parse_process import ParseProcess
from knowledge_base.settings import KnowledgeBaseSettings

_SMALL_BYTES = 1_000_000


class FileReader:
    """Reads files: small texts here, everything else in a process of its own. Close it after use."""

    def __init__(self, settings: KnowledgeBaseSettings) -> None:
        self._settings = settings
        self._limits = ParseLimits(
            max_pages=settings.max_pages,
            max_images=settings.max_document_images,
            max_document_bytes=settings.max_document_bytes,
            archive=ArchiveLimits(settings.max_archive_files, settings.max_archive_bytes),
        )
        self._process = ParseProcess(self._limits, settings.parse_timeout_s, settings.parse_memory_bytes)

    def check_size(self, file: Path) -> None:
        """Refuses a file that is too large.

        Raises:
            DocumentError: It is.
            OSError: It cannot be looked at.
        """
        size, limit = file.stat().st_size, self._settings.max_document_bytes
        if size > limit:
            raise DocumentError(
                f"{file.name} has {size:,} bytes, at most {limit:,} are taken.",
                "Split it or raise `max_document_bytes`.",
            )

    def parse(self, file: Path, source: str) -> Parsed:
        """What the file holds; errors as for `parse.parse` and `ParseProcess.parse`."""
        if file.suffix.lower() in BINARY_SUFFIXES or file.stat().st_size > _SMALL_BYTES:
            return self._process.parse(file, source)
        return parse(file.read_bytes(), source, self._limits)

    def image(self, file: Path, member: str, image: str) -> bytes:
        """The bytes of an image inside of a file; arguments and errors as for `ParseProcess.image`."""
        with TemporaryDirectory(prefix="frontdesk-image-") as folder:
            into = Path(folder) / "image"
            self._process.image(file, member, image, into)
            return into.read_bytes()

    def close(self) -> None:
        """Ends the process that reads."""
        self._process.close()


def hash_of(file: Path) -> str:
    """SHA-256 of a file's bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
