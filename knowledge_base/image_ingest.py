"""Images of documents into the index: find → read → put. Knows no parser: it reads the texts that are stored.

It runs after the documents were taken in, over all of a run's files, also unchanged ones: what a killed run left out
is found by what is missing, so there is no second book that could differ. An image whose hash is known is not read
again, wherever it stands.
"""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from itertools import islice

from knowledge_base.documents import Document
from knowledge_base.embed_backends import Vectors
from knowledge_base.embedded_images import INSIDE
from knowledge_base.errors import DocumentError
from knowledge_base.files import SourceFile
from knowledge_base.image_files import ImageFiles, ImageNotNowError, ReadsImages
from knowledge_base.image_store import ImageStore
from knowledge_base.images import ShownImage, StoredImage, shown_images, text_hash
from knowledge_base.index import Index
from knowledge_base.items import Item
from knowledge_base.read_file import FileReader
from knowledge_base.report import Progress
from knowledge_base.settings import KnowledgeBaseSettings
from knowledge_base.website.crawl import Validators
from knowledge_base.website.images import HeldVersion, PageImages, SiteImages

log = logging.getLogger(__name__)
HeldImages = dict[str, tuple[StoredImage, ...]]
"""What the index holds, by key of the record, in order of number; also of earlier versions of its text."""


def by_item(images: Iterable[StoredImage]) -> HeldImages:
    """Stored images by the record that shows them."""
    found: dict[str, list[StoredImage]] = defaultdict(list)
    for image in sorted(images, key=lambda image: (image.item, image.number, image.text_hash)):
        found[image.item].append(image)
    return {key: tuple(rows) for key, rows in found.items()}


def images_of_now(held: HeldImages, items: Mapping[str, Item]) -> list[StoredImage]:
    """Those of documents that are there, with the text that they were tied to."""
    return [
        image
        for key in sorted(held.keys() & items.keys())
        for image in held[key]
        if image.text_hash == _hash_of(items[key])
    ]


class ImageIngestor:
    """Keeps the images of the index, and `held`, their mirror in memory, in step with documents.

    Args:
        items: What is stored of the documents, by key.
        held: Changed in place.
        settings: Their limits: larger images are left out, and those past so many of one document.
        site: Fetches the images of pages, where the documents are such.
    """

    def __init__(
        self,
        index: Index,
        items: Mapping[str, Item],
        held: HeldImages,
        store: ImageStore,
        settings: KnowledgeBaseSettings,
        site: SiteImages | None = None,
    ) -> None:
        self._index = index
        self._items = items
        self._held = held
        self._store = store
        self._settings = settings
        self._site = site

    def prepare(self, files: Sequence[SourceFile], origin: str, progress: Progress) -> tuple[SourceFile, ...]:
        """Reads the images of everything that came from these files, which takes long, into the store alone.

        Nobody has to wait for it: nothing of the index is changed. What cannot be read is told by `take`.

        Returns:
            The files that `take` has to look at.
        """
        concerned = [(file, shown) for file, shown in self._shown(files, origin) if shown]
        with closing(FileReader(self._settings)) as reader:
            for done, (file, shown) in enumerate(concerned):
                progress(done, len(concerned), f"{file.name}: images")
                for item, images in shown:
                    self._prepare_one(item, images, self._files(item, file, reader))
        return tuple(file for file, _ in concerned)

    def _prepare_one(self, item: Item, images: Sequence[ShownImage], files: ReadsImages) -> None:
        known = {row.sha256 for row in self._held.get(item.key, ())}
        unchanged = self._unchanged(item)
        for image in images:
            with suppress(DocumentError, OSError):
                data = None if image.source in unchanged else files.read(image.source, item.record.source)
                if data is not None and hashlib.sha256(data).hexdigest() not in known:
                    self._store.take(data, image.source)

    def _unchanged(self, item: Item) -> dict[str, StoredImage]:
        """By source, images inside of the document's file: their source tells their content, which is known."""
        return {row.source: row for row in self._held.get(item.key, ()) if row.source.startswith(INSIDE)}

    def take(self, files: Sequence[SourceFile], origin: str) -> tuple[tuple[str, str], ...]:
        """Takes in the images of everything that came from these files; returns what failed, with reasons.

        Raises:
            IndexUnavailableError: The index failed; what was put before stays.
        """
        with closing(FileReader(self._settings)) as reader:
            return tuple(
                failure
                for file, shown in self._shown(files, origin)
                for item, images in shown
                for failure in self._take_one(item, images, self._files(item, file, reader))
            )

    def lacking(self, origin: str) -> set[str]:
        """Files with images inside of them that are not stored, as a killed run leaves them."""
        return {
            item.provenance.file
            for item in self._items.values()
            if item.provenance.origin == origin
            and any(
                image.source.startswith(INSIDE) and image.source not in self._unchanged(item)
                for image in self._images_of(item)
            )
        }

    def _files(self, item: Item, file: SourceFile, reader: FileReader) -> ReadsImages:
        files = ImageFiles(file, self._settings.max_document_bytes, reader)
        if self._site is None:
            return files
        rows = {row.source: row for row in self._held.get(item.key, ())}
        return PageImages(
            self._site, item.record.source, files, lambda source: self._version(rows.get(source))
        )

    def _version(self, row: StoredImage | None) -> HeldVersion | None:
        path = self._store.path(row.sha256) if row else None
        return HeldVersion(path, Validators(row.etag, row.last_modified)) if row and path else None

    def _shown(
        self, files: Sequence[SourceFile], origin: str
    ) -> Iterator[tuple[SourceFile, list[tuple[Item, list[ShownImage]]]]]:
        """Of each file, the documents that show images or did so before."""
        by_file: dict[str, list[Item]] = defaultdict(list)
        for item in self._items.values():
            if item.provenance.origin == origin and isinstance(item.record, Document):
                by_file[item.provenance.file].append(item)
        for file in files:
            shown = [(item, self._images_of(item)) for item in by_file[file.name]]
            yield file, [(item, images) for item, images in shown if images or item.key in self._held]

    def _images_of(self, item: Item) -> list[ShownImage]:
        return list(islice(shown_images(_text_of(item)), self._settings.max_document_images))

    def take_over(self, rows: Iterable[StoredImage]) -> int:
        """Reads images anew that another reader had read, from their stored files; returns how many."""
        taken = 0
        known = {row.id for held in self._held.values() for row in held}
        for row in images_of_now(by_item(rows), self._items):
            if row.id not in known and (new := self._read_again(row)):
                self._put(row.item, [*self._held.get(row.item, ()), new])
                taken += 1
        return taken

    def _take_one(
        self, item: Item, shown: Sequence[ShownImage], files: ReadsImages
    ) -> Iterator[tuple[str, str]]:
        known = {row.sha256: row for row in self._held.get(item.key, ())}
        by_source = {row.source: row for row in self._held.get(item.key, ())}
        unchanged = self._unchanged(item)
        version, rows = _hash_of(item), []
        for number, image in enumerate(shown):
            place = (item.key, version, number)
            try:
                if row := unchanged.get(image.source):
                    rows.append(_placed(place, row.sha256, image, row.text, row.vector))
                elif (data := files.read(image.source, item.record.source)) is not None:
                    etag, last_modified = files.validators(image.source)
                    row = self._row(place, image, data, known)
                    rows.append(replace(row, etag=etag, last_modified=last_modified))
            except (DocumentError, OSError) as error:
                if isinstance(error, ImageNotNowError) and (row := by_source.get(image.source)):
                    rows.append(
                        replace(row, text_hash=version, number=number, offset=image.offset, alt=image.alt)
                    )
                log.info("%s of %s was left out: %s", image.source, item.record.source, error)
                yield item.record.source, f"{image.source}: {error}"
        if tuple(rows) != self._held.get(item.key, ()):
            self._put(item.key, rows)

    def _row(
        self, place: tuple[str, str, int], image: ShownImage, data: bytes, known: Mapping[str, StoredImage]
    ) -> StoredImage:
        sha256 = hashlib.sha256(data).hexdigest()
        if row := known.get(sha256):
            return _placed(place, sha256, image, row.text, row.vector)
        sha256, reading = self._store.take(data, image.source)
        return _placed(place, sha256, image, reading.text, reading.vector)

    def _read_again(self, row: StoredImage) -> StoredImage | None:
        path = self._store.path(row.sha256)
        if path is None:
            return None
        _, reading = self._store.take(path.read_bytes(), row.source)
        values = (row.item, row.text_hash, row.number, row.sha256, row.source, row.offset, row.alt)
        return StoredImage(*values, reading.text, reading.vector)

    def _put(self, key: str, rows: Sequence[StoredImage]) -> None:
        """The new rows first: what is killed between leaves rows that the next run removes."""
        self._index.put_images(rows)
        kept = {row.id for row in rows}
        self._index.remove_images([row.id for row in self._held.get(key, ()) if row.id not in kept])
        if rows:
            self._held[key] = tuple(rows)
        else:
            self._held.pop(key, None)


def _placed(
    place: tuple[str, str, int], sha256: str, image: ShownImage, text: str, vector: Vectors
) -> StoredImage:
    return StoredImage(*place, sha256, image.source, image.offset, image.alt, text, vector)


def _text_of(item: Item) -> str:
    return item.record.text if isinstance(item.record, Document) else ""


def _hash_of(item: Item) -> str:
    return text_hash(_text_of(item))
