"""Real server processes: one that ends or is killed loses nothing, and another on the same database goes on."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.postgres import PostgresServer
from tests.web.api.conftest import parse

PATIENCE_S = 120.0  # for starting Python on a busy machine too
LEASE_S = 6.0
NEVER_S = 3600.0
RETURNS = "How long can I return a Dot?"
FIRST = "You can return a Dot within 45 days. [1]"
WHOLE = f"{FIRST} Returns are free within Germany. [1]"


@dataclass
class Server:
    """A server process, and the gate that holds up its engine in the middle of each answer."""

    process: "subprocess.Popen[str]"
    url: str
    gate: Path

    def open_gate(self) -> None:
        self.gate.touch()

    def line(self) -> str:
        """What it prints next."""
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@dataclass
class Customer:
    """Follows one conversation like a browser: connects again with the last event that was seen."""

    started: dict[str, Any]
    events: list[dict[str, Any]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    stream: threading.Thread | None = None

    @classmethod
    def of(cls, server: Server) -> "Customer":
        started = httpx.post(f"{server.url}/api/v1/conversations", json={}, timeout=PATIENCE_S)
        return cls(started.raise_for_status().json())

    def call(self, server: Server, method: str, path: str = "", **more: Any) -> httpx.Response:
        url = f"{server.url}/api/v1/conversations/{self.started['conversation']['id']}{path}"
        headers = {"Authorization": f"Bearer {self.started['token']}", **more.pop("headers", {})}
        return httpx.request(method, url, headers=headers, timeout=PATIENCE_S, **more)

    def ask(self, server: Server) -> str:
        sent = self.call(server, "POST", "/messages", json={"text": RETURNS})
        return str(sent.raise_for_status().json()["turn_id"])

    def follow(self, server: Server) -> None:
        self.stream = threading.Thread(target=self._read, args=(server,), daemon=True)
        self.stream.start()

    def _read(self, server: Server) -> None:
        url = f"{server.url}/api/v1/conversations/{self.started['conversation']['id']}/events"
        headers = {"Authorization": f"Bearer {self.started['token']}", "Last-Event-ID": str(self.last_id)}
        text = ""
        try:
            with httpx.stream("GET", url, headers=headers, timeout=PATIENCE_S) as response:
                for piece in response.iter_text():
                    whole, _, text = (text + piece).rpartition("\n\n")
                    with self.changed:
                        self.events += parse(whole)
                        self.changed.notify_all()
        except httpx.TransportError:
            return  # the server was killed

    @property
    def last_id(self) -> int:
        return max((e["id"] for e in self.events if e["id"]), default=0)

    def until(self, name: str, turn_id: str = "", count: int = 1) -> dict[str, Any]:
        """The event, once it was told."""

        def found() -> list[dict[str, Any]]:
            return [
                e for e in self.events if e["event"] == name and turn_id in ("", e["data"].get("turn_id"))
            ]

        with self.changed:
            assert self.changed.wait_for(lambda: len(found()) >= count, PATIENCE_S), (name, self.events)
            return found()[-1]

    def kept(self, turn_id: str = "") -> list[str]:
        """Names of the numbered events, of one turn or of all."""
        return [e["event"] for e in self.events if e["id"] and turn_id in ("", e["data"].get("turn_id"))]

    def assert_nothing_lost_or_repeated(self) -> None:
        numbers = [e["id"] for e in self.events if e["id"]]
        assert numbers == list(range(1, len(numbers) + 1))

    def said(self, server: Server) -> list[str]:
        messages = self.call(server, "GET").raise_for_status().json()["messages"]
        return [m["text"] for m in messages]


MakeServer = Callable[..., Server]


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[MakeServer]:
    """Starts servers on one data folder."""
    servers: list[Server] = []

    def make(database_url: str, lease_s: float = LEASE_S) -> Server:
        gate = tmp_path / f"gate-{len(servers)}"
        arguments = (
            "-m",
            "tests.web.api.desk_process",
            database_url,
            str(tmp_path / "data"),
            str(gate),
            str(lease_s),
        )
        errors = (tmp_path / f"server-{len(servers)}.log").open("w")
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=errors, text=True
        )
        server = Server(process, "", gate)
        servers.append(server)
        port = server.line()
        assert port, Path(errors.name).read_text()
        server.url = f"http://127.0.0.1:{port}"
        return server

    yield make
    for server in servers:
        server.process.kill()
        server.process.wait()


@pytest.fixture
def shared(postgres: PostgresServer) -> str:
    return postgres.emptied()


@pytest.fixture(params=["sqlite", "postgres"])
def own(request: pytest.FixtureRequest) -> str:
    """Empty for SQLite in the data folder."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres").emptied()


def test_what_one_process_is_asked_the_other_tells_stops_and_keeps_in_order(
    make_server: MakeServer, shared: str
) -> None:
    one, other = make_server(shared, NEVER_S), make_server(shared, NEVER_S)  # nobody takes anything over
    customer = Customer.of(one)
    customer.follow(other)
    first = customer.ask(one)
    assert customer.until("delta", first)["data"]["text"] == FIRST
    second = customer.ask(other)
    customer.until("question", second)
    other.open_gate()
    assert customer.kept(second) == ["question"]  # it waits: the first is being answered elsewhere
    stopped = customer.call(other, "POST", f"/turns/{first}/stop")
    assert stopped.status_code == 204
    assert one.line() == first
    one.open_gate()
    assert customer.until("done", first)["data"]["stopped"] is True
    assert customer.until("done", second)["data"]["text"] == WHOLE
    customer.assert_nothing_lost_or_repeated()
    of_turns = [e["data"]["turn_id"] for e in customer.events if e["event"] == "done"]
    assert of_turns == [first, second]
    places = [(e["data"]["turn_id"], e["data"]["position"]) for e in customer.events if e["event"] == "queue"]
    assert (first, 0) in places  # the other process knows that it is being answered


def test_when_a_process_is_killed_the_other_goes_on_with_its_answer(
    make_server: MakeServer, shared: str
) -> None:
    killed, other = make_server(shared), make_server(shared)
    other.open_gate()
    customer = Customer.of(killed)
    customer.follow(other)
    turn_id = customer.ask(killed)
    assert customer.until("delta")["data"]["text"] == FIRST
    killed.end(signal.SIGKILL)
    assert customer.until("done", turn_id)["data"]["text"] == WHOLE
    customer.assert_nothing_lost_or_repeated()
    names = customer.kept()
    assert names.count("done") == 1
    assert names.index("delta") < names.index("restarted") < names.index("done")
    assert customer.said(other) == [RETURNS, WHOLE]


def test_a_killed_server_goes_on_after_a_restart_and_its_customers_resume(
    make_server: MakeServer, own: str
) -> None:
    killed = make_server(own)
    customer = Customer.of(killed)
    customer.follow(killed)
    turn_id = customer.ask(killed)
    customer.until("delta")
    killed.end(signal.SIGKILL)
    assert customer.stream
    customer.stream.join(PATIENCE_S)
    seen = len(customer.events)
    again = make_server(own)
    again.open_gate()
    customer.follow(again)
    assert customer.until("done", turn_id)["data"]["text"] == WHOLE
    customer.assert_nothing_lost_or_repeated()
    assert "restarted" in [e["event"] for e in customer.events[seen:]]
    assert customer.said(again) == [RETURNS, WHOLE]


def test_a_server_that_is_told_to_end_finishes_what_it_says_and_leaves_the_rest_to_the_next(
    make_server: MakeServer,
) -> None:
    ending = make_server("")
    told, waiting = Customer.of(ending), Customer.of(ending)
    told.follow(ending)
    first = told.ask(ending)
    told.until("delta", first)
    second = waiting.ask(ending)  # one worker: it waits
    ending.process.send_signal(signal.SIGTERM)
    _wait_until_it_refuses(ending, waiting, second)
    ending.open_gate()
    done = told.until("done", first)["data"]
    assert (done["text"], done["stopped"]) == (WHOLE, False)
    assert told.stream
    told.stream.join(PATIENCE_S)
    assert not told.stream.is_alive()
    assert ending.process.wait(PATIENCE_S) in (0, -signal.SIGTERM)
    again = make_server("")
    again.open_gate()
    waiting.follow(again)
    assert waiting.until("done", second)["data"]["text"] == WHOLE
    waiting.assert_nothing_lost_or_repeated()
    told.assert_nothing_lost_or_repeated()
    assert told.said(again) == waiting.said(again) == [RETURNS, WHOLE]


def _wait_until_it_refuses(server: Server, customer: Customer, known: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        sent = customer.call(
            server, "PATCH", f"/messages/{known}", json={"corrections": {"a" * 64: "nothing to correct"}}
        )
        if sent.status_code == 503:
            assert int(sent.headers["retry-after"]) > 0
            return
        assert sent.status_code in (404, 422, 429), sent.text  # not taken in any case
        time.sleep(0.2)
    raise AssertionError("the server goes on as before")
