"""A change that is asked for twice under the same idempotency key is made once, and answered alike both times.

It knows nothing of HTTP. Keys and requests are kept as hashes, answers as they were given, for a day.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete

from chatbot.database import Database
from chatbot.errors import FrontdeskError
from chatbot.schema import OnceRow
from chatbot.turn_log import IdempotencyError

_KEPT_FOR = timedelta(days=1)
_LONGEST_CHANGE = timedelta(minutes=10)
Answer = Mapping[str, Any]


class StillUnderWayError(FrontdeskError):
    """The change was asked for before under the same key and is not made yet."""


class Once:
    """All idempotency keys of one installation, except those of messages, which their turns keep.

    Args:
        clock: The time of now.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock

    def make(self, actor: str, key: str, request: str, change: Callable[[], Answer]) -> Answer:
        """Makes a change, or tells the answer that it got before under the same key; without a key it is always made.

        A change that raises may be asked for again.

        Args:
            actor: Whose key it is; the same key of somebody else is another one.
            request: What is asked for, whole.

        Raises:
            IdempotencyError: The key came with another request before.
            StillUnderWayError: The first one is still being made.
            StorageError: It cannot be kept.
        """
        if not key:
            return change()
        name, fingerprint = _hashed(f"{actor}\n{key}"), _hashed(request)
        known = self._claim(name, fingerprint)
        if known is not None:
            return known
        try:
            answer = change()
        except BaseException:
            self._forget(name)
            raise
        self._keep(name, answer)
        return answer

    def _claim(self, name: str, fingerprint: str) -> Answer | None:
        """The answer that is known; None where the change is ours to make."""
        now = self._clock()
        with self._database.writing_alone(name) as session:
            session.execute(delete(OnceRow).where(OnceRow.begun_at < now - _KEPT_FOR))
            row = session.get(OnceRow, name)
            if row is None:
                session.add(OnceRow(key_sha256=name, fingerprint=fingerprint, begun_at=now))
                return None
            return _answer_of(row, fingerprint, now)

    def _keep(self, name: str, answer: Answer) -> None:
        with self._database.writing() as session:
            if row := session.get(OnceRow, name):
                row.answer = dict(answer)

    def _forget(self, name: str) -> None:
        with self._database.writing() as session:
            session.execute(delete(OnceRow).where(OnceRow.key_sha256 == name))


def _answer_of(row: OnceRow, fingerprint: str, now: datetime) -> Answer | None:
    if row.fingerprint != fingerprint:
        raise IdempotencyError(
            "This idempotency key came with another request before.", "Use a new key for a new request."
        )
    if row.answer is not None:
        return dict(row.answer)
    if now - row.begun_at < _LONGEST_CHANGE:
        raise StillUnderWayError(
            "The first request with this idempotency key is still being answered.", "Try again soon."
        )
    row.begun_at = now  # whoever made it was killed
    return None


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
