"""The API on fakes: in the process for most tests, behind a real server where a stream has to flow."""

import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from chatbot.assistant import Assistant
from chatbot.attachments import AttachmentStore
from chatbot.handoff_desk import HandoffDesk
from chatbot.settings import Settings
from chatbot.store import ConversationStore
from chatbot.web.api.mount import add_api
from chatbot.web.api.parts import ApiParts
from chatbot.web_settings import SiteSettings, WebSettings
from tests.conftest import empty_database  # noqa: F401 - other modules take their fixtures from here
from tests.fakes import FakeGenerator, FakeKnowledgeBase, FakePerceiver

BASE = "http://127.0.0.1:7860"
SHOP = "https://help.shop.example"
BANK = "https://help.bank.example"
PATIENCE_S = 30.0
SAYS = "You can return a Dot within 45 days. [1] Returns are free within Germany. [1] Returns are free. [1] "
SECRET = "a" * 64
SITES = {"shop": SiteSettings(origins=(SHOP,)), "bank": SiteSettings(origins=(BANK,))}


class SlowGenerator(FakeGenerator):
    """Goes on when it is told to."""

    def __init__(
        self, says: str = "You can return a Dot within 45 days. [1] Returns are free within Germany. [1] "
    ) -> None:
        super().__init__(says)
        self.go_on = threading.Semaphore(0)

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[str]:
        for piece in super().stream(*args, **kwargs):
            self.go_on.acquire(timeout=PATIENCE_S)
            yield piece


@dataclass
class Desk:
    """One server's parts on fakes, and a client for it."""

    settings: Settings
    parts: ApiParts
    app: FastAPI
    client: TestClient
    perceiver: FakePerceiver
    generator: FakeGenerator
    assistant: Assistant

    def start(self, site: str = "default", **more: Any) -> dict[str, Any]:
        started = self.client.post("/api/v1/conversations", json={"site": site, **more})
        assert started.status_code in (200, 201), started.text
        return dict(started.json())

    def visit(self, site: str = "default", **more: Any) -> "Visit":
        return Visit(self, self.start(site, **more))


@dataclass
class Visit:
    """A visitor in one conversation."""

    desk: Desk
    started: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.started["conversation"]["id"])

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.started['token']}"}

    @property
    def url(self) -> str:
        return f"/api/v1/conversations/{self.id}"

    def request(self, method: str, path: str = "", **more: Any) -> httpx.Response:
        headers = {**self.headers, **more.pop("headers", {})}
        return self.desk.client.request(method, self.url + path, headers=headers, **more)

    def ask(self, text: str, **headers: str) -> str:
        sent = self.request("POST", "/messages", json={"text": text}, headers=headers)
        assert sent.status_code == 202, sent.text
        return str(sent.json()["turn_id"])

    def events(self, after: int = 0) -> list[dict[str, Any]]:
        return parse(self.request("GET", f"/events?follow=false&after={after}").text)

    def until(self, name: str, turn_id: str = "") -> list[dict[str, Any]]:
        """All events, once there is one of this name."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            events = self.events()
            if any(e["event"] == name and turn_id in ("", e["data"].get("turn_id")) for e in events):
                return events
            time.sleep(0.02)
        raise AssertionError(f"no {name} in {[e['event'] for e in self.events()]}")

    def answered(self, text: str) -> dict[str, Any]:
        """The last event of a question's turn."""
        turn_id = self.ask(text)
        events = self.until("done", turn_id)
        return dict(next(e["data"] for e in reversed(events) if e["event"] == "done"))


def parse(text: str) -> list[dict[str, Any]]:
    """The events of a server-sent event stream."""
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != ":")
        if "event" in fields:
            number = int(fields["id"]) if "id" in fields else None
            events.append({"id": number, "event": fields["event"], "data": json.loads(fields["data"])})
    return events


MakeDesk = Callable[..., Desk]


@pytest.fixture
def make_desk(tmp_path: Path, empty_database: Path) -> Iterator[MakeDesk]:  # noqa: F811
    """Desks that share one data folder, each as a process of its own would."""
    desks: list[Desk] = []
    shutil.copy(empty_database, tmp_path / "frontdesk.db")

    def make(generator: FakeGenerator | None = None, **web: Any) -> Desk:
        generous = {
            "messages_per_minute": 1000,
            "requests_per_minute": 100_000,
            "conversations_per_hour": 1000,
        }
        settings = Settings(data_dir=tmp_path, web=WebSettings(**{"sites": SITES, **generous, **web}))
        store = ConversationStore(f"sqlite:///{tmp_path / 'frontdesk.db'}", settings.attachments_path)
        handoff = HandoffDesk(store, settings.handoff)
        perceiver, speaking = FakePerceiver(), generator or FakeGenerator()
        assistant = Assistant(
            store=store,
            perceiver=perceiver,
            knowledge_base=FakeKnowledgeBase(),
            generator=speaking,
            settings=settings,
            handoff=handoff,
        )
        parts = ApiParts.build(
            settings=settings,
            store=store,
            attachments=AttachmentStore(settings.attachments_path, settings, store.claims),
            handoff=handoff,
            assistant=lambda: assistant,
            perceiver=lambda: perceiver,
            secret=SECRET,
        )
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        add_api(app, parts)
        parts.runner.start()
        client = TestClient(app, base_url=BASE, raise_server_exceptions=False)
        desks.append(Desk(settings, parts, app, client, perceiver, speaking, assistant))
        return desks[-1]

    yield make
    for desk in desks:
        desk.parts.hub.close()
        desk.parts.runner.close(PATIENCE_S)
        desk.parts.store.close()


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return make_desk()


@pytest.fixture
def serve() -> Iterator[Callable[[Desk | FastAPI], str]]:
    """Puts a desk behind a real server on a free port; gives its address."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(desk: Desk | FastAPI) -> str:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        app = desk.app if isinstance(desk, Desk) else desk
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        servers.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join(PATIENCE_S)
