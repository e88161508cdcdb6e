"""`KnowledgeBase`: documents in, ranked passages out. The one class the other packages use."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import filelock

from knowledge_base.documents import FAQ_PREFIX, Document, FaqEntry, RetrievalResult
from knowledge_base.embed import TextEmbedder
from knowledge_base.embed_backends import Vectors
from knowledge_base.entries import Entry, entry_of
from knowledge_base.errors import DocumentError, IndexUnavailableError
from knowledge_base.files import SourceFile, walk
from knowledge_base.grouping import groups
from knowledge_base.image_ingest import HeldImages, ImageIngestor, by_item, images_of_now
from knowledge_base.image_reading import ImageReader, ImageReading
from knowledge_base.image_store import ImageStore
from knowledge_base.images import ImageMatch, StoredImage
from knowledge_base.index import Index
from knowledge_base.ingest import Ingestor
from knowledge_base.items import UPLOADED, WRITTEN, Item, Provenance, key_of
from knowledge_base.local_features import LocalFeatures
from knowledge_base.memory import release_memory
from knowledge_base.pause import LOCK_FILE, LOCK_TIMEOUT_S
from knowledge_base.records import Record
from knowledge_base.report import IngestReport, Progress, no_progress
from knowledge_base.rerank import Reranker
from knowledge_base.retrieve import MAX_UNKNOWN_SHARE, Retriever, Snapshot
from knowledge_base.scope import FOR_CUSTOMERS, Filters, public_documents, public_entries
from knowledge_base.settings import KnowledgeBaseSettings
from knowledge_base.transfer import export_records, read_export
from knowledge_base.vocabulary import vocabulary_of
from knowledge_base.website.fetch import host_of
from knowledge_base.website.images import SiteImages
from knowledge_base.website.pages import normalised
from knowledge_base.website.source import fetched_page, fetched_site


@dataclass(frozen=True, slots=True)
class Stats:
    """How much there is to search."""

    documents: int
    chunks: int
    faq_entries: int
    phrasings: int
    images: int = 0


class KnowledgeBase:
    """A folder of searchable documents and FAQ entries.

    Safe to use from several threads: a search sees the state before or after a change, never between. Another
    process may change the same folder, one at a time; its changes are seen by the next search.

    Args:
        folder: Chroma's folder; made if it is not there.
        embedder: Turns texts into vectors. Each embedder sees only what it embedded itself.
        settings: How documents are cut and searched.
        image_reader: Reads the images that lie beside documents, and screenshots; without one there are no images.
        reranker: Looks again at the best passages of a question.

    Raises:
        IndexUnavailableError: The folder cannot be opened or read.
    """

    def __init__(
        self,
        folder: Path,
        embedder: TextEmbedder,
        settings: KnowledgeBaseSettings,
        image_reader: ImageReader | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        self._folder = folder
        self._embedder = embedder
        self._settings = settings
        self._image_reader = image_reader
        self._image_store = ImageStore(folder / "images", image_reader) if image_reader else None
        self._index = Index(
            folder,
            embedder.id,
            embedder.dimension,
            settings.chroma_url,
            image_reader.id if image_reader else "",
        )
        self._changed_file = folder / f"changed-{embedder.id}"
        self._file_lock = filelock.FileLock(folder / LOCK_FILE, timeout=LOCK_TIMEOUT_S)
        self._writing = threading.Lock()
        self._retriever = Retriever(embedder, self._fresh, settings, reranker)
        self._items: dict[str, Item] = {}
        self._images: HeldImages = {}
        self._reload()

    def add_path(self, path: Path, progress: Progress = no_progress, *, images: bool = True) -> IngestReport:
        """Takes in a file, or every document and FAQ table under a folder.

        Running it again changes nothing; a changed file replaces what it held before. Searches see the changes
        when the call returns.

        Args:
            progress: Called before each file with files done, files in all and the file's path.
            images: Also the images of the documents; `add_images` takes them in later.

        Raises:
            DocumentError: There is nothing at the path. Bad files are in the report instead.
            IndexUnavailableError: The index failed or another process is changing it.
        """
        root = path if path.is_dir() else path.parent
        found = walk(path)
        origin = f"add:{root.resolve()}"
        with self._changing():
            report = self._ingestor().add(found.files, origin, progress)
        if images:
            report += self._take_images(found.files, origin, progress)
        return report + IngestReport(failed=found.unreadable)

    def add_images(self, path: Path, progress: Progress = no_progress) -> IngestReport:
        """Takes in the images of what `add_path` took in from the same path and is still there.

        Raises:
            DocumentError: There is nothing at the path. Bad images are in the report instead.
            IndexUnavailableError: As for `add_path`.
        """
        root = path if path.is_dir() else path.parent
        return self._take_images(walk(path).files, f"add:{root.resolve()}", progress)

    def add_files(self, files: Sequence[SourceFile], progress: Progress = no_progress) -> IngestReport:
        """Takes in uploaded files under the names given; a file of the same name replaces the one before.

        Raises:
            IndexUnavailableError: As for `add_path`.
        """
        with self._changing():
            report = self._ingestor().add(files, UPLOADED, progress)
        return report + self._take_images(files, UPLOADED, progress)

    def add_entry(self, entry: FaqEntry) -> IngestReport:
        """Takes in, or replaces, an answer that was written here.

        Raises:
            IndexUnavailableError: As for `add_path`.
        """
        with self._changing():
            return self._ingestor().put_records([entry], WRITTEN)

    def sync_folder(
        self,
        folder: Path,
        progress: Progress = no_progress,
        *,
        adopt: bool = False,
        allow_empty: bool = False,
    ) -> IngestReport:
        """Brings everything that came from a folder in step with it: adds, updates, removes.

        What was added by hand, or comes from another folder or site, is neither removed nor replaced.

        Args:
            adopt: Take over what has the same ids, however it came.
            allow_empty: Remove everything when the folder holds no document; otherwise that is taken for a mistake,
                such as a disk that is not mounted.

        Raises:
            DocumentError: There is no such folder, or it is empty.
            IndexUnavailableError: As for `add_path`.
        """
        if not folder.is_dir():
            raise DocumentError(f"There is no folder {folder}.", "Give a folder; `add` takes single files.")
        found, origin = walk(folder), f"sync:{folder.resolve()}"
        with self._changing():
            holds_some = any(item.provenance.origin == origin for item in self._items.values())
            if not found.files and holds_some and not allow_empty:
                raise DocumentError(
                    f"{folder} holds no document, so that all that came from it would be removed.",
                    "Check that the folder is mounted, or allow it with `--allow-empty`.",
                )
            report = self._ingestor().sync(found, origin, progress, adopt=adopt)
        return report + self._take_images(found.files, origin, progress)

    def add_page(self, url: str) -> IngestReport:
        """Takes in one page of a website, by hand.

        Raises:
            DocumentError: It cannot be fetched.
            IndexUnavailableError: As for `add_path`.
        """
        origin = f"add:{host_of(url)}"
        with fetched_page(url, self._settings) as found:
            with self._changing():
                report = self._ingestor().add(found.walk.files, origin, no_progress)
            return report + self._take_images(found.pages, origin, no_progress, found.images)

    def sync_site(
        self, url: str, progress: Progress = no_progress, *, adopt: bool = False, allow_empty: bool = False
    ) -> IngestReport:
        """Brings everything that came from a website, below an address, in step with it; as `sync_folder`.

        Pages are those of the site's sitemap, or else those that are linked; their images are those on the same
        host. Its robots.txt is obeyed, and pages and images are asked for conditionally. Others may change the
        knowledge base while they are fetched.

        Args:
            url: Where to begin; or a sitemap.
            progress: Called before each page is fetched, and again before each that changed is taken in.

        Raises:
            DocumentError: The site cannot be read, or no page is left.
            IndexUnavailableError: As for `add_path`.
        """
        origin = f"site:{normalised(url, url) or url}"
        known = self._ingestor().held_files(origin)
        known |= {
            name: replace(known[name], etag="", last_modified="")
            for name in self._lacking(origin) & set(known)
        }
        with fetched_site(url, known, self._settings, progress) as found:
            with self._changing():
                if not (found.pages or allow_empty) and known:
                    raise DocumentError(
                        f"{url} has no page any more, so that all that came from it would be removed.",
                        "Look at the site, or allow it with `--allow-empty`.",
                    )
                report = self._ingestor().sync(found.walk, origin, progress, adopt=adopt)
            return report + self._take_images(found.pages, origin, progress, found.images)

    def reindex(
        self, progress: Progress = no_progress, *, everything: bool = False, source: str = ""
    ) -> IngestReport:
        """Cuts and embeds anew from the stored texts, after settings or the embedder have changed.

        An embedder that has nothing yet takes over what was taken in last with another one. Images that another
        reader read, before the vision tower changed, are read anew from their stored files.

        Args:
            everything: Also what is up to date.
            source: The embedder whose records are taken over, whether this one has any or not.

        Raises:
            IndexUnavailableError: As for `add_path`.
            DocumentError: There is no such embedder in the folder.
        """
        with self._changing():
            taken = self._take_over(source, progress)
            report = taken + self._ingestor().reindex(progress, everything=everything)
            self._take_over_images()
            return report

    def _take_over(self, source: str, progress: Progress) -> IngestReport:
        """From another embedder; a take-over that was killed goes on, as a file names it until it is done."""
        mark = self._folder / f"taking-over-{self._embedder.id}"
        others = self._index.other_embedders()
        if not source and mark.is_file():
            source = mark.read_text(encoding="utf-8")
        elif not source and not self._items and others:
            source = max(others, key=lambda name: _mtime(self._folder / f"changed-{name}"))
        if not source:
            return IngestReport()
        if source not in others:
            raise DocumentError(
                f"There is nothing of an embedder {source!r}.", f"There is {', '.join(others) or 'none'}."
            )
        mark.write_text(source, encoding="utf-8")
        pairs = [
            (record, provenance)
            for record, provenance in self._index.records_of(source)
            if key_of(record) not in self._items
        ]
        report = self._ingestor().restore(pairs, progress)
        mark.unlink()
        return report

    def mirror(self, source: str, progress: Progress = no_progress) -> IngestReport:
        """Brings this embedder's part in step with another's: what is missing, changed or no longer there.

        Killed half-way it is simply begun again; nothing that is in step is embedded twice.

        Raises:
            IndexUnavailableError: As for `add_path`.
            DocumentError: There is no such embedder in the folder.
        """
        others = self._index.other_embedders()
        if source not in others:
            raise DocumentError(
                f"There is nothing of an embedder {source!r}.", f"There is {', '.join(others) or 'none'}."
            )
        with self._changing():
            theirs = self._index.records_of(source)
            gone = self._items.keys() - {key_of(record) for record, _ in theirs}
            changed = [pair for pair in theirs if not self._holds(*pair)]
            removed = self._ingestor().remove(sorted(gone))
            return self._ingestor().restore(changed, progress) + IngestReport(removed=removed)

    def _holds(self, record: Record, provenance: Provenance) -> bool:
        item = self._items.get(key_of(record))
        return item is not None and (item.record, item.provenance) == (record, provenance)

    def export_to(self, file: Path) -> int:
        """Writes every record as a line of JSON; returns how many. `import_from` reads it, also elsewhere.

        Raises:
            DocumentError: The file cannot be written.
        """
        snapshot = self._fresh()
        pairs = [(item.record, item.provenance) for item in snapshot.items]
        return export_records(pairs, file)

    def import_from(self, file: Path, progress: Progress = no_progress) -> IngestReport:
        """Takes in what `export_to` wrote; what is there already under the same id is replaced by it.

        Raises:
            DocumentError: It is no such file. Single lines that cannot be read are in the report instead.
            IndexUnavailableError: As for `add_path`.
        """
        pairs, problems = read_export(file)
        with self._changing():
            report = self._ingestor().restore(pairs, progress)
        return report + IngestReport(failed=tuple((file.name, problem) for problem in problems))

    def _ingestor(self) -> Ingestor:
        return Ingestor(self._index, self._items, self._embedder, self._settings)

    def _lacking(self, origin: str) -> set[str]:
        """Files whose own images are missing: they are fetched, changed or not."""
        if self._image_store is None:
            return set()
        return self._image_ingestor(self._items, self._images, self._image_store).lacking(origin)

    def _take_images(
        self, files: Sequence[SourceFile], origin: str, progress: Progress, site: SiteImages | None = None
    ) -> IngestReport:
        """The images of what was taken in. Reading them takes long: others may change the knowledge base meanwhile."""
        if self._image_store is None:
            return IngestReport()
        items = {item.key: item for item in self._fresh().items}
        seen = self._image_ingestor(items, dict(self._images), self._image_store, site)
        with self._image_store.holding():
            concerned = seen.prepare(files, origin, progress)
            with self._changing():
                now = self._image_ingestor(self._items, self._images, self._image_store, site)
                return IngestReport(failed=now.take(concerned, origin))

    def _take_over_images(self) -> None:
        if self._image_store is not None:
            ingestor = self._image_ingestor(self._items, self._images, self._image_store)
            for reader_id in self._index.other_image_readers():
                ingestor.take_over(self._index.images_of(reader_id))

    def _image_ingestor(
        self, items: dict[str, Item], held: HeldImages, store: ImageStore, site: SiteImages | None = None
    ) -> ImageIngestor:
        return ImageIngestor(self._index, items, held, store, self._settings, site)

    def remove_document(self, document_id: str) -> bool:
        """Removes a document, or with its `faq:` name a FAQ entry; False when there is none.

        Raises:
            IndexUnavailableError: The index failed or another process is changing it.
        """
        kind = "faq" if document_id.startswith(FAQ_PREFIX) else "document"
        with self._changing():
            return self._ingestor().remove([f"{kind}/{document_id.removeprefix(FAQ_PREFIX)}"]) > 0

    def remove_origin(self, origin: str) -> int:
        """Removes everything that came from an origin, as `entries` names it; returns how much.

        Raises:
            IndexUnavailableError: As for `remove_document`.
        """
        with self._changing():
            keys = [key for key, item in self._items.items() if item.provenance.origin == origin]
            return self._ingestor().remove(keys)

    def entries(self) -> Sequence[Entry]:
        """What is stored, without its text, documents first, in order of id."""
        return tuple(entry_of(item) for item in self._fresh().items)

    def retrieve(
        self,
        query: str,
        top_k: int | None = None,
        extra: str = "",
        images: Sequence[ImageReading] = (),
        filters: Filters = FOR_CUSTOMERS,
    ) -> RetrievalResult:
        """Passages and FAQ entries for a question and for screenshots, best first.

        Args:
            top_k: Passages wanted; the setting when None.
            extra: Text read from a screenshot.
            images: Screenshots as `read_image` read them, to be compared with the images of documents.
            filters: What may be found; unless told otherwise, what customers may read today.
        """
        return self._retriever.retrieve(query, top_k, extra, images, filters)

    def read_image(self, data: bytes, name: str, text: str | None = None) -> ImageReading | None:
        """Reads a screenshot for `retrieve`; None without a reader of images.

        Args:
            name: What errors call it.
            text: What is written on it, where that is known already; it is read otherwise.

        Raises:
            DocumentError: It is no image, damaged or too large.
        """
        return self._image_reader.read(data, name, text) if self._image_reader else None

    @property
    def has_images(self) -> bool:
        """Whether there is any image that a screenshot can be compared with."""
        return self._image_reader is not None and bool(self._fresh().pictures.images)

    def search_image(self, image: ImageReading) -> tuple[ImageMatch, ...]:
        """Images of documents that look like a screenshot, best first, with how each score came about."""
        return self._fresh().pictures.search(image)

    def image_file(self, sha256: str) -> Path | None:
        """The file of a document's image; None when there is none."""
        return self._image_store.path(sha256) if self._image_store else None

    def images(self) -> Sequence[StoredImage]:
        """All images of documents, in order of document and place."""
        return self._fresh().pictures.images

    def _features_of(self, sha256: str) -> LocalFeatures | None:
        reading = self._image_store.reading(sha256) if self._image_store else None
        return reading.features if reading else None

    def vector_of(self, question: str) -> Vectors | None:
        """The unit vector of a question, `[dimension]`; None where the embedder does not know its script."""
        if self._embedder.unknown_share(question) > MAX_UNKNOWN_SHARE:
            return None
        vector: Vectors = self._embedder.encode([question], "query")[0]
        return vector

    def snapshot(self) -> Snapshot:
        """What a search sees now, frozen: passages, phrasings, their vectors and keywords."""
        return self._fresh()

    def grouped(self, questions: Sequence[str], min_similarity: float) -> list[list[int]]:
        """Places of questions that mean the same, largest groups first; see `grouping.groups`."""
        return groups(self._embedder.encode(questions, "query"), min_similarity) if questions else []

    @property
    def embedder_id(self) -> str:
        """Names the vector space of `encode`."""
        return self._embedder.id

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of what customers say, `[texts, dimension]`."""
        return self._embedder.encode(texts, "query")

    def document(self, document_id: str) -> Document | None:
        """The document a passage was cut from; for a FAQ passage, question and answer as a document."""
        return self._fresh().document(document_id)

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
            len(snapshot.documents),
            len(snapshot.chunks),
            len(snapshot.faq),
            len(snapshot.phrasings),
            len(snapshot.pictures.images),
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
                before = self._state()
                try:
                    yield
                finally:
                    if before != self._state():
                        self._publish()
                        self._announce()
        except filelock.Timeout as error:
            raise IndexUnavailableError(
                "The knowledge base is being changed by another process.", "Try again when it is done."
            ) from error

    def _state(self) -> tuple[dict[str, int], dict[str, int]]:
        """What a change would change."""
        return {key: id(item) for key, item in self._items.items()}, {
            key: id(rows) for key, rows in self._images.items()
        }

    def _publish(self) -> None:
        images = images_of_now(self._images, self._items)
        snapshot = Snapshot.of(self._items.values(), self._embedder.dimension, images, self._features_of)
        self._vocabulary = vocabulary_of(
            public_documents(snapshot.documents.values()), public_entries(snapshot.faq.values())
        )
        self._items = {item.key: item for item in snapshot.items}  # whose vectors are parts of the snapshot's
        self._snapshot = snapshot
        release_memory()

    def _announce(self) -> None:
        """Clears away what was replaced and tells other processes to read anew."""
        self._index.sweep()
        if self._image_store:
            self._image_store.sweep(self._index.sweep_images())
            for key in self._images.keys() - self._items.keys():
                del self._images[key]
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
        self._images = by_item(self._index.load_images())
        self._index.rest()
        self._publish()

    def _changed_elsewhere(self) -> bool:
        return self._last_change() != self._seen_change

    def _last_change(self) -> int:
        return _mtime(self._changed_file)


def _mtime(file: Path) -> int:
    """When a file was changed, in nanoseconds; 0 when there is none."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
