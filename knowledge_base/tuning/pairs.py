"""What belongs together in a knowledge base: ways to ask and what answers them. Pure functions of what is stored."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from knowledge_base.documents import Chunk, Document, FaqEntry
from knowledge_base.items import Item

Kind = Literal["phrasing", "heading", "accepted"]
_HELD_OUT_OF = 5  # one group in so many is held out
_MIN_CHARS = 12  # of a passage that says something


@dataclass(frozen=True, slots=True)
class Accepted:
    """A question whose answer a customer or reviewer found right.

    Attributes:
        document_id: What the answer was taken from, as `Chunk.document_id` has it.
    """

    question: str
    document_id: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A way to ask and a text that answers it.

    Attributes:
        group: What is about the same: an article with the FAQ entries that belong to it. Never on both sides of the
            split, and never its own wrong answer.
    """

    query: str
    passage: str
    group: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Question:
    """A held-out way to ask, and the documents that answer it."""

    text: str
    relevant: str
    group: str
    kind: Kind


def training_pairs(items: Iterable[Item], accepted: Sequence[Accepted] = ()) -> list[Pair]:
    """Every pair of the groups that are not held out, in the order of the items.

    A FAQ entry's phrasings go with its main question and with its answer; a heading with the text below it, which
    does not repeat the heading; an accepted question with the passages of its document.
    """
    items = list(items)
    by_document = _accepted_by_document(accepted)
    pairs = (pair for item in items for pair in _pairs_of(item, by_document))
    return list(dict.fromkeys(pair for pair in pairs if not is_held_out(pair.group)))


def held_out_questions(items: Iterable[Item], accepted: Sequence[Accepted] = ()) -> list[Question]:
    """The ways to ask in held-out groups: all phrasings but an entry's main question, headings, accepted questions."""
    by_document = _accepted_by_document(accepted)
    questions = (question for item in items for question in _questions_of(item, by_document))
    return list(dict.fromkeys(question for question in questions if is_held_out(question.group)))


def is_held_out(group: str) -> bool:
    """The same for a group in every run and on every machine, so that nothing trained on is measured on later."""
    return hashlib.sha256(group.encode()).digest()[0] % _HELD_OUT_OF == 0


def group_of(item: Item) -> str:
    """An article's id; for a FAQ entry the article it belongs to, or its own."""
    record = item.record
    return record.article_id or f"faq:{record.id}" if isinstance(record, FaqEntry) else record.id


def bare(chunk: Chunk) -> str:
    """The passage without its headings."""
    lines = chunk.text.splitlines()
    while lines and lines[0].lstrip().startswith("#"):
        lines = lines[1:]
    return "\n".join(lines).strip()


def heading_of(chunk: Chunk) -> str:
    """Title and headings as somebody would search for them."""
    return " ".join((chunk.title, *chunk.heading_path))


def _pairs_of(item: Item, accepted: dict[str, list[str]]) -> Iterator[Pair]:
    group = group_of(item)
    if isinstance(item.record, FaqEntry):
        question, *others = item.record.all_phrasings
        yield Pair(question, item.record.answer, group, "phrasing")
        for other in others:
            yield Pair(other, question, group, "phrasing")
            yield Pair(other, item.record.answer, group, "phrasing")
    else:
        for chunk in _telling(item.chunks):
            yield Pair(heading_of(chunk), bare(chunk), group, "heading")
    for asked in accepted.get(_document_id(item), ()):
        for chunk in _telling(item.chunks):
            yield Pair(asked, chunk.embedding_text, group, "accepted")


def _questions_of(item: Item, accepted: dict[str, list[str]]) -> Iterator[Question]:
    group, relevant = group_of(item), _document_id(item)
    if isinstance(item.record, FaqEntry):
        yield from (Question(text, relevant, group, "phrasing") for text in item.record.all_phrasings[1:])
    else:
        headings = dict.fromkeys(heading_of(chunk) for chunk in _telling(item.chunks))
        yield from (Question(text, relevant, group, "heading") for text in headings)
    yield from (Question(text, relevant, group, "accepted") for text in accepted.get(relevant, ()))


def _telling(chunks: Sequence[Chunk]) -> list[Chunk]:
    return [chunk for chunk in chunks if len(bare(chunk)) >= _MIN_CHARS]


def _document_id(item: Item) -> str:
    record = item.record
    return record.id if isinstance(record, Document) else record.as_document.id


def _accepted_by_document(accepted: Iterable[Accepted]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in accepted:
        found.setdefault(one.document_id, []).append(one.question)
    return found
