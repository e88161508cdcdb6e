"""What a fetched page holds, as part of its site."""

import hashlib
from dataclasses import replace
from urllib.parse import unquote, urljoin, urlsplit

from knowledge_base.documents import Document
from knowledge_base.embedded_images import INSIDE
from knowledge_base.images import with_sources
from knowledge_base.parse import Parsed

_MAX_ID_CHARS = 160


def as_page(parsed: Parsed, url: str, file_stem: str, base: str = "") -> Parsed:
    """The documents of a page under its address; their hash is that of the text, as markup changes at every visit.

    Args:
        file_stem: The title that a page without one got from the file that it was fetched into.
        base: What its relative addresses stand beside, where that is not its own address.
    """
    return replace(
        parsed,
        documents=tuple(_placed(document, url, file_stem, base or url) for document in parsed.documents),
        faq=tuple(replace(entry, source=url, url=entry.url or url) for entry in parsed.faq),
    )


def _placed(document: Document, url: str, file_stem: str, base: str) -> Document:
    parts = urlsplit(url)
    name = f"{parts.netloc}{parts.path}".rstrip("/") + (f"?{parts.query}" if parts.query else "")
    if len(name) > _MAX_ID_CHARS or not name.isprintable():
        name = f"{parts.netloc}/{hashlib.sha256(url.encode()).hexdigest()[:16]}"
    title = document.title
    if title == file_stem:
        title = unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.netloc
    text = with_sources(document.text, lambda source: _beside(source, url, base))
    text_hash = hashlib.sha256(text.encode()).hexdigest()
    return replace(document, id=name, title=title, text=text, url=url, source=url, content_hash=text_hash)


def _beside(source: str, url: str, base: str) -> str:
    """An image's source that means the same beside the page's address as beside its base."""
    if source.startswith(INSIDE):
        return source
    try:
        meant = urljoin(base, source)
        return source if urljoin(url, source) == meant else meant
    except ValueError:
        return source
