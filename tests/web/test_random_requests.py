"""Ten thousand requests that nobody would send, to every route there is: the server goes on as before."""

import http.client
import json
import os
import random
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from chatbot.settings import Settings
from chatbot.web.server import create_app
from chatbot.web_settings import WebSettings
from finetune.web.mount import mount_finetune_page, mount_inbox_page
from tests.web.api.conftest import parse, serve  # noqa: F401 - a fixture
from tests.web.test_handoff_browser import QUESTION, ServicesOnFakes

pytestmark = pytest.mark.timeout(1800)
REQUESTS, AT_ONCE = 10_000, 8
METHODS = ("GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "QUERY")
TYPES = (
    "application/json",
    "multipart/form-data; boundary=b",
    "application/x-www-form-urlencoded",
    "x/y",
    "",
)
WORDS = (
    "x", "0", "-1", "null", "default", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%00", "%ff%fe", "\U0001f600",
    "a" * 3000, "session_hash=s", "file=/etc/passwd", "[]", "{}", '{"data": [], "fn_index": 0, "session_hash": "s"}',
    '{"text": 1}', '{"site": "default"}', '{"a": ' * 500,
    "--b\r\nContent-Disposition: form-data; name=text\r\n\r\nhi\r\n",
    "' OR 1=1 --", "<script>alert(1)</script>", "{{7*7}}", "NaN", "1e999", "\x00\x01\x02",
)  # fmt: skip
HEADERS = (
    "Authorization",
    "Cookie",
    "Origin",
    "Range",
    "Last-Event-ID",
    "Idempotency-Key",
    "Accept",
    "X-Odd",
)


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServicesOnFakes]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    web = WebSettings(
        requests_per_minute=1_000_000, conversations_per_hour=1_000_000, messages_per_minute=1_000_000
    )
    made = ServicesOnFakes(Settings(data_dir=tmp_path / "data", engine="openai", web=web))
    made.start()
    yield made
    made.close()


def paths(app: FastAPI) -> list[str]:
    """Every path that the application or a page in it has a route for, with its blanks."""
    found: list[str] = []
    for route in app.routes:
        path = getattr(route, "path", None)
        if path is not None:
            inner = getattr(getattr(route, "app", None), "routes", ())
            found += [path, *(path + each.path for each in inner if hasattr(each, "path"))]
    return sorted({path or "/" for path in found})


class Stranger:
    """Sends what comes to mind, always the same for the same seed."""

    def __init__(self, address: str, known: Sequence[str], seed: int) -> None:
        self._place = urlsplit(address)
        self._known = known
        self._random = random.Random(seed)
        self._connection = self._connect()

    def send(self) -> int:
        """The status of the answer; 0 for a connection that was closed on us."""
        if self._random.random() < 0.05:
            return self._babble()
        try:
            return self._request()
        except (http.client.HTTPException, OSError):
            self._connection.close()
            self._connection = self._connect()
            return 0

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(str(self._place.hostname), self._place.port, timeout=60)

    def _word(self) -> str:
        return self._random.choice(WORDS)

    def _path(self) -> str:
        if self._random.random() < 0.2:
            return "/" + "/".join(quote(self._word(), safe="%/") for _ in range(self._random.randint(1, 4)))
        path = re.sub(
            r"{[^}]*}", lambda _: quote(self._word()[:200], safe="%/"), self._random.choice(self._known)
        )
        return path + (f"?{quote(self._word(), safe='=&%')}" if self._random.random() < 0.3 else "")

    def _request(self) -> int:
        body = "".join(self._word() for _ in range(self._random.randint(0, 3))).encode()
        headers = {"Content-Type": self._random.choice(TYPES)}
        for name in self._random.sample(HEADERS, self._random.randint(0, 2)):
            headers[name] = (
                self._word().encode("ascii", "ignore").decode().translate({0: "", 10: "", 13: ""})[:500]
            )
        self._connection.request(self._random.choice(METHODS), self._path(), body or None, headers)
        answer = self._connection.getresponse()
        if answer.getheader("Content-Type", "").startswith("text/event-stream"):
            self._connection.close()  # it may never end
        else:
            answer.read()
        return answer.status

    def _babble(self) -> int:
        """What is not even HTTP, and is left half said."""
        said = self._random.randbytes(self._random.randint(1, 400))
        if self._random.random() < 0.5:
            said = (
                b"POST /api/v1/conversations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999\r\n\r\n"
                + said
            )
        with socket.create_connection((str(self._place.hostname), self._place.port), timeout=60) as odd:
            odd.sendall(said)
            odd.settimeout(0.05)
            try:
                return int(odd.recv(12).partition(b" ")[2][:3] or 0)
            except (OSError, ValueError):
                return 0


def test_ten_thousand_random_requests_leave_the_server_as_it_was(
    services: ServicesOnFakes,
    serve: Callable[[FastAPI], str],  # noqa: F811
) -> None:
    app = create_app(services, (mount_finetune_page, mount_inbox_page))
    app.state.api.runner.start()
    address, known = serve(app), paths(app)
    assert len(known) > 60
    assert_answers(address)
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))

    def annoy(seed: int) -> Counter[int]:
        stranger = Stranger(address, known, seed)
        return Counter(stranger.send() for _ in range(REQUESTS // AT_ONCE))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        met = sum(pool.map(annoy, range(AT_ONCE)), Counter[int]())
    assert sum(met.values()) == REQUESTS
    broken = {status: times for status, times in met.items() if status >= 500}
    assert not broken, met
    assert {200, 404, 405, 422} <= set(met)
    assert_answers(address)
    assert threading.active_count() < threads + 60
    assert len(os.listdir("/proc/self/fd")) < files + 60
    app.state.api.runner.close(30)


def assert_answers(address: str) -> None:
    """Somebody who came to ask is answered."""
    with httpx.Client(base_url=address, timeout=60) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/").status_code == 200
        started = client.post("/api/v1/conversations", json={}).json()
        headers = {"Authorization": f"Bearer {started['token']}"}
        place = f"/api/v1/conversations/{started['conversation']['id']}"
        client.post(f"{place}/messages", json={"text": QUESTION}, headers=headers).raise_for_status()
        with client.stream("GET", f"{place}/events", headers=headers) as told:
            heard = ""
            for text in told.iter_text():
                heard += text
                if any(event["event"] == "done" for event in parse(heard.rpartition("\n\n")[0] + "\n\n")):
                    break
        assert "within 45 days" in json.dumps(parse(heard))
