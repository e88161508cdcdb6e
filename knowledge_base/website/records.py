"""What a fetched page holds, as part of its site."""

import hashlib
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from knowledge_base.documents import Document
from knowledge_base.parse import Parsed

_MAX_ID_CHARS = 160


def as_page(parsed: Parsed, url: str, file_stem: str) -> Parsed:
    """The documents of a page under its address; their hash is that of the text, as markup changes at every visit.

    Args:
        file_stem: The title that a page without one got from the file that it was fetched into.
    """
    return replace(
        parsed,
        documents=tuple(_placed(document, url, file_stem) for document in parsed.documents),
        faq=tuple(replace(entry, source=url, url=entry.url or url) for entry in parsed.faq),
    )


def _placed(document: Document, url: str, file_stem: str) -> Document:
    parts = urlsplit(url)
    name = f"{parts.netloc}{parts.path}".rstrip("/") + (f"?{parts.query}" if parts.query else "")
    if len(name) > _MAX_ID_CHARS or not name.isprintable():
        name = f"{parts.netloc}/{hashlib.sha256(url.encode()).hexdigest()[:16]}"
    title = document.title
    if title == file_stem:
        title = unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.netloc
    text_hash = hashlib.sha256(document.text.encode()).hexdigest()
    return replace(document, id=name, title=title, url=url, source=url, content_hash=text_hash)
