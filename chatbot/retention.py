"""How long conversations are kept. Knows nothing of what is made of them for training."""

import logging
from datetime import UTC, datetime, timedelta

from chatbot.store import ConversationStore

log = logging.getLogger(__name__)


def expires_before(days: int) -> datetime:
    """Conversations whose last message is older are erased."""
    return datetime.now(UTC) - timedelta(days=days)


def erase_expired(store: ConversationStore, days: int) -> tuple[int, int]:
    """Erases the conversations in which nothing was written for so many days; how many, and their files.

    Raises:
        StorageError: The database cannot be written.
    """
    conversations, files = store.erase_before(expires_before(days))
    if conversations:
        log.info("%d conversations older than %d days were erased, with %d files", conversations, days, files)
    return conversations, files
