"""Tickets in the database: asked for, claimed, answered, returned, closed, each change with the events that tell of it.

One transaction holds a change, the person's message and the event: a client is told what is kept, and never more.
It knows nothing of opening hours, pages or webhooks.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from chatbot.database import Database
from chatbot.errors import ConversationNotFoundError, InputError
from chatbot.handoff import (
    WITH_PERSON,
    Action,
    Availability,
    Standing,
    Ticket,
    TicketState,
    next_state,
    shown_name,
    standing_data,
)
from chatbot.policy import Cause
from chatbot.schema import ConversationRow, PresenceRow, TicketRow
from chatbot.store import add_person_message
from chatbot.turn_log import append_event

_LIVE = (TicketState.OPEN, TicketState.CLAIMED, TicketState.ANSWERED)
_MOST_LISTED = 200


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a ticket: the name of the event that clients are told, and its data."""

    ticket: Ticket
    name: str
    data: Mapping[str, Any]


Listener = Callable[[Session, Change], None]
"""Told of every change inside of its transaction."""


@dataclass(frozen=True, slots=True)
class Request:
    """A wish for a person; see `Ticket` for the fields."""

    cause: Cause
    note: str = ""
    contact: str = ""
    language: str = "en"


class TicketStore:
    """All reading and writing of tickets and of who is there.

    Args:
        listeners: Told of every change inside of its transaction.
    """

    def __init__(self, database: Database, listeners: Sequence[Listener] = ()) -> None:
        self._database = database
        self._listeners = listeners

    def request(
        self, conversation_id: str, visitor_id: str, wish: Request, availability: Availability
    ) -> tuple[Standing, bool]:
        """Asks for a person; a ticket of the conversation that is not closed is found again, with what is new added.

        Returns:
            Where the customer stands, and whether the team is asked anew.

        Raises:
            ConversationNotFoundError: The conversation does not exist or is somebody else's.
        """
        now = datetime.now(UTC)
        with self._database.writing() as session:
            conversation = session.get(ConversationRow, conversation_id, with_for_update=True)
            if conversation is None or conversation.visitor_id != visitor_id:
                raise ConversationNotFoundError(f"There is no conversation {conversation_id!r}.")
            row = session.scalar(_newest(conversation_id))
            is_new = row is None or row.status not in _LIVE
            if row is None or row.status == TicketState.CLOSED:
                row = _new_row(conversation_id, wish, now)
                session.add(row)
            elif is_new:
                row.status = next_state(TicketState(row.status), Action.REQUEST)
                row.cause, row.opened_at, row.changed_at = wish.cause, now, now
            _add(row, wish)
            session.flush()
            standing = Standing(_ticket(row, conversation), _position(session, row), availability)
            if is_new:
                data = {**standing_data(standing), "cause": wish.cause.value}
                self._tell(session, standing.ticket, "person_requested", data)
            return standing, is_new

    def claim(self, ticket_id: str, agent: str, others_left_before: datetime) -> Ticket:
        """Takes a conversation; the assistant is silent from then on.

        Args:
            others_left_before: Another agent who was not seen since then may be relieved.

        Raises:
            InputError: Another agent has it, or it is closed.
        """
        with self._database.writing() as session:
            row, conversation = _locked(session, ticket_id)
            holder = row.agent if row.status in WITH_PERSON else ""
            if holder and holder != agent and _seen_since(session, others_left_before, holder):
                raise InputError(f"{holder} has this conversation already.", "Take another one.")
            self._move(session, row, Action.CLAIM, agent)
            ticket = _ticket(row, conversation)
            if holder != agent:
                data = {"ticket_id": ticket.id, "agent": shown_name(agent)}
                self._tell(session, ticket, "person_joined", data)
            return ticket

    def reply(self, ticket_id: str, agent: str, text: str) -> str:
        """Says something to the customer in the conversation; returns the message's id.

        Raises:
            InputError: The agent does not have the conversation, or there is nothing to say.
        """
        if not text.strip():
            raise InputError("The reply is empty.", "Type something first.")
        with self._database.writing() as session:
            row, conversation = self._held(session, ticket_id, agent)
            self._move(session, row, Action.REPLY, agent)
            message = add_person_message(session, conversation, shown_name(agent), text)
            data = {
                "ticket_id": row.id,
                "message_id": message.id,
                "role": "person",
                "author": message.author,
                "text": text,
                "created_at": message.created_at.isoformat(),
            }
            self._tell(session, _ticket(row, conversation), "message", data)
            return message.id

    def leave(self, ticket_id: str, agent: str, action: Action) -> Ticket:
        """Returns a conversation to the assistant, or closes its ticket, which ends a person's part too.

        Raises:
            InputError: Another agent has the conversation, or it is closed already.
        """
        with self._database.writing() as session:
            row, conversation = _locked(session, ticket_id)
            had_person = row.status in WITH_PERSON
            if had_person:
                row, conversation = self._held(session, ticket_id, agent)
            self._move(session, row, action, agent)
            ticket = _ticket(row, conversation)
            data = {
                "ticket_id": ticket.id,
                "agent": shown_name(agent) if had_person else "",
                "status": ticket.state.value,
            }
            self._tell(session, ticket, "person_left" if had_person else "ticket_closed", data)
            return ticket

    def standing(self, conversation_id: str, availability: Availability) -> Standing | None:
        """Where the newest ticket of a conversation stands; None when a person was never asked for."""
        with self._database.reading() as session:
            row = session.scalar(_newest(conversation_id))
            conversation = session.get(ConversationRow, conversation_id)
            if row is None or conversation is None:
                return None
            return Standing(_ticket(row, conversation), _position(session, row), availability)

    def get(self, ticket_id: str) -> Ticket:
        """One ticket.

        Raises:
            InputError: It does not exist (any more).
        """
        with self._database.reading() as session:
            return _ticket(*_found(session, ticket_id))

    def queue(self) -> tuple[Ticket, ...]:
        """Tickets that are not closed: those that wait first, each group in the order in which they were asked for."""
        query = (
            select(TicketRow, ConversationRow)
            .join(ConversationRow)
            .where(TicketRow.status != TicketState.CLOSED)
            .order_by(TicketRow.opened_at)
            .limit(_MOST_LISTED)
        )
        with self._database.reading() as session:
            tickets = [_ticket(row, conversation) for row, conversation in session.execute(query)]
        order = [TicketState.OPEN, TicketState.CLAIMED, TicketState.ANSWERED, TicketState.RETURNED]
        return tuple(
            sorted(tickets, key=lambda t: (order.index(t.state) > 0, order.index(t.state) > 2, t.opened_at))
        )

    def seen(self, agent: str) -> None:
        """Keeps that an agent is there."""
        with self._database.writing() as session:
            session.merge(PresenceRow(name=agent, seen_at=datetime.now(UTC)))

    def gone(self, agent: str) -> None:
        """Keeps that an agent has left."""
        with self._database.writing() as session:
            if row := session.get(PresenceRow, agent):
                session.delete(row)

    def is_anyone_here(self, since: datetime) -> bool:
        """Whether an agent was seen since then."""
        with self._database.reading() as session:
            return _seen_since(session, since)

    def _held(self, session: Session, ticket_id: str, agent: str) -> tuple[TicketRow, ConversationRow]:
        row, conversation = _locked(session, ticket_id)
        if row.status not in WITH_PERSON:
            raise InputError("Nobody has this conversation.", "Take it first.")
        if row.agent != agent:
            raise InputError(f"{row.agent} has this conversation.", "Take another one.")
        return row, conversation

    def _move(self, session: Session, row: TicketRow, action: Action, agent: str) -> None:
        row.status = next_state(TicketState(row.status), action)
        row.agent = agent
        row.changed_at = datetime.now(UTC)
        session.flush()

    def _tell(self, session: Session, ticket: Ticket, name: str, data: Mapping[str, Any]) -> None:
        if name != "ticket_closed":  # nothing changes for a customer who was waiting in vain
            append_event(session, ticket.conversation_id, name, data)
        for listener in self._listeners:
            listener(session, Change(ticket, name, data))


def _newest(conversation_id: str) -> Select[Any]:
    query = select(TicketRow).where(TicketRow.conversation_id == conversation_id)
    return query.order_by(TicketRow.opened_at.desc()).limit(1)


def _new_row(conversation_id: str, wish: Request, now: datetime) -> TicketRow:
    return TicketRow(
        id=uuid.uuid4().hex,
        conversation_id=conversation_id,
        status=TicketState.OPEN.value,
        cause=wish.cause.value,
        note="",
        contact="",
        language=wish.language,
        agent="",
        created_at=now,
        opened_at=now,
        changed_at=now,
    )


def _add(row: TicketRow, wish: Request) -> None:
    if wish.note and wish.note not in row.note:
        row.note = f"{row.note}\n{wish.note}".strip()[:4000]
    row.contact = wish.contact or row.contact


def _found(session: Session, ticket_id: str) -> tuple[TicketRow, ConversationRow]:
    row = session.get(TicketRow, ticket_id)
    conversation = session.get(ConversationRow, row.conversation_id) if row else None
    if row is None or conversation is None:
        raise InputError("There is no such ticket (any more).", "Reload the list.")
    return row, conversation


def _locked(session: Session, ticket_id: str) -> tuple[TicketRow, ConversationRow]:
    """The conversation is locked, and so everything that is said in it and its tickets."""
    row, conversation = _found(session, ticket_id)
    session.refresh(conversation, with_for_update=True)
    session.refresh(row)
    return row, conversation


def _position(session: Session, row: TicketRow) -> int:
    if row.status != TicketState.OPEN:
        return 0
    earlier = select(func.count()).where(
        TicketRow.status == TicketState.OPEN, TicketRow.opened_at < row.opened_at
    )
    return (session.scalar(earlier) or 0) + 1


def _seen_since(session: Session, since: datetime, agent: str = "") -> bool:
    query = select(PresenceRow.name).where(PresenceRow.seen_at >= since)
    return session.scalar(query.where(PresenceRow.name == agent) if agent else query.limit(1)) is not None


def _ticket(row: TicketRow, conversation: ConversationRow) -> Ticket:
    return Ticket(
        id=row.id,
        conversation_id=row.conversation_id,
        visitor_id=conversation.visitor_id,
        state=TicketState(row.status),
        cause=Cause(row.cause),
        note=row.note,
        contact=row.contact,
        language="zh" if row.language == "zh" else "en",
        agent=row.agent,
        opened_at=row.opened_at,
        changed_at=row.changed_at,
        title=conversation.title,
    )
