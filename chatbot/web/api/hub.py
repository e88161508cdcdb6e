"""Wakes the event streams of a conversation when there is something new. It knows nothing of what that is."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Subscription:
    """One stream's alarm clock; `wait` returns at once when something happened since the last one."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rang = asyncio.Event()

    def ring(self) -> None:
        """Wakes the stream from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._rang.set)

    async def wait(self, timeout_s: float) -> None:
        """Sleeps until something happens, or the time is over."""
        try:
            await asyncio.wait_for(self._rang.wait(), timeout_s)
        except TimeoutError:
            return
        self._rang.clear()


class Hub:
    """The open streams of this process, by conversation.

    Args:
        max_streams: Most streams of one conversation.
    """

    def __init__(self, max_streams: int) -> None:
        self._max_streams = max_streams
        self._lock = threading.Lock()
        self._open: dict[str, set[Subscription]] = defaultdict(set)
        self.is_closing = False
        self.is_refusing = False

    @contextmanager
    def subscribe(self, conversation_id: str) -> Iterator[Subscription]:
        """An alarm clock for as long as the stream is open."""
        subscription = Subscription()
        with self._lock:
            self._open[conversation_id].add(subscription)
        try:
            yield subscription
        finally:
            with self._lock:
                self._open[conversation_id].discard(subscription)
                if not self._open[conversation_id]:
                    del self._open[conversation_id]

    def is_full(self, conversation_id: str) -> bool:
        """Whether the conversation has as many streams as it may."""
        with self._lock:
            return len(self._open.get(conversation_id, ())) >= self._max_streams

    def notify(self, conversation_id: str) -> None:
        """Wakes the streams of a conversation."""
        with self._lock:
            woken = list(self._open.get(conversation_id, ()))
        for subscription in woken:
            subscription.ring()

    def notify_all(self) -> None:
        """Wakes every stream."""
        with self._lock:
            woken = [subscription for group in self._open.values() for subscription in group]
        for subscription in woken:
            subscription.ring()

    def refuse(self) -> None:
        """Says that nothing new is taken, while streams go on."""
        self.is_refusing = True

    def close(self) -> None:
        """Lets every stream end after what there is."""
        self.is_closing = self.is_refusing = True
        self.notify_all()

    @property
    def streams(self) -> int:
        """How many streams are open."""
        with self._lock:
            return sum(map(len, self._open.values()))
