"""One at a time: work on a file that two may not do at once, in whatever process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from chatbot.errors import InputError


@contextmanager
def alone(path: Path, refusal: str) -> Iterator[None]:
    """Holds the lock of a file that is about to be written.

    Raises:
        InputError: Somebody else holds it; the text is `refusal`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise InputError(refusal, "Wait until it has ended.") from error
    try:
        yield
    finally:
        lock.release()
