"""Accounts, guesses, quotas and proofs when many come at once, on each kind of database."""

import threading
from collections.abc import Callable, Iterator

import pytest

from chatbot.account_settings import AccountSettings
from chatbot.accounts import AccountStore, LinkError, Role
from chatbot.audit import AuditLog
from chatbot.database import Database
from chatbot.errors import FrontdeskError
from chatbot.login_attempts import LoginAttempts, TooManyAttemptsError
from chatbot.passwords import Passwords
from chatbot.proof_of_work import ProofOfWork, solve
from chatbot.quota_settings import DailyLimits, DailySettings
from chatbot.quotas import QuotaError, Quotas, Use
from chatbot.sessions import SessionStore
from tests.cheap import CHEAP

GOOD = "purple otter ladder"


@pytest.fixture
def databases(database_url: str) -> Iterator[list[Database]]:
    """Two processes' own."""
    opened = [Database(database_url), Database(database_url)]
    yield opened
    for database in opened:
        database.close()


def at_once(times: int, act: Callable[[int], object], refusal: type[FrontdeskError]) -> int:
    """How many of so many got what they wanted; anything but the refusal fails the test."""
    ready, got, wrong = threading.Barrier(times), [], []

    def run(number: int) -> None:
        ready.wait(60)
        try:
            got.append(act(number))
        except refusal:
            return
        except Exception as error:  # noqa: BLE001 - the test looks at it
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    return len(got)


def test_what_may_be_had_so_often_is_had_no_oftener(databases: list[Database]) -> None:
    stores = [AccountStore(database, Passwords(12, CHEAP)) for database in databases]
    links = [store.first_admin_token() or "" for store in stores]
    assert at_once(6, lambda n: stores[n % 2].use_link(links[n % 2], GOOD, f"root{n}"), LinkError) == 1
    assert len(stores[0].list()) == 1

    guesses = [LoginAttempts(database, "s", lambda: 1_800_000_000.0) for database in databases]
    assert at_once(12, lambda n: guesses[n % 2].begin("ann", "10.0.0.1"), TooManyAttemptsError) == 5

    limits = DailySettings(address=DailyLimits(messages=5))
    quotas = [Quotas(database, limits, "s", lambda: 1_800_000_000.0) for database in databases]
    payers, use = {"address": "10.0.0.1", "visitor": "ann"}, Use(messages=1)
    assert at_once(12, lambda n: quotas[n % 2].take(payers, use), QuotaError) == 5

    proofs = [ProofOfWork(database, "s") for database in databases]
    challenge = proofs[0].challenge()
    nonce, taken = solve(challenge, 4), []
    at_once(6, lambda n: taken.append(proofs[n % 2].accepts(challenge, nonce, 4)), LinkError)
    assert taken.count(True) == 1


def test_one_process_knows_what_the_other_did(databases: list[Database]) -> None:
    here, there = (AccountStore(database, Passwords(12, CHEAP)) for database in databases)
    account, link = here.create("ann@shop.example", Role.ADMIN)
    assert there.use_link(link, GOOD).has_password
    sessions = [SessionStore(database, AccountSettings()) for database in databases]
    token = sessions[0].open(account.id)
    assert sessions[1].read(token)
    for odd in ("a\0b", "\ud800", "x" * 10_000, ""):
        assert here.verify(odd, odd) is None
        assert sessions[0].read(odd) is None
    assert here.recognise("s" * 64, "ann@shop.example")
    assert there.recognise("s" * 64, "")
    assert there.recognise("t" * 64, "ann@shop.example") is None
    AuditLog(databases[0]).record("ann@shop.example", "login", via="oidc")
    assert [entry.action for entry in AuditLog(databases[1]).entries()] == ["login"]
    there.disable("ann@shop.example")
    assert sessions[0].read(token) is None
