"""A change under an idempotency key is made once, also when it fails first, is repeated at once, or was killed."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chatbot.database import Database
from chatbot.errors import InputError
from chatbot.once import Once, StillUnderWayError
from chatbot.turn_log import IdempotencyError

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Counted:
    """A change that counts how often it is made."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, Any]:
        self.times += 1
        return {"id": self.times}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    yield opened
    opened.close()


def test_the_same_key_and_request_give_the_first_answer_again(database: Database) -> None:
    once, change = Once(database, lambda: NOW), Counted()
    assert [once.make("ann", "k", "a", change) for _ in range(3)] == [{"id": 1}] * 3
    assert once.make("bob", "k", "a", change) == {"id": 2}  # somebody else's key is another one
    assert once.make("ann", "", "a", change) == {"id": 3}  # without a key it is always made
    with pytest.raises(IdempotencyError, match="another request"):
        once.make("ann", "k", "b", change)
    assert change.times == 3


def test_a_change_that_failed_may_be_asked_for_again(database: Database) -> None:
    once, change = Once(database, lambda: NOW), Counted()

    def fails() -> dict[str, Any]:
        raise InputError("Not today.")

    with pytest.raises(InputError):
        once.make("ann", "k", "a", fails)
    assert once.make("ann", "k", "a", change) == {"id": 1}


def test_while_it_is_made_the_same_request_is_told_to_wait(database: Database) -> None:
    once, begun, go_on = Once(database, lambda: NOW), threading.Event(), threading.Event()

    def slow() -> dict[str, Any]:
        begun.set()
        go_on.wait(30)
        return {"id": "slow"}

    thread = threading.Thread(target=once.make, args=("ann", "k", "a", slow))
    thread.start()
    begun.wait(30)
    with pytest.raises(StillUnderWayError):
        once.make("ann", "k", "a", Counted())
    go_on.set()
    thread.join(30)
    assert once.make("ann", "k", "a", Counted()) == {"id": "slow"}


def test_what_was_killed_is_made_again_later_and_old_keys_are_forgotten(database: Database) -> None:
    times = [NOW]
    once, change = Once(database, lambda: times[-1]), Counted()
    assert once._claim("n" * 64, "f" * 64) is None  # as a process leaves it that is killed now
    assert once.make("ann", "k", "a", change) == {"id": 1}
    with pytest.raises(StillUnderWayError):
        once._claim("n" * 64, "f" * 64)
    times.append(NOW + timedelta(minutes=11))
    assert once._claim("n" * 64, "f" * 64) is None
    times.append(NOW + timedelta(days=2))
    assert once.make("ann", "k", "a", change) == {"id": 2}
