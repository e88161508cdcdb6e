"""What the knowledge base holds, as lists and tables show it."""

from dataclasses import dataclass

from knowledge_base.documents import Document
from knowledge_base.items import Item
from knowledge_base.scope import FIELDS


@dataclass(frozen=True, slots=True)
class Entry:
    """A document or FAQ entry without its text.

    Attributes:
        id: As `KnowledgeBase.document` and `remove_document` take it.
        kind: `document` or `faq`.
        origin: `add:FOLDER`, `sync:FOLDER`, `site:ADDRESS`, `upload`, `written`, or empty when it is not known.
        source: The file or address it came from.
        pages: Pages or slides; 0 when the format has none.
        product, audience, valid_from, valid_until: As it was written; empty when it does not say.
    """

    id: str
    kind: str
    title: str
    language: str
    origin: str
    source: str
    url: str
    characters: int
    chunks: int
    phrasings: int
    pages: int
    product: str = ""
    audience: str = ""
    valid_from: str = ""
    valid_until: str = ""


def entry_of(item: Item) -> Entry:
    """The entry of an item."""
    record = item.record
    document = record if isinstance(record, Document) else record.as_document
    return Entry(
        id=document.id,
        kind="document" if isinstance(record, Document) else "faq",
        title=document.title,
        language=document.language,
        origin=item.provenance.origin,
        source=document.source,
        url=document.url,
        characters=len(document.text),
        chunks=len(item.chunks),
        phrasings=len(item.phrasings),
        pages=len(document.pages),
        **{name: record.metadata.get(name, "") for name in FIELDS},
    )
