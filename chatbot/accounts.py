"""Accounts of the company's people: agents and administrators, the links they choose passwords with, their passwords.

It knows nothing of HTTP, nor of sessions beyond ending them.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from chatbot.database import Database
from chatbot.errors import InputError
from chatbot.passwords import Passwords
from chatbot.schema import AccountLinkRow, AccountRow, AccountSessionRow

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._@+-]{0,62}[a-z0-9])?")
_TOKEN_BYTES = 32
FIRST_LINK_LIFE = timedelta(hours=1)
LINK_LIFE = timedelta(days=3)


class Role(StrEnum):
    """What an account may do: agents look after conversations, administrators after everything."""

    AGENT = "agent"
    ADMIN = "admin"


class LinkError(InputError):
    """A link to choose a password with was used, has expired, or never was one."""

    def __init__(self) -> None:
        super().__init__(
            "This link does not hold (any more).", "It works once and for a while; ask for a new one."
        )


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may sign in."""

    id: str
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None = None
    has_password: bool = False


class AccountStore:
    """All reading and writing of accounts.

    Args:
        now: Seconds since 1970.
    """

    def __init__(
        self, database: Database, passwords: Passwords, now: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = now

    def create(self, name: str, role: Role) -> tuple[Account, str]:
        """A new account and the token of the link with which its owner chooses a password.

        Raises:
            InputError: The name is taken, or is none.
        """
        row = self._new_row(name, role)
        with self._database.writing_alone("accounts") as session:
            self._add(session, row)
            token = self._link(session, row.id, LINK_LIFE)
        return account_of(row), token

    def list(self) -> tuple[Account, ...]:
        """Every account, by name."""
        with self._database.reading() as session:
            return tuple(
                account_of(row) for row in session.scalars(select(AccountRow).order_by(AccountRow.name))
            )

    def exist(self) -> bool:
        """Whether there is any account, even one that was disabled."""
        with self._database.reading() as session:
            return session.scalar(select(AccountRow.id).limit(1)) is not None

    def has(self, name: str) -> bool:
        """Whether there is an account of this name."""
        with self._database.reading() as session:
            return _found(session, name) is not None

    def disable(self, name: str) -> Account:
        """Ends an account's sessions and links, and lets nobody sign in with it.

        Raises:
            InputError: There is no such account.
        """
        with self._database.writing_alone("accounts") as session:
            row = _named(session, name)
            row.disabled_at = row.disabled_at or self._now()
            _end_sessions(session, row.id)
            _drop_links(session, row.id)
        return account_of(row)

    def reset(self, name: str) -> tuple[Account, str]:
        """Takes password and provider's subject away, ends all sessions, enables the account, gives a new link's token.

        Raises:
            InputError: There is no such account.
        """
        with self._database.writing_alone("accounts") as session:
            row = _named(session, name)
            row.password_hash = row.disabled_at = row.oidc_subject = None
            _end_sessions(session, row.id)
            _drop_links(session, row.id)
            token = self._link(session, row.id, LINK_LIFE)
        return account_of(row), token

    def first_admin_token(self) -> str | None:
        """The token of a link that makes the first administrator; None when there is one."""
        with self._database.writing_alone("accounts") as session:
            return None if _has_admin(session) else self._link(session, None, FIRST_LINK_LIFE)

    def owner_of_link(self, token: str) -> str:
        """The name of the account whose password a link sets; empty when it makes the first administrator.

        Raises:
            LinkError: It does not hold.
        """
        with self._database.reading() as session:
            link = self._held(session, token)
            row = session.get(AccountRow, link.account_id) if link.account_id else None
            return row.name if row else ""

    def use_link(self, token: str, password: str, name: str = "") -> Account:
        """Sets the password, once; other links and all sessions of the account end.

        Args:
            name: Of the first administrator; not looked at when the link is an account's.

        Raises:
            LinkError: It does not hold.
            InputError: The password or the name is not taken; the link can still be used.
        """
        owner = self.owner_of_link(token)
        chosen = _checked_name(owner or name)
        self._passwords.check(password, chosen)
        hashed = self._passwords.hash(password)
        with self._database.writing_alone("accounts") as session:
            link = self._held(session, token)
            if link.account_id is None:
                row = self._new_row(chosen, Role.ADMIN)
                self._add(session, row)
            else:
                row = _named(session, chosen)
                _end_sessions(session, row.id)
            row.password_hash = hashed
            _drop_links(session, link.account_id)
        return account_of(row)

    def verify(self, name: str, password: str) -> Account | None:
        """The account, when the password is right; every refusal takes as long as any other."""
        with self._database.reading() as session:
            row = _found(session, name)
        known = row.password_hash if row and row.disabled_at is None else None
        if not self._passwords.verify(known, password) or row is None:
            return None
        if self._passwords.is_outdated(row.password_hash or ""):
            self._keep(row.id, self._passwords.hash(password))
        return account_of(row)

    def recognise(self, subject: str, name: str) -> Account | None:
        """The account of somebody whom the identity provider vouches for.

        Args:
            subject: The provider's; an account that has one is found by it and by nothing else.
            name: What the provider has verified; it finds an account that has no subject yet, which then gets this one.
        """
        with self._database.writing_alone("accounts") as session:
            row = session.scalar(select(AccountRow).where(AccountRow.oidc_subject == subject))
            if row is None:
                row = _found(session, name)
                if row is None or row.oidc_subject is not None:
                    return None
            if row.disabled_at is not None:
                return None
            row.oidc_subject = subject
            return account_of(row)

    def change_password(self, account: Account, old: str, new: str) -> None:
        """Changes a password and ends every session of the account.

        Raises:
            InputError: The old one is wrong, or the new one is not taken.
        """
        if self.verify(account.name, old) is None:
            raise InputError("The old password is wrong.")
        self._passwords.check(new, account.name)
        self._keep(account.id, self._passwords.hash(new), ends_sessions=True)

    def _keep(self, account_id: str, hashed: str, *, ends_sessions: bool = False) -> None:
        with self._database.writing_alone("accounts") as session:
            if row := session.get(AccountRow, account_id):
                row.password_hash = hashed
            if ends_sessions:
                _end_sessions(session, account_id)
                _drop_links(session, account_id)

    def _new_row(self, name: str, role: Role) -> AccountRow:
        return AccountRow(
            id=secrets.token_hex(16), name=_checked_name(name), role=role, created_at=self._now()
        )

    def _add(self, session: Session, row: AccountRow) -> None:
        if session.scalar(select(AccountRow.id).where(AccountRow.name == row.name)):
            raise InputError(f"There is an account {row.name!r} already.", "See `frontdesk accounts list`.")
        session.add(row)
        session.flush()
        if row.role == Role.ADMIN:
            _drop_links(session, None)

    def _link(self, session: Session, account_id: str | None, life: timedelta) -> str:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        session.add(
            AccountLinkRow(token_sha256=_hashed(token), account_id=account_id, ends_at=self._now() + life)
        )
        session.execute(delete(AccountLinkRow).where(AccountLinkRow.ends_at <= self._now()))
        return token

    def _held(self, session: Session, token: str) -> AccountLinkRow:
        link = session.get(AccountLinkRow, _hashed(token))
        is_late = link is not None and link.account_id is None and _has_admin(session)
        if link is None or link.ends_at <= self._now() or is_late:
            raise LinkError
        return link

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def account_of(row: AccountRow) -> Account:
    """The account of a row."""
    has_password = row.password_hash is not None
    return Account(row.id, row.name, Role(row.role), row.created_at, row.disabled_at, has_password)


def _found(session: Session, name: str) -> AccountRow | None:
    folded = _folded(name)
    if not _NAME.fullmatch(folded):
        return None  # no database has to be asked about it, and not every one could be
    return session.scalar(select(AccountRow).where(AccountRow.name == folded))


def _named(session: Session, name: str) -> AccountRow:
    row = _found(session, name)
    if row is None:
        raise InputError(f"There is no account {name!r}.", "See `frontdesk accounts list`.")
    return row


def _has_admin(session: Session) -> bool:
    query = select(AccountRow.id).where(AccountRow.role == Role.ADMIN, AccountRow.disabled_at.is_(None))
    return session.scalar(query.limit(1)) is not None


def _end_sessions(session: Session, account_id: str) -> None:
    session.execute(delete(AccountSessionRow).where(AccountSessionRow.account_id == account_id))


def _drop_links(session: Session, account_id: str | None) -> None:
    session.execute(delete(AccountLinkRow).where(AccountLinkRow.account_id == account_id))


def _checked_name(name: str) -> str:
    folded = _folded(name)
    if not _NAME.fullmatch(folded):
        raise InputError(
            f"{name[:64]!r} is no name for an account.",
            "Up to 64 letters a-z, digits and . _ @ + -, beginning and ending with a letter or digit.",
        )
    return folded


def _folded(name: str) -> str:
    return name.strip().lower()


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
