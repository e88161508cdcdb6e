"""The images of a file's documents: in its folder, in its ZIP or inside of the file, and nowhere else."""

import posixpath
import zipfile
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import unquote, urlsplit

from knowledge_base.archives import ZIP_ERRORS
from knowledge_base.embedded_images import is_image_name, path_inside
from knowledge_base.errors import DocumentError
from knowledge_base.files import SourceFile
from knowledge_base.read_file import FileReader


class ImageNotNowError(DocumentError):
    """An image cannot be had now; it may be there all the same."""


class ReadsImages(Protocol):
    """Reads images that documents of one file name."""

    def read(self, source: str, document_source: str) -> bytes | None:
        """The bytes of an image; None for one that is not kept.

        Args:
            source: As the document names it.
            document_source: `Document.source` of the document.

        Raises:
            ImageNotNowError: What is stored of it is to be kept.
            DocumentError: It cannot be read.
        """
        ...

    def validators(self, source: str) -> tuple[str, str]:
        """ETag and time of change of what was read, where a server told them."""
        ...


class ImageFiles:
    """Reads images that documents of one file name.

    Args:
        file: The document, or the ZIP that holds documents.
        max_bytes: Larger images are left out.
        reader: Takes images out of PDF, Word, PowerPoint and EPUB files; not closed here.
    """

    def __init__(self, file: SourceFile, max_bytes: int, reader: FileReader) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._reader = reader
        self._root = _root_of(file)

    def read(self, source: str, document_source: str) -> bytes | None:
        """The bytes of an image; None when it is an address, of no known type, too large or not there.

        Args:
            source: As the document names it; a leading slash stands for the top of the folder or ZIP.
            document_source: `Document.source` of the document.

        Raises:
            DocumentError: It lies inside of the document's own file and cannot be taken out.
        """
        is_packed = document_source != self._file.name and document_source.startswith(f"{self._file.name}/")
        member = document_source.removeprefix(f"{self._file.name}/") if is_packed else ""
        if embedded := path_inside(source):
            return self._reader.image(self._file.path, member, embedded)
        path = _path_of(source)
        if not is_image_name(path):
            return None
        if is_packed:
            return self._from_archive(_beside(path, member))
        return self._from_folder(_beside(path, self._file.name))

    def validators(self, source: str) -> tuple[str, str]:
        """None: files have their hash."""
        return "", ""

    def _from_folder(self, name: str) -> bytes | None:
        found = self._root / name
        with suppress(OSError, ValueError):
            inside = found.resolve().is_relative_to(self._root.resolve())
            if inside and found.is_file() and found.stat().st_size <= self._max_bytes:
                return found.read_bytes()
        return None

    def _from_archive(self, name: str) -> bytes | None:
        with suppress(KeyError, *ZIP_ERRORS), zipfile.ZipFile(self._file.path) as archive:
            member = archive.getinfo(name)
            if member.file_size <= self._max_bytes and not member.flag_bits & 1:
                with archive.open(member) as packed:
                    return packed.read(self._max_bytes)
        return None


def _root_of(file: SourceFile) -> Path:
    """The folder that the file's name begins in."""
    root = file.path
    for _ in PurePosixPath(file.name).parts:
        root = root.parent
    return root


def _path_of(source: str) -> str:
    try:
        parts = urlsplit(source.strip())
    except ValueError:
        return ""
    is_place = bool(parts.scheme or parts.netloc)
    return "" if is_place else unquote(parts.path).replace("\\", "/")


def _beside(path: str, document: str) -> str:
    """A path inside of the folder or ZIP, from its top."""
    if path.startswith("/"):
        return posixpath.normpath(path.lstrip("/"))
    return posixpath.normpath(posixpath.join(posixpath.dirname(document), path))
