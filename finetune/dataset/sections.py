"""A document's sections, each with the sentences that may become an answer. Pure; knows no model."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chatbot.citations import facts
from chatbot.text import split_sentences, words
from knowledge_base.chunk import chunk
from knowledge_base.documents import Chunk, Document

_WHOLE = 1_000_000
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKUP = re.compile(r"\*\*|__|`|&nbsp;|<[^>]{1,80}>|^\s*(?:[-*+>]|\d{1,2}[.)])\s+|^\s*>\s*", re.MULTILINE)
_NOTE = re.compile(r"\[![A-Z]+\]")
_NOT_PROSE = re.compile(r"^\s*(?:\||```|~~~|:::|!\[|#{1,6}\s|---|<|_?Original KB)|\{[#:%]")
_LEADS_ON = re.compile(r"[:：]\s*$")
_MIN_WORDS, _MAX_WORDS = 4, 45


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as it would be said, without markup, and where it stands in the document."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    document_id: str
    title: str
    heading_path: tuple[str, ...]
    sentences: tuple[Sentence, ...]

    @property
    def heading(self) -> str:
        """The nearest heading, else the title."""
        return self.heading_path[-1] if self.heading_path else self.title

    @property
    def source(self) -> str:
        """Name of the section within the knowledge base."""
        return "#".join((self.document_id, *self.heading_path))

    def opening(self, max_words: int) -> tuple[Sentence, ...]:
        """The first sentence, and the second when both stay under `max_words`."""
        first = self.sentences[:2]
        if sum(len(words(sentence.text)) for sentence in first) > max_words:
            return self.sentences[:1]
        return first


def sections(document: Document) -> list[Section]:
    """All sections of the document that hold at least one sentence fit to be an answer."""
    parts = chunk(document, _count_words, _WHOLE, 0)
    found = (Section(document.id, document.title, p.heading_path, tuple(_sentences(p))) for p in parts)
    return [section for section in found if section.sentences]


def holds(passage: Chunk, section: Section, answer: Sequence[Sentence]) -> bool:
    """Whether the passage contains the whole answer."""
    return (
        passage.document_id == section.document_id
        and passage.start <= answer[0].start
        and answer[-1].end <= passage.end
    )


def _count_words(text: str) -> int:
    return len(text.split())


def _sentences(part: Chunk) -> Iterator[Sentence]:
    """The sentences from the beginning on, up to the first thing that cannot be said aloud."""
    at = part.start
    fenced = False
    for piece in split_sentences([part.text]):
        start, at = at, at + len(piece)
        fenced ^= piece.count("```") % 2 == 1
        if fenced or _NOT_PROSE.search(piece):
            continue
        said = spoken(piece)
        if _is_answer(said) and set(facts(said)) <= set(facts(piece)):
            yield Sentence(said, start + len(piece) - len(piece.lstrip()), at)


def spoken(text: str) -> str:
    """The text without Markdown: links become their words, marks of lists and emphasis go."""
    return " ".join(_MARKUP.sub("", _LINK.sub(r"\1", _NOTE.sub("", text))).replace("\\", "").split())


def _is_answer(said: str) -> bool:
    count = len(words(said))
    return (
        _MIN_WORDS <= count <= _MAX_WORDS
        and not _LEADS_ON.search(said)
        and not said.endswith(("?", "？"))
        and not any(sign in said for sign in "[]{}|<>")
    )
