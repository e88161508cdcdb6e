"""What the chat page takes in has the limits of the API, whatever part of Gradio reads it; administrators have more."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from chatbot.services import Services
from chatbot.settings import Settings
from chatbot.web.server import create_app
from chatbot.web_settings import WebSettings
from finetune.web.mount import PATH, mount_finetune_page
from tests.web.api.conftest import serve  # noqa: F401 - a fixture

MOST_BYTES = 20_000
UPLOAD, JOIN = "/gradio_api/upload", "/gradio_api/queue/join"
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
PART = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\n'


@pytest.fixture
def address(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    serve: Callable[[FastAPI], str],  # noqa: F811
) -> Iterator[str]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    web = WebSettings(max_upload_bytes=MOST_BYTES, body_timeout_s=0.5)
    services = Services(Settings(data_dir=tmp_path / "data", web=web))
    yield serve(create_app(services, (mount_finetune_page,)))
    services.close()


def endless(start: bytes) -> Iterator[bytes]:
    yield start
    for _ in range(100):
        yield b"x" * 1000


@pytest.mark.parametrize(
    ("path", "start", "headers"), [(UPLOAD, PART, FORM), (JOIN, b'{"data": ["', {})], ids=["upload", "join"]
)
def test_what_is_too_large_is_refused_whether_it_says_so_or_not(
    address: str, path: str, start: bytes, headers: dict[str, str]
) -> None:
    contents: tuple[Iterator[bytes] | bytes, ...] = (endless(start), start + b"x" * MOST_BYTES)
    for content in contents:
        assert httpx.post(address + path, content=content, headers=headers, timeout=60).status_code == 413


@pytest.mark.parametrize("path", [UPLOAD, JOIN])
def test_what_comes_drop_by_drop_is_given_up(address: str, path: str) -> None:
    port = int(address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as slow:
        slow.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999\r\n".encode())
        slow.sendall(b"Content-Type: multipart/form-data; boundary=b\r\n\r\n")
        slow.settimeout(0.1)
        answer = b""
        for drop in PART * 100:
            try:
                slow.sendall(bytes([drop]))
                answer = slow.recv(12)
            except TimeoutError:
                continue
            break
        assert answer == b"HTTP/1.1 408"


def test_an_administrator_takes_in_more(address: str) -> None:
    sent = httpx.post(
        f"{address}{PATH}{UPLOAD}", files={"files": ("a.csv", b"x" * 3 * MOST_BYTES)}, timeout=60
    )
    assert sent.status_code == 200
    assert Path(sent.json()[0]).stat().st_size == 3 * MOST_BYTES
