"""Delivers what waits in the outbox: signed, without following redirects, and only to addresses that are allowed."""

import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Mapping

import httpx

from chatbot.database import Database
from chatbot.errors import FrontdeskError, InputError
from chatbot.outbox import Delivery, Outbox
from chatbot.webhook_address import Resolver, resolve, target
from chatbot.webhook_settings import WebhookSettings

log = logging.getLogger(__name__)
_LOOK_S = 2.0


def signature(secret: str, delivery_id: str, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 over id, time in seconds and body, as receivers compare it."""
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


class WebhookSender:
    """A thread that delivers; what it does not manage before it ends waits for the next process.

    Args:
        resolver: Turns names into addresses.
    """

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        webhooks: Mapping[str, WebhookSettings],
        resolver: Resolver = resolve,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._webhooks = webhooks
        self._resolver = resolver
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begins to deliver, where there is a receiver at all."""
        if self._webhooks and not self._thread.is_alive():
            self._thread.start()

    def close(self) -> None:
        """Ends after the delivery that is on its way."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(max(s.timeout_s for s in self._webhooks.values()) + 1)

    def deliver_due(self) -> int:
        """Tries everything that is due, once; returns how much was delivered."""
        due = self._outbox.claim(self._database)
        return sum(self._deliver(delivery) for delivery in due if not self._ended.is_set())

    def _work(self) -> None:
        while not self._ended.wait(_LOOK_S):
            try:
                self.deliver_due()
            except FrontdeskError as error:
                log.error("webhooks could not be looked after", exc_info=error)

    def _deliver(self, delivery: Delivery) -> bool:
        try:
            status, retry_after_s = self._post(delivery)
        except (httpx.HTTPError, httpx.InvalidURL, InputError) as error:
            return self._missed(delivery, f"{type(error).__name__}: {error}")
        if 200 <= status < 300:
            self._outbox.delivered(self._database, delivery)
            return True
        return self._missed(delivery, f"status {status}", retry_after_s)

    def _missed(self, delivery: Delivery, error: str, retry_after_s: float = 0.0) -> bool:
        again = self._outbox.failed(self._database, delivery, error, retry_after_s)
        log.warning(
            "webhook %s was not delivered (attempt %d, %s): %s",
            delivery.webhook, delivery.attempts, "tried again" if again else "given up", error,
        )  # fmt: skip
        return False

    def _post(self, delivery: Delivery) -> tuple[int, float]:
        """Status and the receiver's wish for a pause; the answer's body is not read."""
        settings = self._webhooks[delivery.webhook]
        to = target(settings.url, allow_private=settings.allow_private, resolver=self._resolver)
        body = json.dumps(delivery.body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            **{name: value.get_secret_value() for name, value in settings.headers.items()},
            **_headers(settings.secret.get_secret_value(), delivery.id, body),
            "Host": to.host,
        }
        with (
            httpx.Client(timeout=settings.timeout_s, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "POST", to.url, content=body, headers=headers, extensions={"sni_hostname": to.server_name}
            ) as response,
        ):
            wanted = response.headers.get("retry-after", "")
            return response.status_code, float(wanted) if wanted.isascii() and wanted.isdigit() else 0.0


def _headers(secret: str, delivery_id: str, body: bytes) -> dict[str, str]:
    timestamp = int(time.time())
    return {
        "Content-Type": "application/json",
        "User-Agent": "Frontdesk-Webhook/1",
        "Idempotency-Key": delivery_id,
        "Frontdesk-Webhook-Id": delivery_id,
        "Frontdesk-Webhook-Timestamp": str(timestamp),
        "Frontdesk-Webhook-Signature": signature(secret, delivery_id, timestamp, body),
    }
