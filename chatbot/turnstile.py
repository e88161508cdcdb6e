"""A lock whose waiting threads enter in the order in which they came.

Threads that write to SQLite at once poll for its lock, and Python's own lock lets whoever has just left in again: of
sixteen that write without a pause, one can wait until all the others are done.
"""

import threading
from collections import deque
from types import TracebackType


class Turnstile:
    """A context manager; a thread that is inside may enter again."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[tuple[int, threading.Lock]] = deque()
        self._inside = 0
        self._depth = 0

    def __enter__(self) -> None:
        me = threading.get_ident()
        with self._guard:
            if self._inside in (0, me):
                self._inside, self._depth = me, self._depth + 1
                return
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append((me, gate))
        gate.acquire()  # whoever leaves opens it, and has let us in already

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._guard:
            self._depth -= 1
            if self._depth:
                return
            self._inside = 0
            if self._waiting:
                self._inside, gate = self._waiting.popleft()
                self._depth = 1
                gate.release()
