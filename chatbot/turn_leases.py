"""Which process answers a turn: it holds a lease that it renews, and another takes over when it stops to.

Of all processes on one database one answers a turn, and what another says that has lost it is not kept. It knows
nothing of how turns are answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter
from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session, aliased

from chatbot.database import Database
from chatbot.errors import ConversationNotFoundError, TurnTakenOverError
from chatbot.messages import Message
from chatbot.schema import ConversationRow, TurnRow

LEASE_S = 20.0
_MESSAGE = TypeAdapter(Message)


@dataclass(frozen=True, slots=True)
class Turn:
    """A message that waits for its answer; its id is that of the question in the conversation."""

    id: str
    conversation_id: str
    visitor_id: str
    message: Message


class TurnLeases:
    """All reading and writing of who answers what.

    Args:
        lease_s: How long a turn stays with the process that answers it without a sign of life.
    """

    def __init__(self, database: Database, lease_s: float = LEASE_S) -> None:
        self._database = database
        self.owner = database.process_id
        self.lease_s = lease_s

    def until(self) -> datetime:
        """The end of a lease that begins now."""
        return datetime.now(UTC) + timedelta(seconds=self.lease_s)

    def begin(self, turn: Turn, *, is_waiting: bool = False) -> bool:
        """Says that the answer is being made now; False while an earlier message of the conversation is unanswered.

        Args:
            is_waiting: It is only looked at, and has others before it in the line.

        Raises:
            ConversationNotFoundError: The conversation was erased.
            TurnTakenOverError: Another process answers it, or has answered it.
        """
        with self._database.writing() as session:
            row = self.held(session, turn)
            earlier = select(TurnRow.id).where(
                TurnRow.conversation_id == turn.conversation_id,
                TurnRow.is_done.is_(False),
                TurnRow.first_seq < row.first_seq,
            )
            if session.scalar(earlier.limit(1)) is not None:
                return False
            row.begun_at = None if is_waiting else datetime.now(UTC)
            return True

    def held(self, session: Session, turn: Turn) -> TurnRow:
        """The row of a turn that is this process's own, locked; errors as for `begin`."""
        row = session.get(TurnRow, turn.id, with_for_update=True)
        if row is None:
            raise ConversationNotFoundError(f"There is no conversation {turn.conversation_id!r}.")
        if row.is_done or row.owner != self.owner:
            raise TurnTakenOverError("Another process answers this message.")
        return row

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
            .with_for_update(of=TurnRow, skip_locked=True)  # of two processes that look, one takes it
        )
        with self._database.writing() as session:
            found = [(row, visitor_id) for row, visitor_id in session.execute(query)]
            for row, _ in found:
                row.lease_until, row.owner, row.begun_at = self.until(), self.owner, None
            return tuple(turn_of(row, visitor_id) for row, visitor_id in found)

    def renew(self, turn_ids: Sequence[str]) -> None:
        """Says that this process is still at work on turns."""
        self._set(turn_ids, self.until(), self.owner)

    def release(self, turn_ids: Sequence[str]) -> None:
        """Leaves turns to whoever comes next: this process ends, and keeps nothing more of them."""
        self._set(turn_ids, None, None)

    def places_elsewhere(self, conversation_id: str) -> dict[str, int]:
        """The conversation's turns in lines of other processes with their place, from 1; 0 for one being answered."""
        if not self._database.is_shared:
            return {}
        ahead = aliased(TurnRow)
        place = (
            select(func.count())
            .where(
                ahead.owner == TurnRow.owner,
                ahead.is_done.is_(False),
                ahead.begun_at.is_(None),
                ahead.created_at <= TurnRow.created_at,
            )
            .scalar_subquery()
        )
        query = select(TurnRow.id, TurnRow.begun_at, place).where(
            TurnRow.conversation_id == conversation_id,
            TurnRow.is_done.is_(False),
            TurnRow.owner != self.owner,
            TurnRow.lease_until > datetime.now(UTC),
        )
        with self._database.reading() as session:
            return {turn_id: 0 if begun_at else count for turn_id, begun_at, count in session.execute(query)}

    def _set(self, turn_ids: Sequence[str], until: datetime | None, owner: str | None) -> None:
        if not turn_ids:
            return
        mine = (TurnRow.id.in_(turn_ids), TurnRow.owner == self.owner)
        with self._database.writing() as session:
            session.execute(update(TurnRow).where(*mine).values(lease_until=until, owner=owner))


def turn_of(row: TurnRow, visitor_id: str) -> Turn:
    """The turn that a row keeps."""
    return Turn(row.id, row.conversation_id, visitor_id, _MESSAGE.validate_python(row.message))
