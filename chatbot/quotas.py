"""How much may be used in a day: messages, uploads, seconds of audio and tokens, by whose they are.

Kept in the database, so that a restart forgets nothing and several processes count together. Days are UTC's. It knows
nothing of HTTP.
"""

import hashlib
import hmac
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from chatbot.database import Database
from chatbot.errors import FrontdeskError
from chatbot.messages import Message
from chatbot.quota_settings import DailySettings
from chatbot.schema import UsageRow

Subjects = Mapping[str, str]
"""Whose use it is: `visitor`, `customer`, `address`, `site` or `key`, each with its id."""
_REMEMBERED_TURNS = 10_000


@dataclass(frozen=True, slots=True)
class Use:
    """What is used at once."""

    messages: int = 0
    uploads: int = 0
    audio_s: float = 0.0
    tokens: int = 0


def use_of(message: Message) -> Use:
    """What a message counts for; a correction's attachments were counted with the question."""
    own = () if message.corrections else message.attachments
    return Use(messages=1, uploads=len(own), audio_s=sum(a.duration_s for a in own))


_NAMES = {"messages": "messages", "uploads": "uploads", "audio_s": "seconds of audio", "tokens": "tokens"}


class QuotaError(FrontdeskError):
    """Today's share is used up; `retry_after_s` says when the day ends."""

    def __init__(self, kind: str, measure: str, most: int, retry_after_s: float) -> None:
        self.retry_after_s = math.ceil(retry_after_s)
        super().__init__(
            f"This {kind} has used up the {_NAMES[measure]} of today: at most {most:,} a day.",
            f"Try again in {math.ceil(retry_after_s / 60)} min.",
        )


class Quotas:
    """All reading and writing of what was used.

    Args:
        secret: Subjects are kept as hashes with it: some are addresses.
        now: Seconds since 1970.
    """

    def __init__(
        self, database: Database, settings: DailySettings, secret: str, now: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._limits = settings.by_kind()
        self._secret = hmac.digest(secret.encode(), b"frontdesk quotas", "sha256")
        self._clock = now
        self._lock = threading.Lock()
        self._turns: OrderedDict[str, Subjects] = OrderedDict()

    def check(self, subjects: Subjects, use: Use) -> None:
        """Whether so much more may be used, and whether tokens are left.

        Raises:
            QuotaError: It may not, for one of the subjects.
        """
        with self._database.reading() as session:
            self._check(session, subjects, use)

    def take(self, subjects: Subjects, use: Use) -> None:
        """Uses it for all of the subjects, or for none of them; errors as for `check`."""
        with self._database.writing_alone("quotas") as session:
            self._check(session, subjects, use)
            self._add(session, subjects, use)

    def add(self, subjects: Subjects, use: Use) -> None:
        """Counts what is used already."""
        with self._database.writing_alone("quotas") as session:
            self._add(session, subjects, use)

    def expect(self, turn_id: str, subjects: Subjects) -> None:
        """Remembers who pays for the tokens of a turn that is going to be answered by this process."""
        with self._lock:
            self._turns[turn_id] = subjects
            while len(self._turns) > _REMEMBERED_TURNS:
                self._turns.popitem(last=False)

    def spent(self, turn_id: str, tokens: int) -> None:
        """Counts what a turn has cost: it is known only afterwards, so it counts against the next."""
        with self._lock:
            subjects = self._turns.pop(turn_id, None)
        if subjects and tokens:
            self.add(subjects, Use(tokens=tokens))

    def _check(self, session: Session, subjects: Subjects, use: Use) -> None:
        now = self._now()
        for kind, subject in subjects.items():
            limits = self._limits[kind]
            row = session.get(UsageRow, (_day(now), self._hidden(kind, subject))) if limits else None
            for measure, most in limits.items():
                had, more = getattr(row, measure, 0), getattr(use, measure)
                used_up = had >= most if measure == "tokens" else had + more > most and more > 0
                if used_up:
                    raise QuotaError(kind, measure, most, _rest_of_day_s(now))

    def _add(self, session: Session, subjects: Subjects, use: Use) -> None:
        day = _day(self._now())
        session.execute(delete(UsageRow).where(UsageRow.day < day))
        for kind, subject in subjects.items():
            if not self._limits[kind]:
                continue
            key = (day, self._hidden(kind, subject))
            row = session.get(UsageRow, key)
            if row is None:
                row = UsageRow(day=key[0], subject=key[1], messages=0, uploads=0, audio_s=0.0, tokens=0)
                session.add(row)
            row.messages += use.messages
            row.uploads += use.uploads
            row.audio_s += use.audio_s
            row.tokens += use.tokens

    def _hidden(self, kind: str, subject: str) -> str:
        return hmac.new(self._secret, f"{kind}\n{subject}".encode(), hashlib.sha256).hexdigest()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _day(now: datetime) -> str:
    return now.date().isoformat()


def _rest_of_day_s(now: datetime) -> float:
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - now).total_seconds()
