"""Files into the index: parse → chunk → embed → put. Knows nothing of searching.

A file that did not change is skipped by its hash before it is parsed, a bad file fails alone, and a run that was
killed is repeated safely: where a record came from is stored with it, so there is no second book that could differ.
"""

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

import numpy as np

from knowledge_base.chunk import chunk
from knowledge_base.documents import Chunk, FaqEntry
from knowledge_base.embed import TextEmbedder
from knowledge_base.errors import DocumentError
from knowledge_base.files import SourceFile, Walk
from knowledge_base.index import SCHEMA_VERSION, Index
from knowledge_base.items import Item, Provenance, key_of
from knowledge_base.parse import PARSER_VERSION, Parsed
from knowledge_base.passages import Passages
from knowledge_base.read_file import FileReader, hash_of
from knowledge_base.records import Record, document_of, record_to_dict
from knowledge_base.report import IngestReport, Progress, Run
from knowledge_base.settings import KnowledgeBaseSettings
from knowledge_base.website.records import as_page

log = logging.getLogger(__name__)
_ITEMS_AT_ONCE = 32
_MOVED_AT_ONCE = 500
_CHUNKS_AT_ONCE = 256
"""Passages, of as many files as it takes, are embedded and put together: an embedder is quicker with many."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """A record in passages, without vectors."""

    record: Record
    provenance: Provenance
    chunks: tuple[Chunk, ...]


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
        self._cut = [SCHEMA_VERSION, settings.chunk_tokens, settings.chunk_overlap_tokens]
        self._waiting: dict[str, _Cut] = {}
        self._moved: list[Item] = []
        self._held: dict[tuple[str, str], set[str]] = defaultdict(set)
        for key, item in items.items():
            self._held[item.provenance.origin, item.provenance.file].add(key)

    def add(self, files: Sequence[SourceFile], origin: str, progress: Progress) -> IngestReport:
        """Takes files in.

        Raises:
            IndexUnavailableError: The index failed; what was put before stays.
        """
        run = Run(origin)
        self._take(files, run, progress)
        return run.report()

    def sync(self, found: Walk, origin: str, progress: Progress, *, adopt: bool = False) -> IngestReport:
        """Takes files in and removes what came from files of this origin that are gone.

        Args:
            adopt: Take over records with the same ids that came otherwise.

        Raises:
            IndexUnavailableError: The index failed; what was changed before stays.
        """
        run = Run(origin, adopt, failed=list(found.unreadable))
        for name in sorted(found.unchanged):
            held = [self._items[key] for key in self._held.get((origin, name), ())]
            run.unchanged += len(held) if self._claim(held, run) else 0
        self._take(found.files, run, progress)
        present = {file.name for file in found.files} | found.unchanged
        for held_origin, name in list(self._held):
            if held_origin == origin and name not in present and not found.may_hold(name):
                self._remove(self._held[origin, name], run)
        return run.report()

    def held_files(self, origin: str) -> dict[str, Provenance]:
        """By name, the files of an origin that are stored whole and as they would be read and cut now."""
        found: dict[str, Provenance] = {}
        for (held_origin, name), keys in self._held.items():
            if held_origin == origin and keys:
                provenance = self._items[next(iter(keys))].provenance
                if provenance.count == len(keys) and provenance.fingerprint.startswith(self._fingerprint("")):
                    found[name] = provenance
        return found

    def put_records(self, records: Sequence[Record], origin: str) -> IngestReport:
        """Takes in records that come from no file."""
        run = Run(origin)
        with self._putting(run):
            self._store(records, Provenance(origin), run)
        return run.report()

    def restore(self, pairs: Iterable[tuple[Record, Provenance]], progress: Progress) -> IngestReport:
        """Takes in records with the provenance that they had elsewhere."""
        run = Run("")
        pairs = list(pairs)
        with self._putting(run):
            for done, (record, provenance) in enumerate(pairs):
                progress(done, len(pairs), record.id)
                run.origin = provenance.origin
                self._store([record], provenance, run)
        progress(len(pairs), len(pairs), "")
        return run.report()

    def reindex(self, progress: Progress, *, everything: bool = False) -> IngestReport:
        """Cuts and embeds anew, from the stored texts, what was cut in another way (or everything)."""
        run = Run("")
        with self._putting(run):
            for done, item in enumerate(list(self._items.values())):
                progress(done, len(self._items), item.record.source or item.record.id)
                if everything or item.revision != self._revision(item.record):
                    file_hash = item.provenance.fingerprint.rpartition(":")[2]
                    fingerprint = self._fingerprint(file_hash) if file_hash else ""
                    self._wait(item.record, replace(item.provenance, fingerprint=fingerprint), run)
                else:
                    run.unchanged += 1
        progress(len(self._items), len(self._items), "")
        return run.report()

    def remove(self, keys: Iterable[str]) -> int:
        """Removes records; returns how many there were."""
        run = Run("")
        self._remove(set(keys) & set(self._items), run)
        return run.removed

    def _take(self, files: Sequence[SourceFile], run: Run, progress: Progress) -> None:
        with self._putting(run), closing(FileReader(self._settings)) as reader:
            for done, file in enumerate(files):
                progress(done, len(files), file.name)
                try:
                    self._take_one(file, reader, run)
                except (DocumentError, OSError) as error:
                    log.info("%s was left out: %s", file.name, error)
                    run.failed.append((file.name, str(error)))
        progress(len(files), len(files), "")

    def _take_one(self, file: SourceFile, reader: FileReader, run: Run) -> None:
        reader.check_size(file.path)
        fingerprint = self._fingerprint(hash_of(file.path))
        held = [self._items[key] for key in self._held.get((run.origin, file.name), ())]
        is_whole = bool(held) and len(held) == held[0].provenance.count
        if is_whole and all(i.provenance.fingerprint == fingerprint for i in held) and self._claim(held, run):
            run.unchanged += len(held)
            return
        if file.url:
            parsed = as_page(reader.parse(file.path, file.path.name), file.url, file.path.stem, file.base)
        else:
            parsed = reader.parse(file.path, file.name)
        self._add(parsed, Provenance(run.origin, file.name, fingerprint, 0, *file.validators), run)

    def _claim(self, held: Sequence[Item], run: Run) -> bool:
        """Whether no other file of this run has one of these records; then they are this file's."""
        if any(item.key in run.sources for item in held):
            return False
        run.sources |= {item.key: item.record.source for item in held}
        return True

    def _add(self, parsed: Parsed, provenance: Provenance, run: Run) -> None:
        run.failed += [(provenance.file, problem) for problem in parsed.problems]
        records: list[Record] = [*parsed.documents, *parsed.faq]
        self._store(records, replace(provenance, count=len(records) + len(parsed.problems)), run)
        if not parsed.problems:  # a file is the whole truth about what is in it
            held = self._held[provenance.origin, provenance.file]
            kept = {key_of(record) for record in records}
            if held - kept:
                # what is new first: killed between, there is too much rather than too little
                self._put_waiting(run)
                self._remove(held - kept, run)

    def _store(self, records: Sequence[Record], provenance: Provenance, run: Run) -> None:
        for record in self._new(records, provenance, run):
            self._wait(record, provenance, run)

    def _new(self, records: Sequence[Record], provenance: Provenance, run: Run) -> Iterator[Record]:
        """Those that are not stored just so already; where they come from waits to be noted anew."""
        for record in records:
            key = key_of(record)
            other = run.sources.setdefault(key, record.source)
            stored = self._items.get(key)
            is_ours = stored is None or stored.provenance.may_be_replaced_by(run.origin, adopt=run.adopt)
            if other != record.source:
                run.failed.append((record.source, f"The id {record.id!r} is used by {other} already."))
            elif stored and stored.revision == self._revision(record):
                run.unchanged += 1
                if is_ours and stored.provenance != provenance:
                    self._moved.append(replace(stored, provenance=provenance))
            elif stored and not is_ours:
                run.failed.append((record.source or record.id, _not_ours(record, stored.provenance)))
            else:
                yield record
        if len(self._moved) >= _MOVED_AT_ONCE:
            self._put_moved()

    def _wait(self, record: Record, provenance: Provenance, run: Run) -> None:
        """Cuts a record; it is put with others, and all that wait when there are enough."""
        self._waiting[key_of(record)] = _Cut(record, provenance, tuple(self._chunks(record)))
        if sum(len(cut.chunks) for cut in self._waiting.values()) >= _CHUNKS_AT_ONCE:
            self._put_waiting(run)

    @contextmanager
    def _putting(self, run: Run) -> Iterator[None]:
        """At the end nothing waits any more, also when a run is broken off: what it has read is kept."""
        try:
            yield
        finally:
            self._put_waiting(run)

    def _put_moved(self) -> None:
        """Together: after a new version of the parser that is every file of the folder."""
        self._index.put_records(self._moved)
        self._remember(self._moved)
        self._moved = []

    def _put_waiting(self, run: Run) -> None:
        self._put_moved()
        items = self._embedded(list(self._waiting.values()))
        self._waiting.clear()
        for start in range(0, len(items), _ITEMS_AT_ONCE):
            put = items[start : start + _ITEMS_AT_ONCE]
            self._index.put(put)
            known = sum(item.key in self._items for item in put)
            run.updated += known
            run.added += len(put) - known
            self._remember(put)

    def _remember(self, items: Iterable[Item]) -> None:
        for item in items:
            self._forget(item.key)
            self._items[item.key] = item
            self._held[item.provenance.origin, item.provenance.file].add(item.key)

    def _forget(self, key: str) -> None:
        if stored := self._items.pop(key, None):
            self._held[stored.provenance.origin, stored.provenance.file].discard(key)

    def _remove(self, keys: Iterable[str], run: Run) -> None:
        gone = list(keys)
        self._index.remove(gone)
        for key in gone:
            self._forget(key)
        run.removed += len(gone)

    def _embedded(self, cuts: Sequence["_Cut"]) -> list[Item]:
        """Items with their vectors, of all passages at once and of all phrasings at once."""
        phrasings = [cut.record.all_phrasings if isinstance(cut.record, FaqEntry) else () for cut in cuts]
        of_chunks = self._embedder.encode([c.embedding_text for cut in cuts for c in cut.chunks])
        of_phrasings = self._embedder.encode([said for group in phrasings for said in group], "query")
        chunk_ends = np.cumsum([len(cut.chunks) for cut in cuts])
        phrasing_ends = np.cumsum([len(group) for group in phrasings])
        return [
            Item(
                record=cut.record,
                revision=self._revision(cut.record),
                chunks=Passages.of(document_of(cut.record), cut.chunks),
                chunk_vectors=of_chunks[chunk_end - len(cut.chunks) : chunk_end],
                phrasings=group,
                phrasing_vectors=of_phrasings[phrasing_end - len(group) : phrasing_end],
                provenance=cut.provenance,
            )
            for cut, group, chunk_end, phrasing_end in zip(
                cuts, phrasings, chunk_ends, phrasing_ends, strict=True
            )
        ]

    def _chunks(self, record: Record) -> list[Chunk]:
        settings = self._settings
        return chunk(
            document_of(record),
            self._embedder.count_tokens,
            settings.chunk_tokens,
            settings.chunk_overlap_tokens,
        )

    def _revision(self, record: Record) -> str:
        content = json.dumps([self._cut, record_to_dict(record)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def _fingerprint(self, file_hash: str) -> str:
        return f"{PARSER_VERSION}/{'/'.join(map(str, self._cut))}:{file_hash}"


def _not_ours(record: Record, provenance: Provenance) -> str:
    if provenance.is_synced:
        kind, _, place = provenance.origin.partition(":")
        return (
            f"The id {record.id!r} is kept in step with {'the folder' if kind == 'sync' else 'the site'} {place}."
            " Change it there, or remove it first."
        )
    return (
        f"The id {record.id!r} was added by hand and is not replaced by a sync."
        " Remove it first, or sync with `--adopt`."
    )
