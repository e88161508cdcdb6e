"""The topics and the surges that are kept, so that a topic is known again and a surge is told once.

A surge lasts as long as looks find it; one that is found again within a window of having ended is still the same.
The webhook deliveries are put down in the transaction that keeps the surge: both or neither.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import delete, func, or_, select, text
from sqlalchemy.orm import Session

from chatbot.database import Database
from chatbot.insights.rule import SurgeRule
from chatbot.insights.surge import TopicTest
from chatbot.insights.themes import Theme
from chatbot.insights.topics import Topic, matched
from chatbot.schema import SurgeRow, TopicRow

EVENT = "insight.surge"
_KEPT = timedelta(days=90)
_LOCK = 5_230_419  # any number that nobody else locks in our database
Tells = Callable[[Session, str, Mapping[str, Any]], int]


@dataclass(frozen=True, slots=True)
class Surge:
    """A surge that was told.

    Attributes:
        count: Negative messages in the window in which it was seen last.
        chance: Of such a count on steady data, corrected for the number of topics.
        ended_at: None while it lasts.
    """

    id: str
    topic_id: str
    name: str
    count: int
    expected: float
    chance: float
    began_at: datetime
    seen_at: datetime
    ended_at: datetime | None


class SurgeBook:
    """All reading and writing of topics and surges.

    Args:
        tells: Puts down the deliveries of an event inside of a transaction, as `Outbox.tell` does.
    """

    def __init__(self, database: Database, tells: Tells = lambda session, event, data: 0) -> None:
        self._database = database
        self._tells = tells

    def topics(self, embedder_id: str) -> tuple[Topic, ...]:
        """The topics of this vector space that are kept."""
        with self._database.reading() as session:
            return _topics(session, embedder_id)

    def looked_at(self) -> datetime | None:
        """When anybody looked last and found a topic."""
        with self._database.reading() as session:
            return session.scalar(select(func.max(TopicRow.seen_at)))

    def surges(self, since: datetime, limit: int = 100) -> tuple[Surge, ...]:
        """Surges that last or have been seen since then, newest first."""
        query = (
            select(SurgeRow)
            .where(or_(SurgeRow.ended_at.is_(None), SurgeRow.seen_at >= since))
            .order_by(SurgeRow.began_at.desc())
            .limit(limit)
        )
        with self._database.reading() as session:
            return tuple(_surge(row) for row in session.scalars(query))

    def keep(
        self, themes: Sequence[Theme], embedder_id: str, now: datetime, rule: SurgeRule
    ) -> tuple[Surge, ...]:
        """Keeps what a look has found; returns the surges that are new, whose deliveries now wait.

        Args:
            themes: All topics of the look, with their tests.
        """
        with self._database.writing() as session:
            self._alone(session)
            topics = matched([t.topic for t in themes], _topics(session, embedder_id))
            for topic in topics:
                session.merge(_row(topic, embedder_id, now))
            session.execute(delete(TopicRow).where(TopicRow.seen_at < now - _KEPT))
            found = {
                topic.id: (topic, theme, theme.test)
                for topic, theme in zip(topics, themes, strict=True)
                if theme.test and theme.test.is_surge
            }
            return self._told(session, found, now, rule)

    def _told(
        self,
        session: Session,
        found: Mapping[str, tuple[Topic, Theme, TopicTest]],
        now: datetime,
        rule: SurgeRule,
    ) -> tuple[Surge, ...]:
        recent = select(SurgeRow).where(
            or_(SurgeRow.ended_at.is_(None), SurgeRow.ended_at >= now - rule.window)
        )
        known = {row.topic_id: row for row in session.scalars(recent.order_by(SurgeRow.began_at))}
        new = []
        for topic_id, row in known.items():
            if topic_id not in found and row.ended_at is None:
                row.ended_at = now
        for topic_id, (topic, theme, test) in found.items():
            row = known.get(topic_id) or _begun(topic, now)
            if topic_id not in known:
                session.add(row)
            _seen(row, test, now)
            if topic_id not in known:
                self._tells(session, EVENT, told_of(_surge(row), theme, rule))
                new.append(_surge(row))
        return tuple(new)

    def _alone(self, session: Session) -> None:
        """One process after the other: else two would tell of the same surge."""
        if self._database.is_shared:
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def told_of(surge: Surge, theme: Theme, rule: SurgeRule) -> dict[str, Any]:
    """What receivers are told: figures, the words that name the topic, ids of conversations; no customer's words."""
    return {
        "surge_id": surge.id,
        "topic": {"id": surge.topic_id, "name": surge.name, "words": list(theme.topic.words)},
        "began_at": surge.began_at.isoformat(),
        "window_hours": rule.window / timedelta(hours=1),
        "negative_messages": surge.count,
        "expected": surge.expected,
        "chance": surge.chance,
        "conversations": list(theme.conversations),
    }


def _topics(session: Session, embedder_id: str) -> tuple[Topic, ...]:
    query = select(TopicRow).where(TopicRow.embedder == embedder_id).order_by(TopicRow.id)
    return tuple(
        Topic(row.id, tuple(row.words), np.asarray(row.centroid, np.float32), row.size)
        for row in session.scalars(query)
    )


def _row(topic: Topic, embedder_id: str, now: datetime) -> TopicRow:
    centroid = [round(float(x), 5) for x in topic.centroid]
    return TopicRow(
        id=topic.id,
        embedder=embedder_id,
        words=list(topic.words),
        centroid=centroid,
        size=topic.size,
        seen_at=now,
    )


def _begun(topic: Topic, now: datetime) -> SurgeRow:
    return SurgeRow(id=uuid.uuid4().hex, topic_id=topic.id, name=topic.name[:200], began_at=now)


def _seen(row: SurgeRow, test: TopicTest, now: datetime) -> None:
    row.count, row.expected, row.chance = test.count, test.expected, test.corrected
    row.seen_at, row.ended_at = now, None


def _surge(row: SurgeRow) -> Surge:
    return Surge(
        row.id,
        row.topic_id,
        row.name,
        row.count,
        row.expected,
        row.chance,
        row.began_at,
        row.seen_at,
        row.ended_at,
    )
