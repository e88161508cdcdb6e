"""What one process changes, the others hear of, when it is kept and not before; also after a broken connection."""

import queue
import threading
from collections.abc import Iterator

import pytest

from chatbot.database import Database
from chatbot.notices import Listener, Notice, announce
from tests.postgres import PostgresServer

PATIENCE_S = 60.0


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.emptied()


@pytest.fixture
def speaker(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()


class Ear:
    """A process that listens."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.heard: queue.Queue[Notice] = queue.Queue()
        self.gaps = threading.Semaphore(0)
        self.listener = Listener(self.database, self.heard.put, self.gaps.release)
        self.listener.start()

    def close(self) -> None:
        self.listener.close()
        self.database.close()


@pytest.fixture
def ear(url: str) -> Iterator[Ear]:
    opened = Ear(url)
    assert opened.gaps.acquire(timeout=PATIENCE_S)
    yield opened
    opened.close()


def test_a_notice_is_heard_when_the_change_is_kept_and_not_before(speaker: Database, ear: Ear) -> None:
    with speaker.writing() as session:
        announce(session, [Notice("never")])
        session.rollback()
    with speaker.writing() as session:
        announce(session, [Notice("first"), Notice("second", "turn")])
    assert [ear.heard.get(timeout=PATIENCE_S) for _ in range(2)] == [
        Notice("first"),
        Notice("second", "turn"),
    ]


def test_a_broken_connection_is_made_again_and_said_to_be_a_gap(
    speaker: Database, ear: Ear, postgres: PostgresServer
) -> None:
    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
    assert ear.gaps.acquire(timeout=PATIENCE_S)
    with speaker.writing() as session:
        announce(session, [Notice("after")])
    assert ear.heard.get(timeout=PATIENCE_S) == Notice("after")
