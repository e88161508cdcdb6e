"""A conversation's events as a server-sent event stream that resumes where it broke off."""

import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from anyio.to_thread import run_sync

from chatbot.errors import ConversationNotFoundError
from chatbot.turn_log import LoggedEvent, TurnLog
from chatbot.web.api.hub import Hub, Subscription
from chatbot.web.api.runner import TurnRunner

POLL_S = 2.0  # a notice of another process may have been lost
HEARTBEAT_S = 15.0
_RETRY_MS = 1_000


class EventStream:
    """Makes the bytes of one conversation's stream."""

    def __init__(self, turns: TurnLog, runner: TurnRunner, hub: Hub) -> None:
        self._turns = turns
        self._runner = runner
        self._hub = hub

    async def follow(self, conversation_id: str, after: int, life_s: float) -> AsyncIterator[bytes]:
        """All events after number `after`, then each as it happens, until the time is over or the server ends."""
        ends_s = time.monotonic() + life_s
        with self._hub.subscribe(conversation_id) as subscription:
            yield f"retry: {_RETRY_MS}\n\n".encode()
            async for part in self._parts(conversation_id, after, subscription, ends_s):
                yield part

    async def rest(self, conversation_id: str, after: int) -> bytes:
        """All events after number `after` that there are."""
        events = await run_sync(self._turns.after, conversation_id, after)
        return b"".join(frame(e.name, e.data, e.seq) for e in events)

    async def _parts(
        self, conversation_id: str, after: int, subscription: Subscription, ends_s: float
    ) -> AsyncIterator[bytes]:
        shown: dict[str, int] = {}
        elsewhere: Mapping[str, int] = {}
        spoke_s = read_s = time.monotonic()
        has_news = True
        while True:
            is_last = self._hub.is_closing or time.monotonic() >= ends_s
            events: Sequence[LoggedEvent] = ()
            # Where only a place in the line has changed, fifty who wait need not all read.
            if has_news or is_last or time.monotonic() - read_s > POLL_S:
                read_s = time.monotonic()
                try:
                    events, elsewhere = await run_sync(self._read, conversation_id, after)
                except ConversationNotFoundError:
                    yield frame("erased", {})
                    return
            parts = [frame(e.name, e.data, e.seq) for e in events]
            after = events[-1].seq if events else after
            positions = {**elsewhere, **self._runner.positions(conversation_id)}
            parts += [
                frame("queue", {"turn_id": t, "position": p})
                for t, p in positions.items()
                if shown.get(t) != p
            ]
            shown = positions
            if not parts and time.monotonic() - spoke_s > HEARTBEAT_S:
                parts = [b": still here\n\n"]
            if parts:
                spoke_s = time.monotonic()
                yield b"".join(parts)
            elif is_last:
                return
            has_news = True
            if not events and not is_last:
                has_news = await subscription.wait(max(0.0, min(POLL_S, ends_s - time.monotonic())))

    def _read(self, conversation_id: str, after: int) -> tuple[Sequence[LoggedEvent], Mapping[str, int]]:
        """What is new, and the places in the lines of other processes."""
        events = self._turns.after(conversation_id, after)
        return events, self._turns.leases.places_elsewhere(conversation_id)


def frame(name: str, data: Any, seq: int | None = None) -> bytes:
    """One event; without a number it is not resumed."""
    number = f"id: {seq}\n" if seq is not None else ""
    return f"{number}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
