import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from knowledge_base.documents import Chunk, Document, FaqEntry
from knowledge_base.errors import IndexUnavailableError
from knowledge_base.index import Index
from knowledge_base.items import Item

ARTICLE = Document(
    "guides/ärger #1", "Titel", "Erste Zeile.\n\nZweite.", "/x", "de", "hash", "a.md", {"product": "Wren"}
)
ENTRY = FaqEntry("f1", "Why?", "So.", ("How come?",), "en", "guides/ärger #1", "/f", "faq.csv")


def item(record: Document | FaqEntry, revision: str = "r1") -> Item:
    text = record.text if isinstance(record, Document) else record.answer
    chunk = Chunk(f"{record.id}#0", record.id, "Titel", text[:6], 0, 6, ("Oben", "Unten"), "/x", "de")
    phrasings = record.all_phrasings if isinstance(record, FaqEntry) else ()
    vectors = np.eye(4, dtype=np.float32)
    return Item(
        record, revision, (chunk, replace(chunk, id="b")), vectors[:2], phrasings, vectors[: len(phrasings)]
    )


@pytest.fixture
def open_index(tmp_path: Path) -> Iterator[Callable[..., Index]]:
    opened: list[Index] = []

    def open_one(embedder_id: str = "tiny-4", dimension: int = 4) -> Index:
        opened.append(Index(tmp_path / "chroma", embedder_id, dimension))
        return opened[-1]

    yield open_one
    for index in opened:
        index.close()


def same(a: Item, b: Item) -> bool:
    return (
        (a.record, a.revision, a.chunks, a.phrasings) == (b.record, b.revision, b.chunks, b.phrasings)
        and np.allclose(a.chunk_vectors, b.chunk_vectors)
        and np.allclose(a.phrasing_vectors, b.phrasing_vectors)
    )


def test_everything_comes_back_as_it_was_put(open_index):
    open_index().put([item(ARTICLE), item(ENTRY)])
    loaded = open_index().load()
    assert list(loaded) == ["document/guides/ärger #1", "faq/f1"]
    assert same(loaded["document/guides/ärger #1"], item(ARTICLE))
    assert same(loaded["faq/f1"], item(ENTRY))


def test_an_item_without_passages_comes_back_too(open_index):
    bare = replace(item(ARTICLE), chunks=(), chunk_vectors=np.zeros((0, 4), np.float32))
    index = open_index()
    index.put([bare])
    assert same(index.load()[bare.key], bare)


def test_a_new_revision_replaces_the_old_one_and_its_rows_are_swept(open_index):
    index = open_index()
    index.put([item(ARTICLE), item(ENTRY)])
    index.put([item(replace(ARTICLE, title="Neu"), "r2")])
    loaded = index.load()
    assert loaded["document/guides/ärger #1"].record.title == "Neu"
    assert len(loaded["document/guides/ärger #1"].chunks) == 2
    assert index.sweep() == 2
    assert index.sweep() == 0
    assert len(index.load()) == 2


def test_after_a_rest_it_goes_on_as_before(open_index):
    index = open_index()
    index.put([item(ARTICLE)])
    index.rest()
    index.rest()
    assert list(index.load()) == ["document/guides/ärger #1"]
    index.rest()
    index.put([item(ENTRY)])
    index.rest()
    index.remove(["document/guides/ärger #1"])
    assert list(open_index().load()) == ["faq/f1"]


def test_rows_without_a_record_are_not_seen(open_index):
    """As after a kill between writing the rows and writing the record that names them."""
    index = open_index()
    index.put([item(ARTICLE), item(ENTRY)])
    index.remove(["faq/f1"])
    assert list(index.load()) == ["document/guides/ärger #1"]
    assert index.sweep() == 4


def test_each_embedder_has_its_own_vectors(open_index):
    open_index().put([item(ARTICLE)])
    assert open_index("other-8", 8).load() == {}


def test_more_rows_than_one_batch_are_stored(open_index):
    many = [item(replace(ENTRY, id=f"f{n:04}")) for n in range(1_200)]
    index = open_index()
    index.put(many)
    assert len(index.load()) == 1_200
    index.remove([entry.key for entry in many])
    assert index.sweep() == 4_800


def test_a_damaged_folder_is_reported(tmp_path):
    folder = tmp_path / "chroma"
    folder.mkdir()
    (folder / "chroma.sqlite3").write_bytes(b"garbage" * 1_000)
    with pytest.raises(IndexUnavailableError, match="cannot be opened"):
        Index(folder, "tiny-4", 4)


def test_a_file_in_place_of_the_folder_is_reported(tmp_path):
    (tmp_path / "chroma").write_text("x")
    with pytest.raises(IndexUnavailableError, match="data folder"):
        Index(tmp_path / "chroma", "tiny-4", 4)


def test_a_folder_that_vanished_is_reported(open_index, tmp_path):
    index = open_index()
    shutil.rmtree(tmp_path / "chroma")
    with pytest.raises(IndexUnavailableError, match="cannot be written"):
        index.put([item(ARTICLE)])
