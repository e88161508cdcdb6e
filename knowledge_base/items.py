"""What is stored and searched: a record with its passages, phrasings and their vectors, and where it came from."""

from collections.abc import Sequence
from dataclasses import dataclass

from knowledge_base.documents import Chunk, Document
from knowledge_base.embed_backends import Vectors
from knowledge_base.records import Record

UPLOADED, WRITTEN = "upload", "written"
_SYNCED = ("sync:", "site:")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a record came from.

    Attributes:
        origin: `add:FOLDER`, `sync:FOLDER`, `site:ADDRESS`, `upload` or `written`; empty when it is not known.
        file: The file of that origin; for what lay in an archive, the archive.
        fingerprint: Of the file's bytes and of how it was read and cut.
        count: How many records and problems the whole file gave: with fewer stored, it is not done.
        etag, last_modified: What the server said of a page's version.
    """

    origin: str = ""
    file: str = ""
    fingerprint: str = ""
    count: int = 0
    etag: str = ""
    last_modified: str = ""

    @property
    def is_synced(self) -> bool:
        """Whether it is kept in step with a folder or site, not added by hand."""
        return self.origin.startswith(_SYNCED)

    def may_be_replaced_by(self, origin: str, *, adopt: bool = False) -> bool:
        """Whether another origin may change the record: by hand what came by hand, a sync only its own.

        Args:
            adopt: The other origin is to take over what it finds.
        """
        by_hand = not self.is_synced and not origin.startswith(_SYNCED)
        return adopt or by_hand or origin == self.origin


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
    chunks: Sequence[Chunk]
    chunk_vectors: Vectors
    phrasings: tuple[str, ...]
    phrasing_vectors: Vectors
    provenance: Provenance = Provenance()

    @property
    def key(self) -> str:
        """Names the record among all."""
        return key_of(self.record)


def key_of(record: Record) -> str:
    """`document/ID` or `faq/ID`."""
    return f"{'document' if isinstance(record, Document) else 'faq'}/{record.id}"
