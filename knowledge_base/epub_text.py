"""A book in EPUB as one text: its chapters in reading order."""

import posixpath
import zipfile
from collections.abc import Iterator
from io import BytesIO
from urllib.parse import unquote

from bs4 import BeautifulSoup
from bs4.element import Tag

from knowledge_base.embedded_images import ImageNames, book_names
from knowledge_base.errors import DocumentError
from knowledge_base.html_text import read_html
from knowledge_base.reading import Reading
from knowledge_base.text import clean

_PAGE_SUFFIXES = (".xhtml", ".html", ".htm", ".xml")


def read_epub(data: bytes, name: str, max_images: int) -> Reading:
    """Reads a book.

    Raises:
        DocumentError: It is protected, has no package file or no text. A damaged one raises whatever `zipfile` does.
    """
    with zipfile.ZipFile(BytesIO(data)) as book:
        if _is_protected(book):
            raise DocumentError(f"{name} is protected against copying.", "Give an unprotected copy.")
        path = _package_path(book, name)
        package = _xml(book.read(path))
        problems: list[str] = []
        names = ImageNames(max_images)
        chapters = list(_chapters(book, package, posixpath.dirname(path), names, problems))
    text = "\n\n".join(chapter for chapter in chapters if chapter)
    if not text:
        raise DocumentError(f"{name} has no text.")
    title, language = _said(package, "title"), _said(package, "language")
    return Reading(text, title, {"language": language}, problems=tuple(problems))


def _is_protected(book: zipfile.ZipFile) -> bool:
    """Whether chapters are encrypted; encrypted fonts are common and harmless."""
    if "META-INF/encryption.xml" not in book.namelist():
        return False
    listed = _xml(book.read("META-INF/encryption.xml"))
    targets = (str(tag.get("URI") or "") for tag in listed.find_all("CipherReference"))
    return any(target.lower().endswith(_PAGE_SUFFIXES) for target in targets)


def _package_path(book: zipfile.ZipFile, name: str) -> str:
    found = _xml(book.read("META-INF/container.xml")).find("rootfile")
    path = str(found.get("full-path") or "") if isinstance(found, Tag) else ""
    if path not in book.namelist():
        raise DocumentError(f"{name} is damaged: it has no package file.", "Export it again.")
    return path


def _chapters(
    book: zipfile.ZipFile, package: BeautifulSoup, folder: str, names: ImageNames, problems: list[str]
) -> Iterator[str]:
    files = {str(item.get("id")): str(item.get("href") or "") for item in package.find_all("item")}
    present = frozenset(book.namelist())
    for reference in package.find_all("itemref"):
        href = unquote(files.get(str(reference.get("idref")), "").partition("#")[0])
        path = posixpath.normpath(posixpath.join(folder, href))
        if path not in present:
            problems.append(f"chapter {href or '?'} is missing")
            continue
        image_source = book_names(book, path, present, names)
        yield read_html(book.read(path).decode("utf-8", "replace"), image_source).text


def _said(package: BeautifulSoup, what: str) -> str:
    found = package.find(what)
    return clean(found.get_text()) if isinstance(found, Tag) else ""


def _xml(data: bytes) -> BeautifulSoup:
    return BeautifulSoup(data, "lxml-xml")
