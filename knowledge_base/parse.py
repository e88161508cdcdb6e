"""Bytes of a help-centre file to documents and FAQ entries. Knows no index and no model.

The type comes from the content first and the name second.
"""

import datetime
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import filetype
import yaml

from knowledge_base.documents import FAQ_PREFIX, Document, FaqEntry
from knowledge_base.errors import DocumentError
from knowledge_base.faq_table import parse_csv, parse_jsonl
from knowledge_base.html_text import read_html
from knowledge_base.text import clean, guess_language, is_web_address

MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdown"})
HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})
TABLE_SUFFIXES = frozenset({".csv", ".tsv"})
JSONL_SUFFIXES = frozenset({".jsonl", ".ndjson"})
SUFFIXES = MARKDOWN_SUFFIXES | HTML_SUFFIXES | TABLE_SUFFIXES | JSONL_SUFFIXES | {".txt"}
_HTML = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.I | re.S)
_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S | re.M)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*$|^(\S.*)\n={3,}[ \t]*$", re.M)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_].*)?", re.IGNORECASE)
_MAX_ID_CHARS = 200


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one file holds.

    Attributes:
        problems: Rows of a table that could not be used, each with its line number.
    """

    documents: tuple[Document, ...] = ()
    faq: tuple[FaqEntry, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Page:
    """Text and what it says of itself, whatever the format."""

    text: str
    title: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


def parse(data: bytes, source: str) -> Parsed:
    """Reads one file: Markdown, HTML, plain text, or a FAQ or article table (CSV, TSV, JSONL).

    Args:
        data: The file's bytes.
        source: Its path relative to its folder, with forward slashes.

    Raises:
        DocumentError: It is binary, in another encoding, empty, of an unknown type or broken as a whole.
    """
    path = PurePosixPath(source)
    suffix = path.suffix.lower()
    text = decode(data, path.name)
    if suffix in TABLE_SUFFIXES:
        return Parsed(*_split(*parse_csv(text, source)))
    if suffix in JSONL_SUFFIXES:
        return Parsed(*_split(*parse_jsonl(text, source)))
    if suffix not in SUFFIXES:
        raise DocumentError(
            f"{path.name} has an unknown type.", f"Give one of these: {', '.join(sorted(SUFFIXES))}."
        )
    is_html = suffix in HTML_SUFFIXES or _HTML.match(text)
    page = _html_page(text, path.name) if is_html else _text_page(text, path.name)
    return Parsed(documents=(_document(page, data, path),))


def _split(
    entries: list[FaqEntry | Document], problems: list[str]
) -> tuple[tuple[Document, ...], tuple[FaqEntry, ...], tuple[str, ...]]:
    documents = tuple(e for e in entries if isinstance(e, Document))
    faq = tuple(e for e in entries if isinstance(e, FaqEntry))
    return documents, faq, tuple(problems)


def decode(data: bytes, name: str) -> str:
    """UTF-8, or UTF-16 with a byte-order mark, to text with plain line ends and no control characters.

    Raises:
        DocumentError: It is empty, binary or in another encoding.
    """
    if not data.strip():
        raise DocumentError(f"{name} is empty.")
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if (kind := filetype.guess(data)) or (b"\0" in data and not utf16):
        what = kind.extension.upper() if kind else "binary data"
        raise DocumentError(f"{name} is not text but {what}.", "Save it as Markdown, HTML or text.")
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DocumentError(
            f"{name} is not UTF-8: unreadable byte in line {line}.", "Save it in UTF-8 encoding."
        ) from error
    return clean(text.replace("\r\n", "\n").replace("\r", "\n")) + "\n"


def _html_page(html: str, name: str) -> _Page:
    page = read_html(html)
    if not page.text:
        raise DocumentError(f"{name} has no text.")
    return _Page(page.text, page.title, {"language": page.language, "url": page.url})


def _text_page(text: str, name: str) -> _Page:
    fields: dict[str, str] = {}
    if re.match(r"---[ \t]*\n", text):
        match = _FRONT_MATTER.match(text)
        if not match:
            raise DocumentError(f"{name}: the front matter is not closed.", "End it with a line of `---`.")
        fields = _front_matter(match[1], name)
        text = text[match.end() :]
    text = text.strip()
    if not text:
        raise DocumentError(f"{name} has no text.")
    heading = _HEADING.search(text)
    return _Page(text, (heading[1] or heading[2]).strip() if heading else "", fields)


def _front_matter(block: str, name: str) -> dict[str, str]:
    try:
        content = yaml.safe_load(block)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 2}" if mark else ""  # the opening `---` is line 1
        reason = getattr(error, "problem", None) or str(error)
        raise DocumentError(
            f"{name}: bad front matter{where}: {reason}.", "Write `key: value` lines."
        ) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise DocumentError(f"{name}: bad front matter: not `key: value` lines.")
    return {str(key).strip().lower(): _plain(value, str(key), name) for key, value in content.items()}


def _plain(value: Any, key: str, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str | int | float | bool | datetime.date | datetime.datetime):
        return clean(str(value))
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return ", ".join(_plain(item, key, name) for item in value)
    raise DocumentError(f"{name}: bad front matter: `{key}` is nested.", "Give a text or a list of texts.")


def _document(page: _Page, data: bytes, path: PurePosixPath) -> Document:
    fields = dict(page.fields)
    language = fields.pop("language", "") or fields.pop("lang", "")
    return Document(
        id=_checked_id(fields.pop("id", "") or str(path.with_suffix("")), path.name),
        title=fields.pop("title", "") or page.title or path.stem,
        text=page.text,
        url=_checked_url(fields.pop("url", ""), path.name),
        language=language[:2].lower() if _LANGUAGE.fullmatch(language) else guess_language(page.text),
        content_hash=hashlib.sha256(data).hexdigest(),
        source=str(path),
        metadata={key: value for key, value in fields.items() if value},
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
