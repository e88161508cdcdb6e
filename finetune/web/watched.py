"""Long work behind a page: what it tells on its way comes as a stream, its result at the end."""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """The last thing in the stream."""

    result: T


def watched(work: Callable[[Tell], T]) -> Iterator[str | Ended[T]]:
    """Runs the work in a thread; yields what it tells, then `Ended`.

    The work goes on when nobody asks for more, as when a browser goes away. What it raises is raised here.
    """
    told: queue.SimpleQueue[str | Ended[T] | BaseException] = queue.SimpleQueue()

    def run() -> None:
        try:
            told.put(Ended(work(told.put)))
        except BaseException as error:  # noqa: BLE001 (raised again below, in the thread that asked)
            told.put(error)

    threading.Thread(target=run, name="page-work", daemon=True).start()
    while True:
        found = told.get()
        if isinstance(found, BaseException):
            raise found
        yield found
        if isinstance(found, Ended):
            return
