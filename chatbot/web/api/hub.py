"""Wakes the event streams of a conversation when there is something new. It knows nothing of what that is."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Subscription:
    """One stream's alarm clock; `wait` returns at once when something happened since the last one."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rang = asyncio.Event()
        self._has_news = False

    def ring(self, has_news: bool = True) -> None:
        """Wakes the stream from any thread.

        Args:
            has_news: Something was told; else only the place in the line has changed.
        """
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, has_news)

    async def wait(self, timeout_s: float) -> bool:
        """Sleeps until something happens, or the time is over; False when nothing can have been told meanwhile."""
        try:
            await asyncio.wait_for(self._rang.wait(), timeout_s)
        except TimeoutError:
            return True  # a notice may have been lost
        self._rang.clear()
        has_news, self._has_news = self._has_news, False
        return has_news

    def _wake(self, has_news: bool) -> None:
        self._has_news = self._has_news or has_news
        self._rang.set()


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
        """Wakes the streams of a conversation, which has been told something."""
        self._ring([conversation_id], has_news=True)

    def notify_moved(self, conversation_ids: Iterable[str]) -> None:
        """Wakes the streams of conversations whose place in the line has changed, and nothing else."""
        self._ring(conversation_ids, has_news=False)

    def notify_all(self) -> None:
        """Wakes every stream."""
        with self._lock:
            woken = [subscription for group in self._open.values() for subscription in group]
        for subscription in woken:
            subscription.ring()

    def _ring(self, conversation_ids: Iterable[str], has_news: bool) -> None:
        with self._lock:
            woken = [subscription for name in conversation_ids for subscription in self._open.get(name, ())]
        for subscription in woken:
            subscription.ring(has_news)

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
