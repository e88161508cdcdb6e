"""What is stored, in Chroma: records (documents and FAQ entries), their passages and their phrasings.

The only module that knows chromadb. A record is replaced atomically: its new rows are written under a new
revision, then the record that names the revision, then the old rows go. Rows whose revision no record names are
not seen, so a process killed at any moment leaves the old state or the new one.
"""

import json
import re
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import chromadb
import httpx
import numpy as np
from chromadb.errors import ChromaError

from knowledge_base.documents import Chunk, Document
from knowledge_base.embed_backends import Vectors
from knowledge_base.errors import IndexUnavailableError
from knowledge_base.images import StoredImage
from knowledge_base.items import Item, Provenance
from knowledge_base.passages import Cut, Passages, cut_of
from knowledge_base.records import Record, document_of, record_from_dict, record_to_dict

SCHEMA_VERSION = 1
_PAGE_ROWS = 500  # Chroma gives vectors as Python floats: 4.6 MB a page, much of whose room stays
_RECORDS = re.compile(rf"records-(.+)-v{SCHEMA_VERSION}")
_IMAGES = re.compile(rf"images-(.+)-v{SCHEMA_VERSION}")
_PORTS = {"http": 80, "https": 443}
Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class _Row(Generic[Content]):
    """One vector and what it is of."""

    number: int
    content: Content
    vector: Vectors


@dataclass(frozen=True, slots=True)
class _Stored:
    """A record as it lies there, and what its passages are cut from."""

    record: Record
    revision: str
    provenance: Provenance
    document: Document


class Index:
    """The store of one knowledge base, for one embedding model.

    Args:
        folder: Chroma's folder; made if it is not there.
        embedder_id: Vectors of different models never mix: each has its own collections.
        server_url: A Chroma server that keeps everything instead of the folder, if any.
        image_reader_id: Whose vectors of images are kept too; empty for none. They have a collection of their own
            that all embedders share.

    Raises:
        IndexUnavailableError: The folder cannot be opened. So do all methods when Chroma fails.
    """

    def __init__(
        self,
        folder: Path,
        embedder_id: str,
        dimension: int,
        server_url: str = "",
        image_reader_id: str = "",
    ) -> None:
        self._folder = folder
        self._server_url = server_url
        self._dimension = dimension
        self._names = tuple(
            f"{name}-{embedder_id}-v{SCHEMA_VERSION}" for name in ("records", "chunks", "phrasings")
        )
        self._images_name = f"images-{image_reader_id}-v{SCHEMA_VERSION}" if image_reader_id else ""
        self._is_closed = True
        with _failing_as("cannot be opened"):
            folder.mkdir(parents=True, exist_ok=True)
            self._open()

    def _open(self) -> None:
        self._client = _client(self._folder, self._server_url)
        self._batch = min(1_000, self._client.get_max_batch_size())
        self._records, self._chunks, self._phrasings = map(self._collection, self._names)
        self._images: Any = self._collection(self._images_name) if self._images_name else None
        self._is_closed = False

    def _close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._client.close()

    def _collection(self, name: str) -> Any:
        return self._client.get_or_create_collection(
            name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )

    def reopen(self) -> None:
        """Opens the folder anew: Chroma keeps its graph in memory and misses what other processes wrote."""
        with _failing_as("cannot be opened"):
            self._close()
            self._open()

    @contextmanager
    def _using(self, what: str) -> Iterator[None]:
        """After a failure Chroma is closed, and opened anew for what comes next.

        What a failed write leaves behind (a full disk) would make the next one wait for ever, here and elsewhere.
        """
        with _failing_as(what):
            if self._is_closed:
                self._open()
            try:
                yield
            except BaseException:
                self._close()
                raise

    def load(self) -> dict[str, Item]:
        """Every stored item by key, in order of key."""
        with self._using("cannot be read"):
            records = {row["id"]: _stored(row) for row in _pages(self._records, ["documents", "metadatas"])}
            cuts = self._rows(self._chunks, records, _cut)
            phrasings = self._rows(self._phrasings, records, _phrasing)
        return {
            key: self._item(records.pop(key), cuts.pop(key, []), phrasings.pop(key, []))
            for key in sorted(records)
        }

    def rest(self) -> None:
        """Lets go of the memory that Chroma holds until it is needed again: searches do without it."""
        with _failing_as("cannot be closed"):
            if not self._server_url:
                self._close()

    def put(self, items: Sequence[Item]) -> None:
        """Adds or replaces items; each appears whole or not at all."""
        with self._using("cannot be written"):
            self._upsert(self._chunks, (row for item in items for row in _chunk_rows(item)))
            self._upsert(self._phrasings, (row for item in items for row in _phrasing_rows(item)))
            self._upsert(self._records, (_record_row(item) for item in items))

    def put_records(self, items: Sequence[Item]) -> None:
        """Writes anew where items came from; everything else of them is stored already."""
        with self._using("cannot be written"):
            self._upsert(self._records, (_record_row(item) for item in items))

    def other_embedders(self) -> list[str]:
        """Embedders whose collections lie in the same folder."""
        with self._using("cannot be read"):
            names = [str(collection.name) for collection in self._client.list_collections()]
        found = (_RECORDS.fullmatch(name) for name in names if name != self._names[0])
        return sorted(match[1] for match in found if match)

    def records_of(self, embedder_id: str) -> list[tuple[Record, Provenance]]:
        """What was taken in with another embedder, without its vectors."""
        with self._using("cannot be read"):
            collection = self._client.get_collection(
                f"records-{embedder_id}-v{SCHEMA_VERSION}", embedding_function=None
            )
            rows = list(_pages(collection, ["documents", "metadatas"]))
        return [(_record(row["metadata"], row["document"]), _provenance(row["metadata"])) for row in rows]

    def remove(self, keys: Iterable[str]) -> None:
        """Removes items; `sweep` removes what was searched for them."""
        keys = list(keys)
        with self._using("cannot be written"):
            for start in range(0, len(keys), self._batch):
                self._records.delete(ids=keys[start : start + self._batch])

    def sweep(self) -> int:
        """Removes rows that no record names any more; returns how many. Call it only while nobody writes."""
        swept = 0
        with self._using("cannot be written"):
            live = {row["id"]: row["metadata"]["revision"] for row in _pages(self._records, ["metadatas"])}
            for collection in (self._chunks, self._phrasings):
                rows = _pages(collection, ["metadatas"])
                stray = [
                    r["id"] for r in rows if live.get(r["metadata"]["item"]) != r["metadata"]["revision"]
                ]
                for start in range(0, len(stray), self._batch):
                    collection.delete(ids=stray[start : start + self._batch])
                swept += len(stray)
        return swept

    def load_images(self) -> list[StoredImage]:
        """Every stored image, also of documents that are gone or changed since; none without a reader."""
        if self._images is None:
            return []
        with self._using("cannot be read"):
            return [_image(row) for row in _pages(self._images, ["documents", "metadatas", "embeddings"])]

    def put_images(self, images: Sequence[StoredImage]) -> None:
        """Adds or replaces images, each by itself."""
        with self._using("cannot be written"):
            self._upsert(self._images, (_image_row(image) for image in images))

    def remove_images(self, ids: Sequence[str]) -> None:
        """Removes images by id."""
        with self._using("cannot be written"):
            for start in range(0, len(ids), self._batch):
                self._images.delete(ids=list(ids[start : start + self._batch]))

    def other_image_readers(self) -> list[str]:
        """Readers of images whose collections lie in the same folder."""
        with self._using("cannot be read"):
            names = [str(collection.name) for collection in self._client.list_collections()]
        found = (_IMAGES.fullmatch(name) for name in names if name != self._images_name)
        return sorted(match[1] for match in found if match)

    def images_of(self, image_reader_id: str) -> list[StoredImage]:
        """What another reader had read; its vectors are of another space."""
        with self._using("cannot be read"):
            name = f"images-{image_reader_id}-v{SCHEMA_VERSION}"
            collection = self._client.get_collection(name, embedding_function=None)
            return [_image(row) for row in _pages(collection, ["documents", "metadatas", "embeddings"])]

    def sweep_images(self) -> set[str]:
        """Removes images of records that no embedder has any more; SHA-256 of the files still needed.

        Call it only while nobody writes.
        """
        with self._using("cannot be written"):
            names = [str(collection.name) for collection in self._client.list_collections()]
            records = {row["id"] for name in filter(_RECORDS.fullmatch, names) for row in self._ids(name)}
            needed: set[str] = set()
            for name in filter(_IMAGES.fullmatch, names):
                rows = list(self._ids(name, ["metadatas"]))
                needed |= {r["metadata"]["sha256"] for r in rows if r["metadata"]["item"] in records}
                stray = [r["id"] for r in rows if r["metadata"]["item"] not in records]
                for start in range(0, len(stray), self._batch):
                    self._client.get_collection(name, embedding_function=None).delete(
                        ids=stray[start : start + self._batch]
                    )
        return needed

    def _ids(self, name: str, include: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        return _pages(self._client.get_collection(name, embedding_function=None), include)

    def close(self) -> None:
        """Lets go of the folder."""
        with _failing_as("cannot be closed"):
            self._close()

    def _rows(
        self,
        collection: Any,
        records: Mapping[str, _Stored],
        content: Callable[[Mapping[str, Any], Document], Content],
    ) -> dict[str, list[_Row[Content]]]:
        """Rows by item, in order, of the revisions that the records name.

        What Chroma gave is let go of page by page: small objects that stay among those that go keep the room of both.
        """
        found: dict[str, list[_Row[Content]]] = {}
        for row in _pages(collection, ["documents", "metadatas", "embeddings"]):
            key, metadata = row["metadata"]["item"], row["metadata"]
            stored = records.get(key)
            if stored and stored.revision == metadata["revision"]:
                vector = np.asarray(row["embedding"], np.float32)
                kept = _Row(metadata["number"], content(row, stored.document), vector)
                found.setdefault(sys.intern(key), []).append(kept)
        return {key: sorted(rows, key=lambda row: row.number) for key, rows in found.items()}

    def _item(self, stored: _Stored, cuts: list[_Row[Cut | Chunk]], phrasings: list[_Row[str]]) -> Item:
        return Item(
            record=stored.record,
            revision=stored.revision,
            chunks=Passages(stored.document, (row.content for row in cuts)),
            chunk_vectors=self._stacked(cuts),
            phrasings=tuple(row.content for row in phrasings),
            phrasing_vectors=self._stacked(phrasings),
            provenance=stored.provenance,
        )

    def _stacked(self, rows: Sequence[_Row[Any]]) -> Vectors:
        return np.stack([row.vector for row in rows]) if rows else np.zeros((0, self._dimension), np.float32)

    def _upsert(self, collection: Any, rows: Iterable[dict[str, Any]]) -> None:
        rows = list(rows)
        for start in range(0, len(rows), self._batch):
            batch = rows[start : start + self._batch]
            collection.upsert(
                ids=[row["id"] for row in batch],
                documents=[row["document"] for row in batch],
                metadatas=[row["metadata"] for row in batch],
                embeddings=[row["embedding"] for row in batch],
            )


def _client(folder: Path, server_url: str) -> Any:
    settings = chromadb.Settings(anonymized_telemetry=False)
    if not server_url:
        return chromadb.PersistentClient(str(folder), settings=settings)
    url = urlsplit(server_url)
    port = url.port or _PORTS[url.scheme]
    return chromadb.HttpClient(url.hostname or "", port, ssl=url.scheme == "https", settings=settings)


def _chunk_rows(item: Item) -> Iterator[dict[str, Any]]:
    for number, (chunk, vector) in enumerate(zip(item.chunks, item.chunk_vectors, strict=True)):
        values = {f.name: getattr(chunk, f.name) for f in fields(chunk) if f.name != "text"}
        values["heading_path"] = json.dumps(chunk.heading_path, ensure_ascii=False)
        yield _row(item, number, chunk.text, vector, values)


def _phrasing_rows(item: Item) -> Iterator[dict[str, Any]]:
    for number, (phrasing, vector) in enumerate(zip(item.phrasings, item.phrasing_vectors, strict=True)):
        yield _row(item, number, phrasing, vector, {})


def _row(item: Item, number: int, text: str, vector: Vectors, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{item.key}@{item.revision}#{number}",
        "document": text,
        "embedding": vector,
        "metadata": {**values, "item": item.key, "revision": item.revision, "number": number},
    }


def _record_row(item: Item) -> dict[str, Any]:
    values = record_to_dict(item.record)
    text = values.pop("text" if isinstance(item.record, Document) else "answer")
    return {
        "id": item.key,
        "document": text,
        "embedding": [1.0],  # records are found by id only
        "metadata": {
            "revision": item.revision,
            "record": json.dumps(values, ensure_ascii=False),
            "provenance": json.dumps(asdict(item.provenance), ensure_ascii=False),
        },
    }


def _image_row(image: StoredImage) -> dict[str, Any]:
    values = {f.name: getattr(image, f.name) for f in fields(image) if f.name not in ("text", "vector")}
    return {"id": image.id, "document": image.text, "embedding": image.vector, "metadata": values}


def _image(row: Mapping[str, Any]) -> StoredImage:
    values = {f.name: row["metadata"][f.name] for f in fields(StoredImage) if f.name in row["metadata"]}
    return StoredImage(**values, text=row["document"] or "", vector=np.asarray(row["embedding"], np.float32))


def _provenance(metadata: Mapping[str, Any]) -> Provenance:
    values = json.loads(metadata.get("provenance", "{}"))
    return Provenance(**{**values, "origin": sys.intern(values.get("origin", ""))})


def _record(metadata: Mapping[str, Any], text: str) -> Record:
    values = json.loads(metadata["record"])
    values["language"] = sys.intern(values.get("language", "en"))
    return record_from_dict({**values, "answer" if "question" in values else "text": text})


def _stored(row: Mapping[str, Any]) -> _Stored:
    metadata = row["metadata"]
    record = _record(metadata, row["document"])
    return _Stored(record, metadata["revision"], _provenance(metadata), document_of(record))


def _cut(row: Mapping[str, Any], document: Document) -> Cut | Chunk:
    metadata = row["metadata"]
    values = {f.name: metadata[f.name] for f in fields(Chunk) if f.name in metadata}
    shared = {name: _shared_number(values[name]) for name in ("start", "end")}
    headings = _headings(values["heading_path"])
    chunk = Chunk(**{**values, **shared, "heading_path": headings}, text=row["document"])
    return cut_of(document, metadata["number"], chunk)


@lru_cache(maxsize=256)
def _headings(stored: str) -> tuple[str, ...]:
    return tuple(map(sys.intern, json.loads(stored)))


@lru_cache(maxsize=4096)
def _shared_number(value: int) -> int:
    """Many passages begin and end at the same places."""
    return value


def _phrasing(row: Mapping[str, Any], _document: Document) -> str:
    return str(row["document"])


def _pages(collection: Any, include: Sequence[str]) -> Iterator[dict[str, Any]]:
    """All rows of a collection, a page at a time to spare memory."""
    offset = 0
    while True:
        page = collection.get(limit=_PAGE_ROWS, offset=offset, include=list(include))
        for i, identifier in enumerate(page["ids"]):
            yield {"id": identifier, **{name.removesuffix("s"): page[name][i] for name in include}}
        offset += len(page["ids"])
        if len(page["ids"]) < _PAGE_ROWS:
            return


@contextmanager
def _failing_as(what: str) -> Iterator[None]:
    try:
        yield
    except (
        ChromaError,
        httpx.HTTPError,
        OSError,
        sqlite3.Error,
        ValueError,
        KeyError,
        RuntimeError,
    ) as error:
        raise IndexUnavailableError(
            f"The knowledge base {what}: {error}.", "Check the data folder, its disk and its permissions."
        ) from error
