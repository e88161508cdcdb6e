"""A PDF's text, page by page. Bookmarks become headings; lines that every page repeats are left out."""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from knowledge_base.embedded_images import ImageNames, pdf_pictures
from knowledge_base.errors import DocumentError
from knowledge_base.reading import Reading, joined
from knowledge_base.text import clean

log = logging.getLogger(__name__)
Headings = Mapping[int, Sequence[tuple[int, str]]]
"""By page index: depth (from 1) and title of each bookmark."""

_MIN_PAGES_TO_REPEAT = 4
_SHORT_WORDS = 4
_MAX_BOOKMARKS = 20_000
_MAX_DEPTH = 6
_RULE = re.compile(r"[-=_*.\s]{3,}")
_HYPHEN = re.compile(r"(?<=[^\W\d_])-\n(?=[a-zß-öø-ÿ])")
_MACHINE_TITLE = re.compile(
    r"\.(?:docx?|indd|tex|pages|odt|pptx?|xlsx?|qxd|fm)$|^microsoft \w+ - |^untitled", re.I
)


def read_pdf(data: bytes, name: str, max_pages: int, max_images: int) -> Reading:
    """Reads a PDF; a page's images are named after its text.

    Raises:
        DocumentError: It wants a password, is damaged, has too many pages, or no text (a scan).
    """
    reader = _opened(data, name)
    count = _page_count(reader, name)
    if count > max_pages:
        raise DocumentError(
            f"{name} has {count:,} pages, at most {max_pages:,} are read.", "Split it or raise `max_pages`."
        )
    pages, problems = [], []
    for number in range(count):
        try:
            pages.append(_lines(reader.pages[number].extract_text()))
        except MemoryError:
            raise
        except Exception as error:
            log.info("page %d of %s: %s", number + 1, name, error, exc_info=True)
            pages.append([])
            problems.append(f"page {number + 1} cannot be read: it is damaged")
    if not any(pages):
        raise DocumentError(
            f"{name} has no text: it holds pictures of pages.",
            "Recognise its text first (OCR) and save it again.",
        )
    headings = _headings(reader)
    shown = _pictures(reader, count, max_images)
    texts = [
        "\n\n".join(filter(None, (_page(lines, headings.get(number, ())), *shown[number])))
        for number, lines in enumerate(_without_repeats(pages))
    ]
    text, starts = joined(texts)
    return Reading(text, _title(reader), pages=starts, problems=tuple(problems))


def _pictures(reader: PdfReader, count: int, max_images: int) -> list[list[str]]:
    """By page, what stands for its images; those on many pages are marks of the company, not content."""
    found: list[list[tuple[str, bytes]]] = []
    for number in range(count):
        try:
            images = [(name, bytes(image._data)) for name, image in pdf_pictures(reader.pages[number])]
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 (a page keeps its text when its images are damaged)
            log.info("images of page %d cannot be listed: %s", number + 1, error)
            images = []
        found.append(images)
    times = Counter(hash(data) for page in found for data in {data for _, data in page})
    names = ImageNames(max_images)
    named = [
        [
            names.name(f"page-{number}/{name.removeprefix('/')}", data)
            for name, data in page
            if times[hash(data)] < _MIN_PAGES_TO_REPEAT
        ]
        for number, page in enumerate(found, 1)
    ]
    return [[f"![]({source})" for source in page if source] for page in named]


def _opened(data: bytes, name: str) -> PdfReader:
    try:
        reader = PdfReader(BytesIO(data))
        is_open = not reader.is_encrypted or bool(reader.decrypt(""))
    except (PyPdfError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OSError) as error:
        raise _damaged(name) from error
    if not is_open:
        raise DocumentError(f"{name} is protected by a password.", "Save it without one.")
    return reader


def _page_count(reader: PdfReader, name: str) -> int:
    try:
        count = len(reader.pages)
    except (PyPdfError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OSError) as error:
        raise _damaged(name) from error
    if not count:
        raise _damaged(name)
    return count


def _damaged(name: str) -> DocumentError:
    return DocumentError(f"{name} is damaged: no PDF reader gets pages out of it.", "Export it again.")


def _lines(text: str) -> list[str]:
    """Lines without indents (which would mean code) and without rules (which would mean headings)."""
    lines = (" ".join(line.split()) for line in clean(text).split("\n"))
    return [line for line in lines if line and not _RULE.fullmatch(line)]


def _without_repeats(pages: Sequence[list[str]]) -> Iterator[list[str]]:
    """Pages without running heads and page numbers: first or last lines that most pages share."""
    filled = [page for page in pages if page]
    edges = Counter(key for page in filled for key in {_shape(page[0]), _shape(page[-1])})
    needed = max(_MIN_PAGES_TO_REPEAT, len(filled) * 0.6)
    repeated = {key for key, times in edges.items() if times >= needed}
    for page in pages:
        lines = page[1:] if page and _shape(page[0]) in repeated else list(page)
        if lines and _shape(lines[-1]) in repeated:
            lines.pop()
        yield lines or list(page)


def _shape(line: str) -> str:
    """What is compared: in a short line, such as `Page 3 of 12`, numbers do not matter."""
    folded = line.casefold()
    return re.sub(r"\d+", "0", folded) if len(line.split()) <= _SHORT_WORDS else folded


def _page(lines: Sequence[str], headings: Sequence[tuple[int, str]]) -> str:
    """A page's lines; one that a bookmark names becomes a heading, and a bookmark without a line stands first."""
    depths = {" ".join(title.split()).casefold(): depth for depth, title in headings}
    found: list[str] = []
    for line in lines:
        depth = depths.pop(line.casefold(), 0)
        found.append(f"\n{'#' * depth} {line}\n" if depth else line)
    missing = [
        f"{'#' * depth} {title}\n"
        for depth, title in headings
        if " ".join(title.split()).casefold() in depths
    ]
    return _HYPHEN.sub("", "\n".join([*missing, *found])).strip()


def _headings(reader: PdfReader) -> Headings:
    found: dict[int, list[tuple[int, str]]] = {}
    try:
        for depth, item in _flat(reader.outline, 1):
            number = reader.get_destination_page_number(item)
            title = " ".join(clean(str(item.title or "")).split())
            if number is not None and number >= 0 and title:
                found.setdefault(number, []).append((min(depth + 1, _MAX_DEPTH), title))
            if sum(map(len, found.values())) > _MAX_BOOKMARKS:
                break
    except Exception as error:  # noqa: BLE001 (bookmarks are a help, not the content)
        log.info("bookmarks cannot be read: %s", error)
    return found


def _flat(outline: Any, depth: int) -> Iterator[tuple[int, Any]]:
    for item in outline:
        if isinstance(item, list):
            if depth < _MAX_DEPTH:
                yield from _flat(item, depth + 1)
        else:
            yield depth, item


def _title(reader: PdfReader) -> str:
    try:
        title = clean(str((reader.metadata and reader.metadata.title) or ""))
    except Exception:  # noqa: BLE001 (a title is a help, not the content)
        return ""
    return "" if _MACHINE_TITLE.search(title) else " ".join(title.split())[:200]
