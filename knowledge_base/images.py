"""Images inside of documents: where a document shows one, what is stored of it, and what a search says of it."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from knowledge_base.embed_backends import Vectors

_MARKDOWN = (
    r"!\[(?P<alt>(?:[^\[\]]|\[[^\[\]]*\]){0,2000})\]"
    r"\(\s*(?:<(?P<angled>[^<>\n]+)>|(?P<plain>[^\s()<>]+(?:\([^\s()]*\)[^\s()]*)*))(?:\s+[\"'][^\n]*?[\"'])?\s*\)"
)
_TAG = r"<img\b(?P<tag>[^>]{1,4000})>"
_DIRECTIVE = r":::image\b(?P<directive>[^\n]{1,4000}?):::"
_SHOWN = re.compile(f"{_MARKDOWN}|{_TAG}|{_DIRECTIVE}", re.IGNORECASE)
_SOURCE = re.compile(r"\b(?:src|source)\s*=\s*[\"']([^\"'\n]+)[\"']", re.IGNORECASE)
_ALT = re.compile(r"\balt(?:-text)?\s*=\s*[\"']([^\"'\n]*)[\"']", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ShownImage:
    """An image as a document's text names it.

    Attributes:
        offset: Where in the text.
        source: Path or address as it is written.
    """

    offset: int
    source: str
    alt: str


def shown_images(text: str) -> Iterator[ShownImage]:
    """Images in Markdown, also those written as HTML or as `:::image:::`, in order."""
    for match in _SHOWN.finditer(text):
        start, end = _source_span(match)
        if start < end:
            attributes = match["tag"] or match["directive"]
            written = _ALT.search(attributes) if attributes else None
            alt = (written[1] if written else "") if attributes else match["alt"]
            yield ShownImage(match.start(), text[start:end], " ".join(alt.split()))


def with_sources(text: str, renamed: Callable[[str], str]) -> str:
    """The text with other sources of its images."""
    pieces, done = [], 0
    for match in _SHOWN.finditer(text):
        start, end = _source_span(match)
        if start < end:
            pieces += [text[done:start], renamed(text[start:end])]
            done = end
    return "".join(pieces) + text[done:]


def _source_span(match: re.Match[str]) -> tuple[int, int]:
    """Where the source stands in the text; nowhere for a tag without one."""
    group = next(name for name in ("angled", "plain", "tag", "directive") if match[name] is not None)
    if group in ("angled", "plain"):
        return match.span(group)
    source = _SOURCE.search(match[group])
    first = match.start(group)
    return (first + source.start(1), first + source.end(1)) if source else (first, first)


def text_hash(text: str) -> str:
    """Names the version of a document's text that the places of its images belong to."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One image of one document, as it is searched.

    Attributes:
        item: Key of the record that shows it.
        text_hash: Of that record's text; a row of another version is not seen.
        number: Its place among the images of the document.
        sha256: Of the file.
        text: What is written on it.
        vector: Unit vector `[dimension]`.
        etag, last_modified: What a website's server said of this version.
    """

    item: str
    text_hash: str
    number: int
    sha256: str
    source: str
    offset: int
    alt: str
    text: str
    vector: Vectors = field(compare=False)
    etag: str = ""
    last_modified: str = ""

    @property
    def id(self) -> str:
        """Names the row: the same image in the same place has the same one."""
        return f"{self.item}@{self.text_hash}#{self.number}"


@dataclass(frozen=True, slots=True)
class ImageMatch:
    """An image of a document that looks like the one asked about.

    Attributes:
        document_id: The document that shows it.
        chunk_id: The passage where it stands; empty when the document has none.
        score: In [0, 1], higher is better.
        scores: `image`: cosine of the whole images; `features`: local features that agree on one place;
            `words`: share of what is written on the one asked about that is on this one too.
    """

    document_id: str
    chunk_id: str
    sha256: str
    source: str
    alt: str
    score: float
    scores: Mapping[str, float] = field(default_factory=dict)
