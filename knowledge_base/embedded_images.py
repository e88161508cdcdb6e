"""Images inside of PDF, Word, PowerPoint and EPUB files: how a document's text names them, and their bytes.

The name holds a piece of the content's hash: when an image changes, so does the text, and the image is read anew.
"""

import hashlib
import posixpath
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

from knowledge_base.archives import ArchiveLimits, check_sizes
from knowledge_base.errors import DocumentError
from knowledge_base.formats import binary_format

INSIDE = "inside:"
"""Begins the source of an image that lies inside of the document's own file."""
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".heic"})
MIN_SIDE_PX = 48
"""Smaller ones are bullets and icons."""
MAX_PIXELS = 50_000_000
_HASH_CHARS = 8


@dataclass(slots=True)
class ImageNames:
    """Names images in the order in which a document shows them, up to a number."""

    most: int
    named: int = 0

    def name(self, path: str, data: bytes) -> str:
        """What stands in the text for an image; empty when there are too many."""
        self.named += 1
        digest = hashlib.sha256(data).hexdigest()[:_HASH_CHARS]
        return f"{INSIDE}{quote(path)}#{digest}" if self.named <= self.most else ""


def path_inside(source: str) -> str:
    """The path of an image inside of its file, from what stands in the text; empty when it is none of these."""
    if not source.startswith(INSIDE):
        return ""
    return unquote(source.removeprefix(INSIDE).partition("#")[0])


def is_image_name(name: str) -> bool:
    """Whether a file is called as one of the kinds of images that are read."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def media_names(data: bytes, folder: str, names: ImageNames) -> Callable[[bytes], str]:
    """For images of an Office file whose bytes are known but not their names: what stands in the text.

    Args:
        folder: Where such files keep them, as `word/media/`.
    """
    found: dict[str, str] = {}
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for name in archive.namelist():
            if name.startswith(folder) and is_image_name(name):
                found.setdefault(hashlib.sha256(archive.read(name)).hexdigest(), name)

    def named(image: bytes) -> str:
        path = found.get(hashlib.sha256(image).hexdigest())
        return names.name(path, image) if path else ""

    return named


def book_names(
    book: zipfile.ZipFile, chapter: str, present: frozenset[str], names: ImageNames
) -> Callable[[str], str]:
    """For images that a chapter of a book names by their place beside it: what stands in the text."""

    def named(source: str) -> str:
        path = posixpath.normpath(
            posixpath.join(posixpath.dirname(chapter), unquote(source.partition("#")[0]))
        )
        if path not in present or not is_image_name(path):
            return ""
        return names.name(path, book.read(path))

    return named


def pdf_pictures(page: Any) -> Iterator[tuple[str, Any]]:
    """Names and objects of a PDF page's images that are neither tiny nor gigantic; errors are the caller's."""
    resources = page.get("/Resources")
    objects = resources.get_object().get("/XObject") if resources is not None else None
    found: Mapping[str, Any] = objects.get_object() if objects is not None else {}
    for name, reference in found.items():
        image = reference.get_object()
        if image.get("/Subtype") == "/Image":
            width, height = int(image["/Width"]), int(image["/Height"])
            if min(width, height) >= MIN_SIDE_PX and width * height <= MAX_PIXELS:
                yield str(name), image


class EmbeddedImages:
    """The images of one file, opened once.

    Args:
        data: The file's bytes.
        name: What errors call it.
        limits: For what is a ZIP.

    Raises:
        DocumentError: It is none of the formats that hold images, damaged, or a ZIP bomb.
    """

    def __init__(self, data: bytes, name: str, limits: ArchiveLimits) -> None:
        kind = binary_format(data, name)
        if kind == "pdf":
            from pypdf import PdfReader

            self._reader = PdfReader(BytesIO(data))
            if self._reader.is_encrypted:
                self._reader.decrypt("")
            self._read: Callable[[str], bytes] = self._from_pdf
        else:
            check_sizes(BytesIO(data), name, limits)
            self._archive = zipfile.ZipFile(BytesIO(data))
            self._read = self._archive.read

    def read(self, path: str, max_bytes: int) -> bytes:
        """The bytes of an image as `path_inside` names it.

        Raises:
            DocumentError: There is no such image, it is damaged or too large.
        """
        try:
            data = self._read(path)
        except (MemoryError, DocumentError):
            raise
        except Exception as error:
            raise DocumentError(f"{path} cannot be taken out of its file.", "Save the file again.") from error
        if len(data) > max_bytes:
            raise DocumentError(f"{path} has {len(data):,} bytes, at most {max_bytes:,} are taken.")
        return data

    def _from_pdf(self, path: str) -> bytes:
        page, _, name = path.removeprefix("page-").partition("/")
        place = self._reader.pages[int(page) - 1]
        if f"/{name}" not in dict(pdf_pictures(place)):
            raise DocumentError(f"There is no image {path}.")
        found: bytes = place.images[f"/{name}"].data
        return found
