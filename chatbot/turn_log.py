"""Turns accepted over the API and the events that tell of them, kept so that any client can resume.

A client that has seen event n asks for what came after n: nothing is lost and nothing repeated, also after a
restart. It knows nothing of HTTP or of what the events say.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session, aliased

from chatbot.attachment_claims import settle
from chatbot.database import Database
from chatbot.errors import ConversationNotFoundError, InputError
from chatbot.messages import Message
from chatbot.notices import Notice, announce
from chatbot.schema import ConversationRow, EventRow, TurnRow
from chatbot.turn_leases import LEASE_S, Turn, TurnLeases, turn_of

__all__ = ["IdempotencyError", "LoggedEvent", "TooManyTurnsError", "Turn", "TurnLog"]

Event = tuple[str, Mapping[str, Any]]
"""Name and data of what a client is told."""
_MESSAGE = TypeAdapter(Message)


class IdempotencyError(InputError):
    """An idempotency key comes with another message than the first time."""


class TooManyTurnsError(InputError):
    """A conversation has too many unanswered messages."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One thing a client is told; `seq` counts up from 1 inside a conversation."""

    seq: int
    name: str
    data: Mapping[str, Any]


class TurnLog:
    """All reading and writing of turns and events.

    Args:
        lease_s: How long a turn stays with the process that answers it without a sign of life.

    Attributes:
        leases: Which process answers which turn.
    """

    def __init__(self, database: Database, lease_s: float = LEASE_S) -> None:
        self._database = database
        self.leases = TurnLeases(database, lease_s)

    @property
    def is_shared(self) -> bool:
        """Whether other processes may answer turns of the same database."""
        return self._database.is_shared

    def accept(
        self,
        conversation_id: str,
        visitor_id: str,
        message: Message,
        event: tuple[str, Mapping[str, Any]],
        key: str = "",
        max_unanswered: int = 1_000_000,
    ) -> tuple[Turn, bool]:
        """Keeps a message to be answered and tells of it; the same key and message again give the same turn.

        Args:
            event: Name and data of the event that tells of it; `turn_id` is added to the data.
            key: The sender's idempotency key, if any.
            max_unanswered: Turns that may be unanswered in the conversation, this one included.

        Returns:
            The turn, and whether it is new.

        Raises:
            ConversationNotFoundError: It does not exist or is somebody else's.
            IdempotencyError: The key came with another message before.
            TooManyTurnsError: So many are unanswered already.
        """
        dumped = _MESSAGE.dump_python(message, mode="json")
        fingerprint = hashlib.sha256(json.dumps(dumped, sort_keys=True).encode()).hexdigest()
        with self._database.writing() as session:
            _owned(session, conversation_id, visitor_id)  # locked: one message after the other is counted
            settle(session, message.new_files)
            if key and (known := _by_key(session, conversation_id, key)):
                if known.fingerprint != fingerprint:
                    raise IdempotencyError(
                        "This idempotency key came with another message before.",
                        "Use a new key for a new message.",
                    )
                return turn_of(known, visitor_id), False
            if _unanswered(session, conversation_id)[0] >= max_unanswered:
                raise TooManyTurnsError(
                    f"{max_unanswered} messages wait for their answers.",
                    "Wait for an answer, then write again.",
                )
            turn_id = uuid.uuid4().hex
            name, data = event
            row = TurnRow(
                id=turn_id,
                conversation_id=conversation_id,
                message=dumped,
                first_seq=append_event(session, conversation_id, name, {"turn_id": turn_id, **data}),
                idempotency_key=key or None,
                fingerprint=fingerprint,
                created_at=datetime.now(UTC),
                owner=self.leases.owner,
                lease_until=self.leases.until(),
                is_done=False,
            )
            session.add(row)
            return turn_of(row, visitor_id), True

    def append(self, conversation_id: str, name: str, data: Mapping[str, Any]) -> int:
        """Adds an event; returns its number.

        Raises:
            ConversationNotFoundError: The conversation has been erased.
        """
        with self._database.writing() as session:
            return append_event(session, conversation_id, name, data)

    def tell(self, turn: Turn, name: str, data: Mapping[str, Any], after: Sequence[Event] = ()) -> None:
        """Adds an event of a turn that this process answers.

        Args:
            after: Events that come before it, kept with it or not at all.

        Raises:
            ConversationNotFoundError: There is no such conversation (any more).
            TurnTakenOverError: Another process answers the turn.
        """
        with self._database.writing() as session:
            append_events(session, turn.conversation_id, [*after, (name, data)])
            self.leases.held(session, turn)

    def finish(self, turn: Turn, name: str, data: Mapping[str, Any], after: Sequence[Event] = ()) -> None:
        """Adds the last event of a turn and closes the turn, both or neither; the rest is as for `tell`."""
        with self._database.writing() as session:
            append_events(session, turn.conversation_id, [*after, (name, data)])
            self.leases.held(session, turn).is_done = True

    def announce(self, notices: Iterable[Notice]) -> None:
        """Tells the other processes of what no event tells."""
        if not self._database.is_shared:
            return
        with self._database.writing() as session:
            announce(session, notices)

    def after(self, conversation_id: str, seq: int, limit: int = 500) -> tuple[LoggedEvent, ...]:
        """Events after number `seq`, in order.

        Raises:
            ConversationNotFoundError: There is no such conversation (any more).
        """
        query = (
            select(EventRow)
            .where(EventRow.conversation_id == conversation_id, EventRow.seq > seq)
            .order_by(EventRow.seq)
            .limit(limit)
        )
        with self._database.reading() as session:
            if session.get(ConversationRow, conversation_id) is None:
                raise ConversationNotFoundError(f"There is no conversation {conversation_id!r}.")
            return tuple(LoggedEvent(row.seq, row.name, row.data) for row in session.scalars(query))

    def resume_point(self, conversation_id: str) -> tuple[int, int]:
        """Where a client that has just read the whole conversation goes on, and how many turns are unanswered.

        Returns:
            The number of the event before the oldest unanswered turn, else of the newest event; and the count.
        """
        with self._database.reading() as session:
            count, first = _unanswered(session, conversation_id)
            return (first - 1 if count else _last_seq(session, conversation_id)), count

    def prune(self, before: datetime) -> int:
        """Removes old events, of conversations in which nothing waits, and old turns; returns how many events.

        The newest event of each stays, so that numbers go on counting up.
        """
        later, waiting = aliased(EventRow), aliased(TurnRow)
        is_last = ~exists().where(later.conversation_id == EventRow.conversation_id, later.seq > EventRow.seq)
        waits = exists().where(
            waiting.conversation_id == EventRow.conversation_id, waiting.is_done.is_(False)
        )
        events = delete(EventRow).where(EventRow.created_at < before, ~is_last, ~waits)
        turns = delete(TurnRow).where(TurnRow.created_at < before, TurnRow.is_done.is_(True))
        with self._database.writing() as session:
            count = session.connection().execute(events).rowcount
            session.connection().execute(turns)
            return count


def _owned(session: Session, conversation_id: str, visitor_id: str) -> None:
    row = session.get(ConversationRow, conversation_id, with_for_update=True)
    if row is None or row.visitor_id != visitor_id:
        raise ConversationNotFoundError(f"There is no conversation {conversation_id!r}.")


def _unanswered(session: Session, conversation_id: str) -> tuple[int, int]:
    """How many turns are not done, and the first event of the oldest."""
    query = select(func.count(), func.min(TurnRow.first_seq)).where(
        TurnRow.conversation_id == conversation_id, TurnRow.is_done.is_(False)
    )
    count, first = session.execute(query).one()
    return count, first or 0


def _by_key(session: Session, conversation_id: str, key: str) -> TurnRow | None:
    query = select(TurnRow).where(TurnRow.conversation_id == conversation_id, TurnRow.idempotency_key == key)
    return session.scalar(query)


def append_event(session: Session, conversation_id: str, name: str, data: Mapping[str, Any]) -> int:
    """Adds an event inside of a transaction of the caller's; returns its number.

    Raises:
        ConversationNotFoundError: The conversation has been erased.
    """
    return append_events(session, conversation_id, [(name, data)])


def append_events(session: Session, conversation_id: str, events: Sequence[Event]) -> int:
    """The same for several, in their order; returns the number of the last one."""
    if session.get(ConversationRow, conversation_id, with_for_update=True) is None:
        raise ConversationNotFoundError(f"There is no conversation {conversation_id!r}.")
    seq, now = _last_seq(session, conversation_id), datetime.now(UTC)
    for name, data in events:
        seq += 1
        session.add(
            EventRow(conversation_id=conversation_id, seq=seq, name=name, data=dict(data), created_at=now)
        )
    announce(session, [Notice(conversation_id)])
    return seq


def _last_seq(session: Session, conversation_id: str) -> int:
    query = select(func.max(EventRow.seq)).where(EventRow.conversation_id == conversation_id)
    return session.scalar(query) or 0
