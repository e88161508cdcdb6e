"""The audit log: who did what that customers may not. Names of accounts and of things, never what customers wrote."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from chatbot.database import Database
from chatbot.schema import AuditRow

COMMAND_LINE = "(command line)"
THIS_MACHINE = "(this machine)"
NOBODY = "(nobody)"
_PAGE = 500
_TARGET_CHARS = 200


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
        row = AuditRow(
            at=datetime.now(UTC), actor=actor, action=action, target=target[:_TARGET_CHARS], details=details
        )
        with self._database.writing() as session:
            session.add(row)

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
