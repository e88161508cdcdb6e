"""Files into the index: parse → chunk → embed → put. Knows nothing of searching.

Unchanged content is skipped by its revision, a bad file fails alone, and a run that was killed is repeated safely.
"""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from knowledge_base.chunk import chunk
from knowledge_base.documents import Chunk, Document, FaqEntry
from knowledge_base.embed import TextEmbedder
from knowledge_base.errors import DocumentError
from knowledge_base.index import SCHEMA_VERSION, Index
from knowledge_base.items import Item, Record, key_of
from knowledge_base.parse import SUFFIXES, Parsed, parse
from knowledge_base.settings import KnowledgeBaseSettings

log = logging.getLogger(__name__)
Progress = Callable[[int, int, str], None]
"""Called with files done, files in all, and the file that comes next (or an empty string at the end)."""
_ITEMS_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one `add_path` did; a document and a FAQ entry count as one each.

    Attributes:
        removed: FAQ entries whose row is no longer in their table.
        failed: What was left out, as (source, reason), also single rows of a table.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Run:
    """One `add_path` under way."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)

    def report(self) -> IngestReport:
        return IngestReport(self.added, self.updated, self.unchanged, self.removed, tuple(self.failed))


class Ingestor:
    """Keeps the index and `items`, its mirror in memory, in step with files.

    Args:
        items: What the index holds, by key; changed in place.
    """

    def __init__(
        self, index: Index, items: dict[str, Item], embedder: TextEmbedder, settings: KnowledgeBaseSettings
    ) -> None:
        self._index = index
        self._items = items
        self._embedder = embedder
        self._settings = settings

    def add_path(self, path: Path, progress: Progress = lambda done, total, source: None) -> IngestReport:
        """Takes in a file, or every document and FAQ table under a folder.

        Raises:
            DocumentError: There is nothing at the path.
            IndexUnavailableError: The index failed; what was put before stays.
        """
        root = path if path.is_dir() else path.parent
        files = list(_files(path))
        run = _Run()
        for done, file in enumerate(files):
            source = file.relative_to(root).as_posix()
            progress(done, len(files), source)
            try:
                self._add(parse(self._read(file), source), source, run)
            except (DocumentError, OSError) as error:
                log.info("%s was left out: %s", source, error)
                run.failed.append((source, str(error)))
        progress(len(files), len(files), "")
        return run.report()

    def _read(self, file: Path) -> bytes:
        size, limit = file.stat().st_size, self._settings.max_document_bytes
        if size > limit:
            raise DocumentError(
                f"{file.name} has {size:,} bytes, at most {limit:,} are taken.",
                "Split it or raise `max_document_bytes`.",
            )
        return file.read_bytes()

    def _add(self, parsed: Parsed, source: str, run: _Run) -> None:
        run.failed += [(source, problem) for problem in parsed.problems]
        records: list[Record] = [*parsed.documents, *parsed.faq]
        new = list(self._new(records, source, run))
        for start in range(0, len(new), _ITEMS_AT_ONCE):
            self._put(new[start : start + _ITEMS_AT_ONCE], run)
        if parsed.faq and not parsed.problems:
            self._remove_missing({key_of(record) for record in records}, source, run)

    def _new(self, records: Sequence[Record], source: str, run: _Run) -> Iterator[Record]:
        """Those that are not stored just so already."""
        for record in records:
            key = key_of(record)
            other = run.sources.setdefault(key, source)
            if other != source:
                run.failed.append((source, f"The id {record.id!r} is used by {other} already."))
            elif key in self._items and self._items[key].revision == self._revision(record):
                run.unchanged += 1
            else:
                yield record

    def _put(self, records: Sequence[Record], run: _Run) -> None:
        items = [self._item(record) for record in records]
        self._index.put(items)
        known = sum(item.key in self._items for item in items)
        run.updated += known
        run.added += len(items) - known
        self._items.update({item.key: item for item in items})

    def _remove_missing(self, present: set[str], source: str, run: _Run) -> None:
        """A FAQ table is the whole truth about its entries."""
        gone = [
            key
            for key, item in self._items.items()
            if isinstance(item.record, FaqEntry) and item.record.source == source and key not in present
        ]
        self._index.remove(gone)
        for key in gone:
            del self._items[key]
        run.removed += len(gone)

    def _item(self, record: Record) -> Item:
        chunks = self._chunks(record)
        phrasings = record.all_phrasings if isinstance(record, FaqEntry) else ()
        return Item(
            record=record,
            revision=self._revision(record),
            chunks=tuple(chunks),
            chunk_vectors=self._embedder.encode([c.embedding_text for c in chunks]),
            phrasings=phrasings,
            phrasing_vectors=self._embedder.encode(phrasings, "query"),
        )

    def _chunks(self, record: Record) -> list[Chunk]:
        document = record if isinstance(record, Document) else record.as_document
        settings = self._settings
        return chunk(
            document, self._embedder.count_tokens, settings.chunk_tokens, settings.chunk_overlap_tokens
        )

    def _revision(self, record: Record) -> str:
        cut = (SCHEMA_VERSION, self._settings.chunk_tokens, self._settings.chunk_overlap_tokens)
        content = json.dumps([cut, dataclasses.asdict(record)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def _files(path: Path) -> Iterator[Path]:
    """Files of known types in a stable order, hidden ones left out; a single file whatever its type."""
    if path.is_file():
        yield path
    elif not path.is_dir():
        raise DocumentError(f"There is nothing at {path}.", "Give a file or a folder.")
    else:
        for file in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
            if file.suffix.lower() in SUFFIXES and file.is_file() and not hidden:
                yield file
