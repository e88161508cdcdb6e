"""Bytes of a help-centre file to documents and FAQ entries. Knows no index and no model.

The type comes from the content first and the name second. Formats of programs are read by well-kept libraries, whose
text goes the same way as all other text.
"""

import hashlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import PurePosixPath

from knowledge_base.archives import ArchiveLimits, Member, Refused, check_sizes, members
from knowledge_base.decode import decode
from knowledge_base.documents import FAQ_PREFIX, Document, FaqEntry
from knowledge_base.errors import DocumentError
from knowledge_base.faq_table import collected, parse_csv, parse_json, parse_jsonl
from knowledge_base.formats import (
    BINARY_SUFFIXES,
    HTML_SUFFIXES,
    JSONL_SUFFIXES,
    SUFFIXES,
    TABLE_SUFFIXES,
    TEXT_SUFFIXES,
    binary_format,
)
from knowledge_base.html_text import read_html
from knowledge_base.markdown_page import read_markdown
from knowledge_base.reading import Reading
from knowledge_base.scope import checked_facts
from knowledge_base.text import guess_language, is_web_address

log = logging.getLogger(__name__)
PARSER_VERSION = 5
"""Raise it when the same bytes give another text: then files are read anew."""
_HTML = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.I | re.S)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_].*)?", re.IGNORECASE)
_MAX_ID_CHARS = 200


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one file holds.

    Attributes:
        problems: Rows, pages and files inside of it that could not be used, each with its place.
    """

    documents: tuple[Document, ...] = ()
    faq: tuple[FaqEntry, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """What is refused rather than read.

    Attributes:
        max_pages: Of a PDF, or slides of a presentation.
        max_document_bytes: One file of an archive.
        max_images: Inside of one file; the further ones are left out.
    """

    max_pages: int = 10_000
    max_images: int = 500
    max_document_bytes: int = 50_000_000
    archive: ArchiveLimits = field(default_factory=ArchiveLimits)


def parse(data: bytes, source: str, limits: ParseLimits = ParseLimits()) -> Parsed:
    """Reads one file: a document, a FAQ or article table, or a ZIP of such files.

    Args:
        data: The file's bytes.
        source: Its path relative to its folder, with forward slashes.

    Raises:
        DocumentError: It is damaged, protected, too large, in another encoding, empty or of an unknown type.
    """
    path = PurePosixPath(source)
    suffix = path.suffix.lower()
    if suffix in BINARY_SUFFIXES:
        return _parse_binary(data, path, limits)
    if suffix not in TEXT_SUFFIXES:
        raise DocumentError(
            f"{path.name} has an unknown type.", f"Give one of these: {', '.join(sorted(SUFFIXES))}."
        )
    text = decode(data, path.name, is_html=suffix in HTML_SUFFIXES)
    if suffix in TABLE_SUFFIXES:
        return Parsed(*_split(*parse_csv(text, source)))
    if suffix in JSONL_SUFFIXES:
        return Parsed(*_split(*parse_jsonl(text, source)))
    if suffix == ".json":
        return Parsed(*_split(*parse_json(text, source)))
    is_html = suffix in HTML_SUFFIXES or _HTML.match(text)
    page = _html_page(text, path.name) if is_html else read_markdown(text, path.name)
    return _parsed(page, data, path)


def _parse_binary(data: bytes, path: PurePosixPath, limits: ParseLimits) -> Parsed:
    kind = binary_format(data, path.name)
    if kind == "zip":
        return _archive(data, path, limits)
    if kind != "pdf":
        check_sizes(BytesIO(data), path.name, limits.archive)
    try:
        if kind == "xlsx":
            return _workbook(data, path)
        return _parsed(_readers(limits)[kind](data, path.name), data, path)
    except DocumentError:
        raise
    except Exception as error:
        log.info("%s cannot be read", path, exc_info=True)
        raise DocumentError(
            f"{path.name} is damaged: it cannot be read as {kind.upper()}.", "Export it again."
        ) from error


def _readers(limits: ParseLimits) -> dict[str, Callable[[bytes, str], Reading]]:
    from knowledge_base.epub_text import read_epub
    from knowledge_base.office_text import read_docx, read_pptx
    from knowledge_base.pdf_text import read_pdf

    return {
        "pdf": partial(read_pdf, max_pages=limits.max_pages, max_images=limits.max_images),
        "docx": partial(read_docx, max_images=limits.max_images),
        "pptx": partial(read_pptx, max_pages=limits.max_pages, max_images=limits.max_images),
        "epub": partial(read_epub, max_images=limits.max_images),
    }


def _workbook(data: bytes, path: PurePosixPath) -> Parsed:
    from knowledge_base.spreadsheet import read_xlsx

    book = read_xlsx(data)
    if not book.rows and book.page is None:
        raise DocumentError(f"{path.name} has no rows.")
    found = Parsed(*_split(*collected(book.rows, str(path))))
    if book.page is None:
        return found
    return Parsed((*found.documents, _document(book.page, data, path)), found.faq, found.problems)


def _archive(data: bytes, path: PurePosixPath, limits: ParseLimits) -> Parsed:
    """All files of a ZIP; their ids begin with its name, so that two archives do not mix."""
    documents: list[Document] = []
    faq: list[FaqEntry] = []
    problems: list[str] = []
    used = 0
    for found in members(BytesIO(data), path.name, limits.archive):
        if isinstance(found, Refused):
            problems.append(found.why)
            continue
        if PurePosixPath(found.name).suffix.lower() not in SUFFIXES or _is_hidden(found.name):
            continue
        used += 1
        try:
            inner = _member(found, path, limits)
        except DocumentError as error:
            problems.append(f"{found.name}: {error}")
            continue
        documents += inner.documents
        faq += inner.faq
        problems += [f"{found.name}: {problem}" for problem in inner.problems]
    if not used and not problems:
        raise DocumentError(
            f"{path.name} holds no file of a known type.", f"Known are {', '.join(sorted(SUFFIXES))}."
        )
    return Parsed(tuple(documents), tuple(faq), tuple(problems))


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(name).parts)


def _member(member: Member, path: PurePosixPath, limits: ParseLimits) -> Parsed:
    name = PurePosixPath(member.name).name
    size = member.path.stat().st_size
    if size > limits.max_document_bytes:
        raise DocumentError(f"{name} has {size:,} bytes, at most {limits.max_document_bytes:,} are taken.")
    data = member.path.read_bytes()
    if PurePosixPath(name).suffix.lower() in BINARY_SUFFIXES and binary_format(data, name) == "zip":
        raise DocumentError("A ZIP inside of a ZIP is not unpacked.")
    return parse(data, f"{path}/{member.name}", limits)


def _split(
    entries: list[FaqEntry | Document], problems: list[str]
) -> tuple[tuple[Document, ...], tuple[FaqEntry, ...], tuple[str, ...]]:
    documents = tuple(e for e in entries if isinstance(e, Document))
    faq = tuple(e for e in entries if isinstance(e, FaqEntry))
    return documents, faq, tuple(problems)


def _html_page(html: str, name: str) -> Reading:
    page = read_html(html)
    if not page.text:
        raise DocumentError(f"{name} has no text.")
    return Reading(page.text, page.title, {**page.facts, "language": page.language, "url": page.url})


def _parsed(page: Reading, data: bytes, path: PurePosixPath) -> Parsed:
    return Parsed(documents=(_document(page, data, path),), problems=page.problems)


def _document(page: Reading, data: bytes, path: PurePosixPath) -> Document:
    fields = dict(page.fields)
    language = fields.pop("language", "") or fields.pop("lang", "")
    checked_facts(fields, path.name)
    return Document(
        id=_checked_id(fields.pop("id", "") or str(path.with_suffix("")), path.name),
        title=fields.pop("title", "") or page.title or path.stem,
        text=page.text,
        url=_checked_url(fields.pop("url", ""), path.name),
        language=language[:2].lower() if _LANGUAGE.fullmatch(language) else guess_language(page.text),
        content_hash=hashlib.sha256(data).hexdigest(),
        source=str(path),
        metadata={key: value for key, value in fields.items() if value},
        pages=page.pages,
    )


def _checked_id(identifier: str, name: str) -> str:
    usable = len(identifier) <= _MAX_ID_CHARS and identifier.isprintable()
    if not usable or identifier.startswith(FAQ_PREFIX):
        raise DocumentError(
            f"{name}: its id is not usable.",
            f"Give at most {_MAX_ID_CHARS} printable characters that do not begin with `{FAQ_PREFIX}`.",
        )
    return identifier


def _checked_url(url: str, name: str) -> str:
    if url and not is_web_address(url):
        raise DocumentError(f"{name}: {url[:80]!r} is no web address.", "Begin it with https:// or /.")
    return url
