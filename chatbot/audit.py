"""The audit log: who did what that customers may not. Names of accounts and of things, never what customers wrote."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from chatbot.database import Database
from chatbot.schema import AccountRow, AuditRow
from chatbot.tickets import Change

COMMAND_LINE = "(command line)"
THIS_MACHINE = "(this machine)"
NOBODY = "(nobody)"
_PAGE = 500
_TARGET_CHARS = 200
_TICKET_ACTIONS = {
    "person_joined": "ticket-claimed",
    "message": "ticket-replied",
    "person_left": "ticket-returned",
    "ticket_closed": "ticket-closed",
}


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done.

    Attributes:
        actor: An account's name, or one of the names in brackets above, which no account can have.
    """

    id: int
    at: datetime
    actor: str
    action: str
    target: str
    details: dict[str, Any]


class AuditLog:
    """Only ever added to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, actor: str, action: str, target: str = "", **details: str | float | bool) -> None:
        """Adds an entry; it is on disk when this returns.

        Raises:
            StorageError: It cannot be kept.
        """
        with self._database.writing() as session:
            session.add(_row(actor, action, target, details))

    def entries(self, since: datetime | None = None) -> Iterator[AuditEntry]:
        """All entries from a time on, oldest first."""
        last = 0
        while True:
            query = select(AuditRow).where(AuditRow.id > last).order_by(AuditRow.id).limit(_PAGE)
            if since:
                query = query.where(AuditRow.at >= since)
            with self._database.reading() as session:
                rows = session.scalars(query).all()
            for row in rows:
                yield AuditEntry(row.id, row.at, row.actor, row.action, row.target, dict(row.details))
            if len(rows) < _PAGE:
                return
            last = rows[-1].id


def audit_ticket(session: Session, change: Change) -> None:
    """Adds what an agent did with a ticket, in the transaction of the change itself; a `tickets.Listener`."""
    action = _TICKET_ACTIONS.get(change.name)
    if action is None:
        return  # a customer asked for a person
    if change.name == "person_left":
        action = f"ticket-{change.ticket.state.value}"
    # A name that somebody typed on a server without accounts is not an account's.
    name = select(AccountRow.name).where(AccountRow.name == change.ticket.agent)
    actor = session.scalar(name) or THIS_MACHINE
    session.add(_row(actor, action, change.ticket.id, {}))


def _row(actor: str, action: str, target: str, details: dict[str, Any]) -> AuditRow:
    return AuditRow(
        at=datetime.now(UTC), actor=actor, action=action, target=target[:_TARGET_CHARS], details=details
    )
