"""Which passages and phrasings a search may find, quickly: each distinct scope is looked at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from knowledge_base.documents import FAQ_PREFIX, Document
from knowledge_base.items import Item
from knowledge_base.records import Record
from knowledge_base.scope import Filters, Scope, scope_of

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Scopes:
    """The scopes of everything that is searched, each kept once.

    Attributes:
        distinct: All there are.
        of_chunks, of_phrasings: The place of each one's scope in `distinct`.
        of_documents: The same by id, of FAQ entries too.
    """

    distinct: tuple[Scope, ...]
    of_chunks: npt.NDArray[np.int32]
    of_phrasings: npt.NDArray[np.int32]
    of_documents: Mapping[str, int]

    @classmethod
    def of(cls, items: Sequence[Item]) -> "Scopes":
        """The scopes of items whose passages and phrasings are searched in this order."""
        numbers: dict[Scope, int] = {}
        places = [numbers.setdefault(scope_of(item.record), len(numbers)) for item in items]
        return cls(
            tuple(numbers),
            np.repeat(np.array(places, np.int32), [len(item.chunks) for item in items]),
            np.repeat(np.array(places, np.int32), [len(item.phrasings) for item in items]),
            {_document_id(item.record): place for item, place in zip(items, places, strict=True)},
        )

    def admitted(self, filters: Filters) -> "Admitted":
        """What may be found."""
        admitted = np.array([filters.admit(scope) for scope in self.distinct], bool)
        return Admitted(
            admitted[self.of_chunks],
            admitted[self.of_phrasings],
            lambda document_id: (
                document_id in self.of_documents and bool(admitted[self.of_documents[document_id]])
            ),
        )


@dataclass(frozen=True)
class Admitted:
    """What one search may find.

    Attributes:
        chunks, phrasings: `[n]` each.
        has_document: Whether a document is among it, by id.
    """

    chunks: Mask
    phrasings: Mask
    has_document: Callable[[str], bool]


def _document_id(record: Record) -> str:
    return record.id if isinstance(record, Document) else FAQ_PREFIX + record.id
