"""Accounts: one-time links, passwords, the first administrator, and the command line."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chatbot.account_settings import AccountSettings
from chatbot.accounts import AccountStore, LinkError, Role
from chatbot.audit import COMMAND_LINE, AuditLog
from chatbot.cli import cli
from chatbot.database import Database
from chatbot.errors import InputError
from chatbot.passwords import Passwords
from chatbot.sessions import SessionStore
from tests.cheap import CHEAP

GOOD, BETTER = "purple otter ladder", "ladder otter purple"


class Clock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = time.time()

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path, empty_database: Path) -> Iterator[Database]:
    shutil.copy(empty_database, tmp_path / "frontdesk.db")
    opened = Database(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    yield opened
    opened.close()


@pytest.fixture
def accounts(database: Database, clock: Clock) -> AccountStore:
    return AccountStore(database, Passwords(12, CHEAP), clock)


@pytest.fixture
def sessions(database: Database, clock: Clock) -> SessionStore:
    return SessionStore(database, AccountSettings(session_idle_s=600, session_s=3600), clock)


def test_a_link_sets_the_password_once(accounts: AccountStore, database: Database, tmp_path: Path) -> None:
    account, token = accounts.create(" Ann@Shop.example ", Role.AGENT)
    assert (account.name, account.has_password) == ("ann@shop.example", False)
    assert accounts.verify(account.name, "") is None
    assert accounts.owner_of_link(token) == account.name
    with pytest.raises(InputError):
        accounts.use_link(token, "short")
    assert accounts.use_link(token, GOOD).has_password
    known = accounts.verify("ANN@shop.example", GOOD)
    assert known is not None
    assert known.role is Role.AGENT
    assert accounts.verify(account.name, GOOD + " ") is None
    for late in (token, token[:-1], "", "\ud800"):
        with pytest.raises(LinkError):
            accounts.use_link(late, BETTER)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert token.encode() not in kept
    assert GOOD.encode() not in kept


def test_a_link_expires(accounts: AccountStore, clock: Clock) -> None:
    _, token = accounts.create("ann", Role.AGENT)
    clock.now_s += 3 * 86_400
    with pytest.raises(LinkError):
        accounts.use_link(token, GOOD)


def test_the_first_administrator_is_made_once(accounts: AccountStore, clock: Clock) -> None:
    first, second = accounts.first_admin_token(), accounts.first_admin_token()
    assert first
    assert second
    assert not accounts.exist()
    with pytest.raises(InputError):
        accounts.use_link(first, GOOD, "not a name!")
    assert accounts.use_link(first, GOOD, "root").role is Role.ADMIN
    for late in (first, second):
        with pytest.raises(LinkError):
            accounts.use_link(late, GOOD, "evil")
    assert accounts.first_admin_token() is None
    assert [account.name for account in accounts.list()] == ["root"]


def test_the_first_link_expires_within_the_hour_and_an_agent_is_no_administrator(
    accounts: AccountStore, clock: Clock
) -> None:
    token = accounts.first_admin_token()
    assert token
    clock.now_s += 3600
    with pytest.raises(LinkError):
        accounts.use_link(token, GOOD, "root")
    accounts.create("ann", Role.AGENT)
    token = accounts.first_admin_token()
    assert token
    accounts.create("root", Role.ADMIN)
    with pytest.raises(LinkError):
        accounts.use_link(token, GOOD, "evil")


def test_names_are_unique_and_plain(accounts: AccountStore) -> None:
    accounts.create("ann", Role.AGENT)
    with pytest.raises(InputError, match="already"):
        accounts.create(" ANN\n", Role.AGENT)
    for name in ("", "-", "a b", "<b>", "x" * 65, "(nobody)", "a\nb", "名"):
        with pytest.raises(InputError, match="no name"):
            accounts.create(name, Role.AGENT)


def test_a_disabled_account_is_signed_out_and_reset_brings_it_back_with_another_password(
    accounts: AccountStore, sessions: SessionStore
) -> None:
    account, link = accounts.create("ann", Role.ADMIN)
    accounts.use_link(link, GOOD)
    token = sessions.open(account.id)
    assert sessions.read(token)
    _, pending = accounts.reset("ann")
    assert sessions.read(token) is None
    assert accounts.verify("ann", GOOD) is None
    accounts.disable("ann")
    with pytest.raises(LinkError):
        accounts.use_link(pending, GOOD)
    assert accounts.list()[0].disabled_at
    _, link = accounts.reset("ann")
    accounts.use_link(link, BETTER)
    assert accounts.verify("ann", BETTER)
    accounts.disable("ann")
    assert accounts.verify("ann", BETTER) is None
    for act in (accounts.disable, accounts.reset):
        with pytest.raises(InputError, match="no account"):
            act("bob")


def test_a_changed_password_ends_every_session(accounts: AccountStore, sessions: SessionStore) -> None:
    account, link = accounts.create("ann", Role.ADMIN)
    account = accounts.use_link(link, GOOD)
    tokens = [sessions.open(account.id) for _ in range(3)]
    for old, new in (("wrong", BETTER), (GOOD, "short")):
        with pytest.raises(InputError):
            accounts.change_password(account, old, new)
    assert all(sessions.read(token) for token in tokens)
    accounts.change_password(account, GOOD, BETTER)
    assert not any(sessions.read(token) for token in tokens)
    assert accounts.verify("ann", GOOD) is None
    assert accounts.verify("ann", BETTER)


def test_a_hash_of_other_costs_is_made_anew_when_its_owner_signs_in(
    database: Database, accounts: AccountStore, clock: Clock
) -> None:
    _, link = accounts.create("ann", Role.AGENT)
    accounts.use_link(link, GOOD)
    dearer = AccountStore(database, Passwords(12), clock)
    assert dearer.verify("ann", GOOD)
    assert not Passwords(12).is_outdated(_hash_of(database))
    assert dearer.verify("ann", GOOD)


def _hash_of(database: Database) -> str:
    from chatbot.schema import AccountRow

    with database.reading() as session:
        return str(session.query(AccountRow).one().password_hash)


def test_a_session_ends_when_it_idles_and_at_the_latest_after_its_life(
    accounts: AccountStore, sessions: SessionStore, clock: Clock, tmp_path: Path
) -> None:
    account, _ = accounts.create("ann", Role.AGENT)
    token, idle = sessions.open(account.id), sessions.open(account.id)
    began = clock.now_s
    while clock.now_s < began + 3600 - 300:
        clock.now_s += 300
        assert sessions.read(token) is not None
    assert sessions.read(idle) is None
    clock.now_s = began + 3600
    assert sessions.read(token) is None
    for forged in ("", token[:-1], token.swapcase(), "\ud800"):
        assert sessions.read(forged) is None
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert token.encode() not in kept


def test_a_closed_session_stays_closed(accounts: AccountStore, sessions: SessionStore) -> None:
    account, _ = accounts.create("ann", Role.AGENT)
    mine, other = sessions.open(account.id), sessions.open(account.id)
    sessions.close(mine)
    assert sessions.read(mine) is None
    assert sessions.read(other) == account


def test_accounts_are_looked_after_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRONTDESK_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("FRONTDESK_WEB__PUBLIC_URL", "https://chat.example.com")
    run = CliRunner().invoke
    made = run(cli, ["accounts", "create", "ann", "--admin"])
    link = next(
        line for line in made.output.splitlines() if line.startswith("https://chat.example.com/welcome/")
    )
    database = Database(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    accounts = AccountStore(database, Passwords(12, CHEAP))
    accounts.use_link(link.rpartition("/")[2], GOOD)
    listed = run(cli, ["accounts", "list"]).output
    assert "ann" in listed
    assert "admin" in listed
    assert run(cli, ["accounts", "disable", "ann"]).exit_code == 0
    assert "disabled" in run(cli, ["accounts", "list"]).output
    assert "/welcome/" in run(cli, ["accounts", "reset", "ann"]).output
    assert run(cli, ["accounts", "reset", "bob"]).exit_code == 1
    done = [(entry.actor, entry.action, entry.target) for entry in AuditLog(database).entries()]
    assert done == [
        (COMMAND_LINE, "account-created", "ann"),
        (COMMAND_LINE, "account-disabled", "ann"),
        (COMMAND_LINE, "account-reset", "ann"),
    ]
    database.close()
