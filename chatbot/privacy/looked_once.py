"""Pictures looked through for personal data before they are sent: the same bytes are looked through once.

What was found is kept in memory only, by a hash of the picture, until it is sent or some minutes have passed. The words
on a picture are known to a turn only once it was sent. Knows no files and no visitors.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from chatbot.privacy.screens import LookedThrough

KEPT_S = 600.0
"""How long a picture may lie attached before it is looked through again."""
KEPT_BYTES = 32_000_000
"""Of pictures in all; what was looked through longest ago goes first."""


class LooksThrough(Protocol):
    """What is needed of `privacy.screens.ScreenRedactor`."""

    def look(self, data: bytes, media_type: str) -> LookedThrough:
        """The picture with its boxes, and the words that stood on it."""
        ...

    def remember(self, looked: LookedThrough) -> None:
        """Keeps the words for the turn that the picture was sent in."""
        ...


@dataclass(frozen=True, slots=True)
class _Kept:
    found: Future[LookedThrough]
    since: float


class LookedOnce:
    """Safe to share between threads; who asks for a picture that is being looked through waits for that.

    Args:
        kept_s: How long a result is kept.
        kept_bytes: Most bytes of pictures that are kept.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        screens: LooksThrough,
        *,
        kept_s: float = KEPT_S,
        kept_bytes: int = KEPT_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._screens = screens
        self._kept_s = kept_s
        self._kept_bytes = kept_bytes
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def redacted(self, data: bytes, media_type: str) -> bytes:
        """A sent picture with boxes over personal data; a look ahead that failed is tried again.

        Raises:
            Exception: Whatever the engines raise.
        """
        key = key_of(data, media_type)
        found, is_ours = self._claimed(key)
        if is_ours:
            looked = self._made(key, found, data, media_type)
        elif found.exception() is None:
            looked = found.result()
        else:
            looked = self._screens.look(data, media_type)
        self.forget(key)  # it is about to be stored
        self._screens.remember(looked)
        return looked.data

    def ahead(self, data: bytes, media_type: str) -> None:
        """Looks a picture through that may be sent soon, unless that is done or under way.

        Raises:
            Exception: Whatever the engines raise; nothing is kept then.
        """
        key = key_of(data, media_type)
        found, is_ours = self._claimed(key)
        if is_ours:
            self._made(key, found, data, media_type)

    def forget(self, key: str) -> None:
        """Drops what was found on a picture that will not be sent; who waits for it still gets it."""
        with self._lock:
            self._kept.pop(key, None)

    def forget_old(self) -> None:
        """Drops what has been kept long enough."""
        before = self._clock() - self._kept_s
        with self._lock:
            for key in [key for key, kept in self._kept.items() if kept.since < before]:
                del self._kept[key]

    @property
    def kept(self) -> int:
        """How many pictures are kept or under way."""
        with self._lock:
            return len(self._kept)

    def _claimed(self, key: str) -> tuple[Future[LookedThrough], bool]:
        """The result that is there or under way, or one that the caller has to make."""
        self.forget_old()
        with self._lock:
            if kept := self._kept.get(key):
                return kept.found, False
            made: Future[LookedThrough] = Future()
            self._kept[key] = _Kept(made, self._clock())
            return made, True

    def _made(self, key: str, found: Future[LookedThrough], data: bytes, media_type: str) -> LookedThrough:
        try:
            looked = self._screens.look(data, media_type)
        except BaseException as error:
            self.forget(key)
            found.set_exception(error)
            raise
        found.set_result(looked)
        self._make_room()
        return looked

    def _make_room(self) -> None:
        with self._lock:
            done = [
                (key, len(kept.found.result().data))
                for key, kept in self._kept.items()
                if kept.found.done() and not kept.found.exception()
            ]
            used = sum(size for _, size in done)
            for key, size in done:
                if used <= self._kept_bytes:
                    return
                del self._kept[key]
                used -= size


def key_of(data: bytes, media_type: str) -> str:
    """Names a picture by its content."""
    return f"{hashlib.sha256(data).hexdigest()} {media_type}"
