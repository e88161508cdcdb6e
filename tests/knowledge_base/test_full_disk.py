"""A disk that fills in the middle of an ingest: a readable error, nothing lost, and on it goes when there is room."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from knowledge_base.base import KnowledgeBase
from knowledge_base.errors import DocumentError, IndexUnavailableError
from knowledge_base.settings import KnowledgeBaseSettings
from tests.knowledge_base.conftest import HashingEmbedder
from tests.knowledge_base.many_articles import many_articles, stored

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the size of files is limited on Unix")


@contextmanager
def no_file_above(size_bytes: int) -> Iterator[None]:
    """What is written past the limit fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fills_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    articles = many_articles(tmp_path / "articles")
    clean = KnowledgeBase(tmp_path / "clean", HashingEmbedder(), KnowledgeBaseSettings())
    assert clean.add_path(articles).failed == ()
    knowledge_base = KnowledgeBase(tmp_path / "full", HashingEmbedder(), KnowledgeBaseSettings())
    knowledge_base.add_path(articles / "device-0.md")

    database = tmp_path / "full" / "chroma.sqlite3"
    with no_file_above(database.stat().st_size + 100_000):
        for _ in range(2):
            with pytest.raises(IndexUnavailableError, match=r"The knowledge base cannot be .*its disk"):
                knowledge_base.add_path(articles)
        assert "device 0" in knowledge_base.retrieve("part 3 of device 0").chunks[0].chunk.text

    other = KnowledgeBase(tmp_path / "full", HashingEmbedder(), KnowledgeBaseSettings())
    assert other.document("device-0") is not None
    other.close()
    resumed = knowledge_base.add_path(articles)  # in the same process, which had failed before
    assert (resumed.failed, resumed.updated) == ((), 0)
    assert knowledge_base.add_path(articles).unchanged == 33
    reopened = KnowledgeBase(tmp_path / "full", HashingEmbedder(), KnowledgeBaseSettings())
    assert stored(knowledge_base.snapshot().items) == stored(clean.snapshot().items)
    assert stored(reopened.snapshot().items) == stored(clean.snapshot().items)
    for one in (clean, knowledge_base, reopened):
        one.close()


def test_an_export_to_a_full_disk_leaves_the_one_before(tmp_path: Path) -> None:
    knowledge_base = KnowledgeBase(tmp_path / "kb", HashingEmbedder(), KnowledgeBaseSettings())
    knowledge_base.add_path(many_articles(tmp_path / "articles"))
    file = tmp_path / "all.jsonl"
    knowledge_base.export_to(file)
    before = file.read_bytes()
    with no_file_above(len(before) // 2), pytest.raises(DocumentError, match="cannot be written"):
        knowledge_base.export_to(file)
    assert file.read_bytes() == before
    assert list(tmp_path.glob("*.tmp")) == []
    knowledge_base.close()
