"""Guessing is slowed down: by name, by address, across restarts, for names that nobody has too."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatbot.database import Database
from chatbot.login_attempts import LoginAttempts, TooManyAttemptsError


class Clock:
    now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def database(tmp_path: Path, empty_database: Path) -> Iterator[Database]:
    shutil.copy(empty_database, tmp_path / "frontdesk.db")
    opened = Database(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    yield opened
    opened.close()


def guessed(attempts: LoginAttempts, name: str, address: str, most: int = 1000) -> int:
    """How many guesses are taken at one moment."""
    for count in range(most):
        try:
            attempts.begin(name, address)
        except TooManyAttemptsError:
            return count
    return most


def test_after_five_failures_each_further_one_waits_twice_as_long(database: Database) -> None:
    clock = Clock()
    attempts = LoginAttempts(database, "s", clock)
    assert guessed(attempts, "ann", "10.0.0.1") == 5
    waits = []
    for _ in range(8):
        with pytest.raises(TooManyAttemptsError) as refused:
            attempts.begin("ann", "10.0.0.1")
        waits.append(refused.value.retry_after_s)
        clock.now_s += refused.value.retry_after_s
        assert guessed(attempts, "ann", "10.0.0.1") == 1
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]


def test_a_lock_survives_a_restart_and_names_nobody(database: Database, tmp_path: Path) -> None:
    assert guessed(LoginAttempts(database, "s", Clock()), "ann", "10.0.0.1") == 5
    assert guessed(LoginAttempts(database, "s", Clock()), "ann", "10.0.0.1") == 0
    assert not any(b"10.0.0.1" in path.read_bytes() for path in tmp_path.iterdir())


def test_one_address_cannot_try_many_names_nor_many_addresses_one_name(database: Database) -> None:
    attempts = LoginAttempts(database, "s", Clock())
    assert sum(guessed(attempts, f"name{n}", "10.0.0.1", most=1) for n in range(40)) == 20
    assert sum(guessed(attempts, "ann", f"10.0.1.{n}", most=1) for n in range(90)) == 50


def test_who_gets_in_is_not_slowed_down_and_a_guesser_elsewhere_does_not_lock_an_owner_out(
    database: Database,
) -> None:
    attempts = LoginAttempts(database, "s", Clock())
    for _ in range(100):
        attempts.begin("ann", "10.0.0.1")
        attempts.succeeded("ann", "10.0.0.1")
    assert guessed(attempts, "ann", "10.9.9.9") == 5
    attempts.begin("ann", "10.0.0.1")


def test_failures_are_forgotten_after_a_day(database: Database) -> None:
    clock = Clock()
    attempts = LoginAttempts(database, "s", clock)
    guessed(attempts, "ann", "10.0.0.1")
    clock.now_s += 86_401
    assert guessed(attempts, "ann", "10.0.0.1") == 5
