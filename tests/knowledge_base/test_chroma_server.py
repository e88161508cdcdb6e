"""A Chroma server in the place of the folder: what one process takes in, another finds, and its loss costs nothing."""

import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from knowledge_base.base import KnowledgeBase
from knowledge_base.embed import Role
from knowledge_base.embed_backends import Vectors
from knowledge_base.errors import IndexUnavailableError
from knowledge_base.settings import KnowledgeBaseSettings
from tests.knowledge_base.chroma_server import ChromaServer
from tests.knowledge_base.conftest import HashingEmbedder
from tests.knowledge_base.many_articles import many_articles, stored


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChromaServer]:
    server = ChromaServer(tmp_path / "server")
    try:
        server.start()
        yield server
    finally:
        server.kill()


def test_what_one_process_takes_in_another_finds_on_the_server(tmp_path: Path, server: ChromaServer) -> None:
    settings = KnowledgeBaseSettings(chroma_url=server.url)
    folder, article = tmp_path / "shared", tmp_path / "light.md"
    article.write_text("# The status light\n\nSolid amber means there is no internet.\n")
    one = KnowledgeBase(folder, HashingEmbedder(), settings)
    other = KnowledgeBase(folder, HashingEmbedder(), settings)
    assert one.add_path(article).added == 1
    assert "no internet" in other.retrieve("What does solid amber mean?").chunks[0].chunk.text
    assert not (folder / "chroma.sqlite3").exists()
    one.close()
    other.close()


def test_a_server_that_is_not_there_is_a_readable_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(IndexUnavailableError, match="knowledge base cannot be opened"):
            KnowledgeBase(tmp_path, HashingEmbedder(), KnowledgeBaseSettings(chroma_url=url))


class Unplugging(HashingEmbedder):
    """Kills the server at a call of `encode`, or a moment after it, while what was embedded is written."""

    def __init__(self, server: ChromaServer, call: int, delay_s: float) -> None:
        super().__init__()
        self._server = server
        self._call = call
        self._delay_s = delay_s
        self._calls = 0

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vectors:
        self._calls += 1
        if self._calls == self._call and self._delay_s:
            threading.Timer(self._delay_s, self._server.kill).start()
        elif self._calls == self._call:
            self._server.kill()
        return super().encode(texts, role)


@pytest.mark.parametrize(("call", "delay_s"), [(3, 0.0), (5, 0.02)])
def test_a_server_that_dies_in_the_middle_of_an_ingest_and_returns_loses_nothing(
    tmp_path: Path, server: ChromaServer, call: int, delay_s: float
) -> None:
    articles = many_articles(tmp_path / "articles")
    clean = KnowledgeBase(tmp_path / "clean", HashingEmbedder(), KnowledgeBaseSettings())
    assert clean.add_path(articles).failed == ()
    settings = KnowledgeBaseSettings(chroma_url=server.url)
    embedder = Unplugging(server, call, delay_s)
    knowledge_base = KnowledgeBase(tmp_path / "shared", embedder, settings)
    first = articles / "device-0.md"
    knowledge_base.add_path(first)  # two calls of the embedder

    with pytest.raises(IndexUnavailableError, match="The knowledge base cannot be"):
        knowledge_base.add_path(articles)
    assert "device 0" in knowledge_base.retrieve("part 3 of device 0").chunks[0].chunk.text  # searches go on
    with pytest.raises(IndexUnavailableError):
        knowledge_base.add_path(articles)

    server.start()
    resumed = knowledge_base.add_path(articles)
    assert (resumed.failed, resumed.updated) == ((), 0)
    assert knowledge_base.add_path(articles).unchanged == 33
    another = KnowledgeBase(tmp_path / "shared", HashingEmbedder(), settings)
    expected = stored(clean.snapshot().items)
    assert stored(knowledge_base.snapshot().items) == expected
    assert stored(another.snapshot().items) == expected
    assert another._index.sweep() == 0  # no row was left behind
    for one in (clean, knowledge_base, another):
        one.close()
