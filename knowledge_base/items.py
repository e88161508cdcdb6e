"""What is stored and searched: a record with its passages, phrasings and their vectors."""

from dataclasses import dataclass

from knowledge_base.documents import Chunk, Document, FaqEntry
from knowledge_base.embed_backends import Vectors

Record = Document | FaqEntry


@dataclass(frozen=True, slots=True)
class Item:
    """A document or FAQ entry with everything that is searched for it.

    Attributes:
        revision: Changes when the content or the way it is cut and embedded changes.
        chunk_vectors: Unit vectors `[chunks, dimension]`.
        phrasing_vectors: Unit vectors `[phrasings, dimension]`; none for a document.
    """

    record: Record
    revision: str
    chunks: tuple[Chunk, ...]
    chunk_vectors: Vectors
    phrasings: tuple[str, ...]
    phrasing_vectors: Vectors

    @property
    def key(self) -> str:
        """Names the record among all."""
        return key_of(self.record)


def key_of(record: Record) -> str:
    """`document/ID` or `faq/ID`."""
    return f"{'document' if isinstance(record, Document) else 'faq'}/{record.id}"
