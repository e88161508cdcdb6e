"""Passages of stored documents, each made when it is asked for: kept whole, they would hold every text twice."""

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple, overload

from knowledge_base.documents import Chunk, Document


class Cut(NamedTuple):
    """Where a passage was cut from its document, and the headings above it."""

    start: int
    end: int
    heading_path: tuple[str, ...]


def passage(document: Document, number: int, cut: Cut) -> Chunk:
    """The passage of that number, counted from 0 in reading order."""
    return Chunk(
        id=f"{document.id}#{number}",
        document_id=document.id,
        title=document.title,
        text=document.text[cut.start : cut.end],
        start=cut.start,
        end=cut.end,
        heading_path=cut.heading_path,
        url=document.url,
        language=document.language,
        page=document.page_at(cut.start),
    )


def cut_of(document: Document, number: int, chunk: Chunk) -> Cut | Chunk:
    """What the passage can be made of again; the passage itself where that gives another one."""
    cut = Cut(chunk.start, chunk.end, chunk.heading_path)
    return cut if passage(document, number, cut) == chunk else chunk


class _Made(Sequence[Chunk]):
    """Passages by their number, from 0."""

    __slots__ = ()

    @overload
    def __getitem__(self, place: int) -> Chunk: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Chunk, ...]: ...

    def __getitem__(self, place: int | slice) -> Chunk | tuple[Chunk, ...]:
        if isinstance(place, slice):
            return tuple(self[i] for i in range(*place.indices(len(self))))
        return self._at(range(len(self))[place])

    @abstractmethod
    def _at(self, number: int) -> Chunk: ...


class Passages(_Made):
    """The passages of one document in reading order."""

    __slots__ = ("_cuts", "_document")

    def __init__(self, document: Document, cuts: Iterable[Cut | Chunk]) -> None:
        self._document = document
        self._cuts = tuple(cuts)

    @classmethod
    def of(cls, document: Document, chunks: Sequence[Chunk]) -> "Passages":
        """Those that are there already."""
        return cls(document, (cut_of(document, number, chunk) for number, chunk in enumerate(chunks)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # as of other sequences that compare by what they hold

    def __len__(self) -> int:
        return len(self._cuts)

    def _at(self, number: int) -> Chunk:
        cut = self._cuts[number]
        return cut if isinstance(cut, Chunk) else passage(self._document, number, cut)


class AllPassages(_Made):
    """The passages of several documents, one after the other."""

    def __init__(self, parts: Iterable[Sequence[Chunk]]) -> None:
        self._parts = tuple(parts)
        self._ends = tuple(accumulate(map(len, self._parts)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def _at(self, number: int) -> Chunk:
        part = bisect_right(self._ends, number)
        return self._parts[part][number - (self._ends[part - 1] if part else 0)]
