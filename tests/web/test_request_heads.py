"""Heads of requests that come slowly or never end, against a real server."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import FastAPI, Request

from chatbot.web import request_heads
from chatbot.web.request_heads import HEAD_BYTES, HeadLimits

LIMIT_S = 0.8
COMPLETE = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setattr(request_heads, "HEAD_S", LIMIT_S)
    app = FastAPI()

    @app.get("/")
    def hello() -> str:
        return "hello"

    @app.post("/")
    async def length(request: Request) -> int:
        return len(await request.body())

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http=HeadLimits, log_config=None, timeout_keep_alive=30))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    with socket.create_connection(listener.getsockname(), timeout=20) as client:
        yield client
    server.should_exit = True
    thread.join(20)
    listener.close()


def received(client: socket.socket, until: bytes = b"") -> bytes:
    """What comes until these bytes, or until the server closes the connection."""
    data = b""
    while not until or until not in data:
        try:
            piece = client.recv(4096)
        except ConnectionResetError:
            break
        if not piece:
            break
        data += piece
    return data


def test_a_head_that_comes_drop_by_drop_is_given_up(connection: socket.socket) -> None:
    since_s = time.monotonic()
    connection.sendall(COMPLETE[:-2])
    answer = b""
    for _ in range(100):
        try:
            connection.sendall(b"x: y\r\n")
        except OSError:
            break
        connection.settimeout(0.05)
        try:
            piece = connection.recv(4096)
        except TimeoutError:
            continue
        except ConnectionResetError:
            break
        if not piece:
            break
        answer += piece
    assert answer.startswith(b"HTTP/1.1 408 ")
    # The wait begins with the connection, and the loop's clock is that of its last round.
    assert time.monotonic() - since_s >= 0.5 * LIMIT_S


def test_whoever_says_nothing_is_not_waited_for(connection: socket.socket) -> None:
    assert received(connection) == b""


def test_headers_without_end_are_refused(connection: socket.socket) -> None:
    connection.sendall(COMPLETE[:-2])
    sent = 0
    try:
        while sent < 4 * HEAD_BYTES:
            sent += connection.send(b"x" * 20 + b": " + b"y" * 1000 + b"\r\n")
    except OSError:
        pass
    assert received(connection).startswith(b"HTTP/1.1 431 ") or sent < 4 * HEAD_BYTES


def test_slow_bodies_and_later_requests_have_time(connection: socket.socket) -> None:
    connection.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\na")
    time.sleep(1.5 * LIMIT_S)
    connection.sendall(b"bc")
    assert b"200 OK" in received(connection, b"\r\n\r\n3")
    time.sleep(1.5 * LIMIT_S)
    connection.sendall(COMPLETE[:9])
    time.sleep(0.1 * LIMIT_S)
    connection.sendall(COMPLETE[9:])
    assert b"200 OK" in received(connection, b'"hello"')
    connection.sendall(COMPLETE[:9])
    assert received(connection).startswith(b"HTTP/1.1 408 ")
