"""The images that lie beside a document: in its folder or in its ZIP, and nowhere else."""

import posixpath
import zipfile
from contextlib import suppress
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from knowledge_base.archives import ZIP_ERRORS
from knowledge_base.files import SourceFile

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".heic"})


class ImageFiles:
    """Reads images that documents of one file name.

    Args:
        file: The document, or the ZIP that holds documents.
        max_bytes: Larger images are left out.
    """

    def __init__(self, file: SourceFile, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._root = _root_of(file)

    def read(self, source: str, document_source: str) -> bytes | None:
        """The bytes of an image; None when it is an address, of no known type, too large or not there.

        Args:
            source: As the document names it; a leading slash stands for the top of the folder or ZIP.
            document_source: `Document.source` of the document.
        """
        path = _path_of(source)
        if PurePosixPath(path).suffix.lower() not in IMAGE_SUFFIXES:
            return None
        if document_source != self._file.name and document_source.startswith(f"{self._file.name}/"):
            inside = document_source.removeprefix(f"{self._file.name}/")
            return self._from_archive(_beside(path, inside))
        return self._from_folder(_beside(path, self._file.name))

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
