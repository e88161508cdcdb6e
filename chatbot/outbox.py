"""Webhook deliveries that wait in the database: put there with the change they tell of, gone when they are delivered.

At least once: a process that ends in the middle leaves a delivery to whoever comes next. It knows nothing of HTTP.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from chatbot.database import Database
from chatbot.privacy.redactor import Redactor
from chatbot.schema import DeliveryRow
from chatbot.store import messages_of
from chatbot.tickets import Change
from chatbot.webhook_payloads import Told, masked, payload
from chatbot.webhook_settings import WebhookSettings

_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 3600.0
_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A body that waits for its receiver; its id is the idempotency key, the same at every attempt."""

    id: str
    webhook: str
    body: Mapping[str, Any]
    attempts: int


class Outbox:
    """Takes changes of tickets and other news inside of their transaction, and gives deliveries that are due.

    Args:
        webhooks: Receivers by name.
        redactor: Masks personal data for those who must not get it.
    """

    def __init__(
        self,
        webhooks: Mapping[str, WebhookSettings],
        redactor: Redactor,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._webhooks = webhooks
        self._redactor = redactor
        self._clock = clock

    def __call__(self, session: Session, change: Change) -> None:
        """Puts a delivery for each receiver that is told of this kind of change."""
        for name, settings in self._webhooks.items():
            if change.name not in settings.events:
                continue
            delivery_id = uuid.uuid4().hex
            messages = messages_of(session, change.ticket.conversation_id)
            told = Told(delivery_id, change.name, change.data, change.ticket, messages)
            shown = masked(told, self._redactor) if settings.redact else told
            body = payload(shown, settings.form, settings.fields)
            session.add(self._row(delivery_id, name, body, change.ticket.conversation_id))

    def tell(self, session: Session, event: str, data: Mapping[str, Any]) -> int:
        """Puts a delivery about no single conversation for each receiver that is told of this event.

        Args:
            data: Free of personal data: it is not masked.

        Returns:
            How many there are.
        """
        told = [(name, settings) for name, settings in self._webhooks.items() if event in settings.events]
        for name, settings in told:
            delivery_id = uuid.uuid4().hex
            body = {"id": delivery_id, "event": event, "data": dict(data), **settings.fields}
            session.add(self._row(delivery_id, name, body))
        return len(told)

    def claim(self, database: Database, limit: int = 20) -> tuple[Delivery, ...]:
        """Deliveries that are due, oldest first; they are due again later unless they are settled."""
        now = self._clock()
        query = (
            select(DeliveryRow)
            .where(DeliveryRow.due_at <= now, DeliveryRow.webhook.in_(self._webhooks))
            .order_by(DeliveryRow.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        with database.writing() as session:
            session.execute(delete(DeliveryRow).where(DeliveryRow.due_at < now - _KEPT))
            rows = session.scalars(query).all()
            for row in rows:
                row.attempts += 1
                row.due_at = now + self._pause(row.attempts, self._webhooks[row.webhook].timeout_s * limit)
            return tuple(Delivery(row.id, row.webhook, row.body, row.attempts) for row in rows)

    def delivered(self, database: Database, delivery: Delivery) -> None:
        """Settles a delivery that the receiver has taken."""
        with database.writing() as session:
            session.execute(delete(DeliveryRow).where(DeliveryRow.id == delivery.id))

    def failed(self, database: Database, delivery: Delivery, error: str, retry_after_s: float = 0.0) -> bool:
        """Keeps what went wrong and tries again later; False when it is given up."""
        is_last = delivery.attempts >= self._webhooks[delivery.webhook].max_attempts
        with database.writing() as session:
            row = session.get(DeliveryRow, delivery.id)
            if row is None or is_last:
                session.execute(delete(DeliveryRow).where(DeliveryRow.id == delivery.id))
                return False
            row.last_error = error[:500]
            row.due_at = self._clock() + self._pause(delivery.attempts, retry_after_s)
            return True

    def _row(
        self, delivery_id: str, webhook: str, body: Mapping[str, Any], conversation_id: str | None = None
    ) -> DeliveryRow:
        return DeliveryRow(
            id=delivery_id,
            conversation_id=conversation_id,
            webhook=webhook,
            body=body,
            attempts=0,
            due_at=self._clock(),
            last_error="",
        )

    def _pause(self, attempts: int, at_least_s: float) -> timedelta:
        doubled = _FIRST_PAUSE_S * 2 ** min(attempts - 1, 20)
        return timedelta(seconds=min(max(doubled, at_least_s), _LONGEST_PAUSE_S))
