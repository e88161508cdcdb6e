"""`KnowledgeBase`: documents in, ranked passages out. The one class the other packages use."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from knowledge_base.documents import FAQ_PREFIX, Document, FaqEntry, RetrievalResult
from knowledge_base.embed import TextEmbedder
from knowledge_base.errors import IndexUnavailableError
from knowledge_base.index import Index
from knowledge_base.ingest import Ingestor, IngestReport, Progress
from knowledge_base.items import Item
from knowledge_base.retrieve import Retriever, Snapshot
from knowledge_base.settings import KnowledgeBaseSettings
from knowledge_base.vocabulary import vocabulary_of

_LOCK_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Stats:
    """How much there is to search."""

    documents: int
    chunks: int
    faq_entries: int
    phrasings: int


class KnowledgeBase:
    """A folder of searchable documents and FAQ entries.

    Safe to use from several threads: a search sees the state before or after a change, never between. Another
    process may change the same folder, one at a time; its changes are seen by the next search.

    Args:
        folder: Chroma's folder; made if it is not there.
        embedder: Turns texts into vectors. Each embedder sees only what it embedded itself.
        settings: How documents are cut and searched.

    Raises:
        IndexUnavailableError: The folder cannot be opened or read.
    """

    def __init__(self, folder: Path, embedder: TextEmbedder, settings: KnowledgeBaseSettings) -> None:
        self._embedder = embedder
        self._settings = settings
        self._index = Index(folder, embedder.id, embedder.dimension)
        self._changed_file = folder / f"changed-{embedder.id}"
        self._file_lock = filelock.FileLock(folder / "ingest.lock", timeout=_LOCK_TIMEOUT_S)
        self._writing = threading.Lock()
        self._retriever = Retriever(embedder, self._fresh, settings)
        self._items: dict[str, Item] = {}
        self._reload()

    def add_path(self, path: Path, progress: Progress = lambda done, total, source: None) -> IngestReport:
        """Takes in a file, or every document and FAQ table under a folder.

        Running it again changes nothing; a changed file replaces what it held before. Searches see the changes
        when the call returns.

        Args:
            progress: Called before each file with files done, files in all and the file's path.

        Raises:
            DocumentError: There is nothing at the path. Bad files are in the report instead.
            IndexUnavailableError: The index failed or another process is changing it.
        """
        with self._changing():
            ingestor = Ingestor(self._index, self._items, self._embedder, self._settings)
            return ingestor.add_path(path, progress)

    def remove_document(self, document_id: str) -> bool:
        """Removes a document, or with its `faq:` name a FAQ entry; False when there is none.

        Raises:
            IndexUnavailableError: The index failed or another process is changing it.
        """
        kind = "faq" if document_id.startswith(FAQ_PREFIX) else "document"
        key = f"{kind}/{document_id.removeprefix(FAQ_PREFIX)}"
        with self._changing():
            if key in self._items:
                self._index.remove([key])
            return self._items.pop(key, None) is not None

    def retrieve(self, query: str, top_k: int | None = None, extra: str = "") -> RetrievalResult:
        """Passages and FAQ entries for a question and for text read from a screenshot, best first.

        Args:
            top_k: Passages wanted; the setting when None.
            extra: Text read from a screenshot.
        """
        return self._retriever.retrieve(query, top_k, extra)

    def document(self, document_id: str) -> Document | None:
        """The document a passage was cut from; for a FAQ passage, question and answer as a document."""
        if document_id.startswith(FAQ_PREFIX):
            entry = self.faq(document_id.removeprefix(FAQ_PREFIX))
            return entry.as_document if entry else None
        return self._fresh().documents.get(document_id)

    def documents(self) -> Sequence[Document]:
        """All documents in order of id."""
        return tuple(self._fresh().documents.values())

    def faq(self, entry_id: str) -> FaqEntry | None:
        """A FAQ entry by its id."""
        return self._fresh().faq.get(entry_id)

    def faq_entries(self) -> Sequence[FaqEntry]:
        """All FAQ entries in order of id."""
        return tuple(self._fresh().faq.values())

    def stats(self) -> Stats:
        """How much there is to search."""
        snapshot = self._fresh()
        return Stats(
            len(snapshot.documents), len(snapshot.chunks), len(snapshot.faq), len(snapshot.phrasings)
        )

    def vocabulary(self) -> Sequence[str]:
        """Product names and codes of the content, most frequent first, to bias speech recognition."""
        return self._vocabulary

    def close(self) -> None:
        """Lets go of the folder; a change under way is waited for."""
        with self._writing:
            self._index.close()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Holds off other writers; what was changed is shown at the end, also when it broke off half-way."""
        try:
            with self._writing, self._file_lock:
                if self._changed_elsewhere():
                    self._index.reopen()
                    self._reload()
                before = {key: id(item) for key, item in self._items.items()}
                try:
                    yield
                finally:
                    if before != {key: id(item) for key, item in self._items.items()}:
                        self._publish()
                        self._announce()
        except filelock.Timeout as error:
            raise IndexUnavailableError(
                "The knowledge base is being changed by another process.", "Try again when it is done."
            ) from error

    def _publish(self) -> None:
        snapshot = Snapshot.of(self._items.values(), self._embedder.dimension)
        self._vocabulary = vocabulary_of(snapshot.documents.values(), snapshot.faq.values())
        self._snapshot = snapshot

    def _announce(self) -> None:
        """Clears away what was replaced and tells other processes to read anew."""
        self._index.sweep()
        self._changed_file.touch()
        self._seen_change = self._last_change()

    def _fresh(self) -> Snapshot:
        """The newest snapshot; while a change is under way, the one before it."""
        if self._changed_elsewhere() and self._writing.acquire(blocking=False):
            try:
                self._index.reopen()
                self._reload()
            finally:
                self._writing.release()
        return self._snapshot

    def _reload(self) -> None:
        self._seen_change = self._last_change()
        self._items = self._index.load()
        self._publish()

    def _changed_elsewhere(self) -> bool:
        return self._last_change() != self._seen_change

    def _last_change(self) -> int:
        try:
            return self._changed_file.stat().st_mtime_ns
        except OSError:
            return 0
