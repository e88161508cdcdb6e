"""What goes into the knowledge base and what comes out: frozen values, no database, no model."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from knowledge_base.images import ImageMatch

FAQ_PREFIX = "faq:"
"""Begins the id of the document that stands for a FAQ entry; no other document's id begins so."""


@dataclass(frozen=True, slots=True)
class Document:
    """One help article.

    Attributes:
        id: Stable id: the front matter's `id`, else the path inside its folder without suffix.
        title: The front matter's title, else the first heading, else the file's stem.
        text: The plain text that chunks' offsets point into (Markdown is kept as it was written).
        url: Public address of the article, empty if it has none.
        language: ISO 639-1 code.
        content_hash: SHA-256 of the source bytes; unchanged content is skipped by it.
        source: Where it came from (a path relative to its folder, or a URL).
        metadata: Further front matter, as strings.
        pages: Where each page or slide begins in `text`; none when the format has no pages.
    """

    id: str
    title: str
    text: str
    url: str = ""
    language: str = "en"
    content_hash: str = ""
    source: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    pages: tuple[int, ...] = ()

    def page_at(self, offset: int) -> int:
        """The page or slide, counted from 1, that a place of the text is on; 0 when there are none."""
        return bisect_right(self.pages, offset)


@dataclass(frozen=True, slots=True)
class FaqEntry:
    """A reviewed question–answer pair with all its phrasings (`question` is the first of them).

    Attributes:
        metadata: Whom it is for and when, by the names in `scope.FIELDS`.
    """

    id: str
    question: str
    answer: str
    phrasings: tuple[str, ...] = ()
    language: str = "en"
    article_id: str = ""
    url: str = ""
    source: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_phrasings(self) -> tuple[str, ...]:
        """Every way to ask, the main question first, without repeats."""
        return tuple(dict.fromkeys((self.question, *self.phrasings)))

    @property
    def as_document(self) -> Document:
        """Question and answer as a document, so that the answer is found and cited like any passage."""
        return Document(
            id=FAQ_PREFIX + self.id,
            title=self.question,
            text=self.answer,
            url=self.url,
            language=self.language,
            source=self.source,
            metadata=self.metadata,
        )


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage: `document.text[start:end] == text`.

    Attributes:
        heading_path: Headings above the passage, outermost first; the title is not repeated.
        page: Page or slide where it begins, counted from 1; 0 when the document has none.
    """

    id: str
    document_id: str
    title: str
    text: str
    start: int
    end: int
    heading_path: tuple[str, ...] = ()
    url: str = ""
    language: str = "en"
    page: int = 0

    @property
    def embedding_text(self) -> str:
        """Title and headings in front of the passage, as embedded and as searched by BM25."""
        return "\n".join((" > ".join((self.title, *self.heading_path)), self.text))


@dataclass(frozen=True, slots=True)
class Section:
    """What stands around a passage under the same headings: `document.text[start:end] == text`, the passage in it."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class RetrievedChunk:
    """A chunk with its fused score (higher is better) and how each ranking saw it.

    Attributes:
        score: Reciprocal-rank-fusion score.
        scores: Raw scores by ranking: `dense` is cosine similarity in [-1, 1], `bm25` is unbounded. `coverage` is
            there only when the embedder cannot read the question's script, and `dense` then equals it. `image` is
            there when an image in the passage is like the screenshot: how sure the same screen is, in [0, 1].
            `reranker` is there when a cross-encoder looked at it: its relevance in [0, 1], which decides the order.
        folded: Ids of passages that say nearly the same and were left out for it, best first.
        section: The passage with its neighbours, where its section was longer than one passage.
    """

    chunk: Chunk
    score: float
    scores: Mapping[str, float] = field(default_factory=dict)
    folded: tuple[str, ...] = ()
    section: Section | None = None

    @property
    def whole(self) -> str:
        """The section as far as it is there, else the passage: what a reader is shown."""
        return self.section.text if self.section else self.chunk.text


@dataclass(frozen=True, slots=True)
class FaqMatch:
    """The nearest phrasing of a FAQ entry.

    Attributes:
        similarity: Cosine in [-1, 1].
        probability: That the question asks for this entry and no other or none; None where that was not judged.
    """

    entry: FaqEntry
    phrasing: str
    similarity: float
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class RetrievalResult:
    """Everything found for one query, best first.

    Attributes:
        images: Images of documents that look like the screenshot, whether sure or not.
    """

    query: str
    chunks: tuple[RetrievedChunk, ...] = ()
    faq: tuple[FaqMatch, ...] = ()
    images: tuple[ImageMatch, ...] = ()
