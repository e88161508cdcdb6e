"""Turns accepted over the API and the events that tell of them, kept so that any client can resume.

A client that has seen event n asks for what came after n: nothing is lost and nothing repeated, also after a
restart. It knows nothing of HTTP or of what the events say.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from chatbot.database import Database
from chatbot.errors import ConversationNotFoundError, InputError
from chatbot.messages import Message
from chatbot.schema import ConversationRow, EventRow, TicketRow, TurnRow

LEASE_S = 20.0
_MESSAGE = TypeAdapter(Message)


class IdempotencyError(InputError):
    """An idempotency key comes with another message than the first time."""


class TooManyTurnsError(InputError):
    """A conversation has too many unanswered messages."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A message that waits for its answer; its id is that of the question in the conversation."""

    id: str
    conversation_id: str
    visitor_id: str
    message: Message


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One thing a client is told; `seq` counts up from 1 inside a conversation."""

    seq: int
    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A customer's wish to speak to a person."""

    id: str
    conversation_id: str
    status: str
    created_at: datetime


class TurnLog:
    """All reading and writing of turns, events and tickets.

    Args:
        lease_s: How long a turn stays with the process that answers it without a sign of life.
    """

    def __init__(self, database: Database, lease_s: float = LEASE_S) -> None:
        self._database = database
        self.lease_s = lease_s

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
            _owned(session, conversation_id, visitor_id)
            if key and (known := _by_key(session, conversation_id, key)):
                if known.fingerprint != fingerprint:
                    raise IdempotencyError(
                        "This idempotency key came with another message before.",
                        "Use a new key for a new message.",
                    )
                return _turn(known, visitor_id), False
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
                first_seq=_append(session, conversation_id, name, {"turn_id": turn_id, **data}),
                idempotency_key=key or None,
                fingerprint=fingerprint,
                created_at=datetime.now(UTC),
                lease_until=self._lease(),
                is_done=False,
            )
            session.add(row)
            return _turn(row, visitor_id), True

    def append(self, conversation_id: str, name: str, data: Mapping[str, Any]) -> int:
        """Adds an event; returns its number.

        Raises:
            ConversationNotFoundError: The conversation has been erased.
        """
        with self._database.writing() as session:
            return _append(session, conversation_id, name, data)

    def finish(self, turn: Turn, name: str, data: Mapping[str, Any]) -> None:
        """Adds the last event of a turn and closes the turn, both or neither."""
        with self._database.writing() as session:
            _append(session, turn.conversation_id, name, data)
            if row := session.get(TurnRow, turn.id):
                row.is_done = True

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

    def claim_abandoned(self) -> tuple[Turn, ...]:
        """Takes over the turns of processes that have ended, oldest first."""
        query = (
            select(TurnRow, ConversationRow.visitor_id)
            .join(ConversationRow, ConversationRow.id == TurnRow.conversation_id)
            .where(
                TurnRow.is_done.is_(False),
                or_(TurnRow.lease_until.is_(None), TurnRow.lease_until < datetime.now(UTC)),
            )
            .order_by(TurnRow.created_at)
        )
        with self._database.writing() as session:
            found = [(row, visitor_id) for row, visitor_id in session.execute(query)]
            for row, _ in found:
                row.lease_until = self._lease()
            return tuple(_turn(row, visitor_id) for row, visitor_id in found)

    def renew(self, turn_ids: Sequence[str]) -> None:
        """Says that this process is still at work on turns."""
        self._set_lease(turn_ids, self._lease())

    def release(self, turn_ids: Sequence[str]) -> None:
        """Leaves turns to whoever comes next: this process ends."""
        self._set_lease(turn_ids, None)

    def open_ticket(
        self, conversation_id: str, visitor_id: str, note: str, contact: str
    ) -> tuple[Ticket, bool]:
        """Records that a person is wanted; an open ticket of the conversation is found again.

        Returns:
            The ticket, and whether it is new.
        """
        with self._database.writing() as session:
            _owned(session, conversation_id, visitor_id)
            open_one = select(TicketRow).where(
                TicketRow.conversation_id == conversation_id, TicketRow.status == "open"
            )
            if known := session.scalar(open_one):
                return Ticket(known.id, conversation_id, known.status, known.created_at), False
            row = TicketRow(
                id=uuid.uuid4().hex,
                conversation_id=conversation_id,
                status="open",
                note=note,
                contact=contact,
                created_at=datetime.now(UTC),
            )
            session.add(row)
            return Ticket(row.id, conversation_id, row.status, row.created_at), True

    def _lease(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.lease_s)

    def _set_lease(self, turn_ids: Sequence[str], until: datetime | None) -> None:
        with self._database.writing() as session:
            for row in session.scalars(select(TurnRow).where(TurnRow.id.in_(turn_ids))):
                row.lease_until = until


def _owned(session: Session, conversation_id: str, visitor_id: str) -> None:
    row = session.get(ConversationRow, conversation_id)
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


def _append(session: Session, conversation_id: str, name: str, data: Mapping[str, Any]) -> int:
    if session.get(ConversationRow, conversation_id) is None:
        raise ConversationNotFoundError(f"There is no conversation {conversation_id!r}.")
    seq = _last_seq(session, conversation_id) + 1
    session.add(
        EventRow(
            conversation_id=conversation_id, seq=seq, name=name, data=dict(data), created_at=datetime.now(UTC)
        )
    )
    return seq


def _last_seq(session: Session, conversation_id: str) -> int:
    query = select(func.max(EventRow.seq)).where(EventRow.conversation_id == conversation_id)
    return session.scalar(query) or 0


def _turn(row: TurnRow, visitor_id: str) -> Turn:
    return Turn(row.id, row.conversation_id, visitor_id, _MESSAGE.validate_python(row.message))
