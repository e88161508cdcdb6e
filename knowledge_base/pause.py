"""Holds off everybody who would change a knowledge base, so that its folder can be copied."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from knowledge_base.errors import IndexUnavailableError

LOCK_FILE = "ingest.lock"
LOCK_TIMEOUT_S = 60.0


@contextmanager
def paused(folder: Path, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Searches go on; whoever wants to write waits.

    Raises:
        IndexUnavailableError: Somebody is writing, and does not end in time.
    """
    try:
        with filelock.FileLock(folder / LOCK_FILE, timeout=timeout_s):
            yield
    except filelock.Timeout as error:
        raise IndexUnavailableError(
            "The knowledge base is being changed by another process.", "Try again when it is done."
        ) from error
