"""A Chroma server in the place of the folder: what one process takes in, another finds."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from knowledge_base.base import KnowledgeBase
from knowledge_base.errors import IndexUnavailableError
from knowledge_base.settings import KnowledgeBaseSettings
from tests.knowledge_base.conftest import HashingEmbedder

PATIENCE_S = 120.0


@pytest.fixture
def chroma_url(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("chroma")
    arguments = ("run", "--path", str(tmp_path / "server"), "--host", "127.0.0.1", "--port", str(port))
    server = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, server)
        yield url
    finally:
        server.kill()
        server.wait()


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{url}/api/v2/heartbeat").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the Chroma server does not answer")


def test_what_one_process_takes_in_another_finds_on_the_server(tmp_path: Path, chroma_url: str) -> None:
    settings = KnowledgeBaseSettings(chroma_url=chroma_url)
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
