"""How often somebody may try to sign in: kept in the database, so that no restart and no second process forgets it.

A name that nobody has is counted like any other. It knows nothing of passwords.
"""

import hashlib
import hmac
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete

from chatbot.database import Database
from chatbot.errors import FrontdeskError
from chatbot.schema import LoginAttemptRow

_FREE = {"pair": 5, "address": 20, "name": 50}  # attempts before the first wait
_FIRST_WAIT_S = 30.0
_LONGEST_WAIT_S = 900.0
_FORGOTTEN_AFTER = timedelta(days=1)


class TooManyAttemptsError(FrontdeskError):
    """Too many attempts failed; `retry_after_s` says when the next is taken."""

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = math.ceil(retry_after_s)
        super().__init__("Too many attempts to sign in.", f"Try again in {self.retry_after_s} s.")


class LoginAttempts:
    """Each failure beyond the free ones doubles the wait for a name from an address, an address, and a name.

    Args:
        secret: Names and addresses are kept as hashes with it.
        now: Seconds since 1970.
    """

    def __init__(self, database: Database, secret: str, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._secret = hmac.digest(secret.encode(), b"frontdesk login attempts", "sha256")
        self._clock = now

    def begin(self, name: str, address: str) -> None:
        """Counts an attempt as failed before it is looked at, so that many at once cannot slip through.

        Raises:
            TooManyAttemptsError: It is not to be looked at.
        """
        now = datetime.fromtimestamp(self._clock(), UTC)
        with self._database.writing_alone("login attempts") as session:
            session.execute(delete(LoginAttemptRow).where(LoginAttemptRow.last_at < now - _FORGOTTEN_AFTER))
            rows = []
            for kind, subject in self._subjects(name, address).items():
                row = session.get(LoginAttemptRow, subject)
                if row is None:
                    row = LoginAttemptRow(subject=subject, failures=0, last_at=now)
                    session.add(row)
                wait_s = _wait_s(kind, row.failures) - (now - row.last_at).total_seconds()
                if wait_s > 0:
                    raise TooManyAttemptsError(wait_s)
                rows.append(row)
            for row in rows:
                row.failures, row.last_at = row.failures + 1, now

    def succeeded(self, name: str, address: str) -> None:
        """Forgets the failures of this name from this address, and takes the attempt back that was no failure."""
        subjects = self._subjects(name, address)
        with self._database.writing_alone("login attempts") as session:
            for kind, subject in subjects.items():
                row = session.get(LoginAttemptRow, subject)
                if row and kind == "pair":
                    session.delete(row)
                elif row:
                    row.failures = max(0, row.failures - 1)

    def _subjects(self, name: str, address: str) -> dict[str, str]:
        parts = {"pair": f"{name}\n{address}", "address": address, "name": name}
        return {kind: self._hidden(f"{kind}\n{text}") for kind, text in parts.items()}

    def _hidden(self, text: str) -> str:
        return hmac.new(self._secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _wait_s(kind: str, failures: int) -> float:
    beyond = failures - _FREE[kind]
    return 0.0 if beyond < 0 else min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(beyond, 10))
