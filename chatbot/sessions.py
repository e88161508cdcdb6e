"""Sessions of signed-in accounts: kept by the server, opened by a token of which only the hash is kept."""

import hashlib
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, or_

from chatbot.account_settings import AccountSettings
from chatbot.accounts import Account, account_of
from chatbot.database import Database
from chatbot.schema import AccountRow, AccountSessionRow

_TOKEN_BYTES = 32
_SEEN_EVERY = timedelta(seconds=30)  # not a write for every request


class SessionStore:
    """All reading and writing of sessions.

    Args:
        now: Seconds since 1970.
    """

    def __init__(
        self, database: Database, settings: AccountSettings, now: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._idle = timedelta(seconds=settings.session_idle_s)
        self._life = timedelta(seconds=settings.session_s)
        self._clock = now

    def open(self, account_id: str) -> str:
        """A new session; gives its token, which cannot be read again. Sessions that have ended are removed."""
        token, now = secrets.token_urlsafe(_TOKEN_BYTES), self._now()
        row = AccountSessionRow(
            token_sha256=_hashed(token), account_id=account_id, seen_at=now, ends_at=now + self._life
        )
        ended = or_(AccountSessionRow.ends_at <= now, AccountSessionRow.seen_at <= now - self._idle)
        with self._database.writing() as session:
            session.execute(delete(AccountSessionRow).where(ended))
            session.add(row)
        return token

    def read(self, token: str) -> Account | None:
        """Whose session it is, and keeps it from idling; None when it has ended, or its account was disabled."""
        now = self._now()
        with self._database.reading() as session:
            row = session.get(AccountSessionRow, _hashed(token))
            if row is None or now >= row.ends_at or now - row.seen_at >= self._idle:
                return None
            account = session.get(AccountRow, row.account_id)
            if account is None or account.disabled_at is not None:
                return None
        if now - row.seen_at > min(_SEEN_EVERY, self._idle / 4):
            with self._database.writing() as session:
                if current := session.get(AccountSessionRow, row.token_sha256):
                    current.seen_at = now
        return account_of(account)

    def close(self, token: str) -> None:
        """Ends a session."""
        with self._database.writing() as session:
            session.execute(delete(AccountSessionRow).where(AccountSessionRow.token_sha256 == _hashed(token)))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
