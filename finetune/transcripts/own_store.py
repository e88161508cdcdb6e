"""Frontdesk's own conversations, with what customers thought of the answers."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from chatbot.store import Conversation, StoredMessage
from finetune.conversations import SupportConversation
from finetune.transcripts.assemble import assemble
from finetune.transcripts.chats import CITATION_MARKS
from finetune.transcripts.values import Dropped, Found, RawMessage, ReadOptions, Source

_SOURCE = "frontdesk"


def from_store(conversations: Iterable[Conversation]) -> Iterator[SupportConversation | Dropped]:
    """Stored conversations (with their messages) as training material.

    What a customer said aloud counts as typed; answers that were stopped are left out with their questions, and
    citation marks are removed, because passages are numbered anew when examples are built.
    """
    from pathlib import Path

    source = Source(Path(_SOURCE), _SOURCE, ReadOptions())
    for number, conversation in enumerate(conversations, 1):
        said = tuple(_message(m) for m in _complete(conversation.messages))
        found = Found(
            number, said, conversation.id, conversation.visitor_id, conversation.created_at.isoformat()
        )
        yield assemble(found, source)


def _complete(messages: tuple[StoredMessage, ...]) -> Iterator[StoredMessage]:
    """Messages without stopped answers and without the questions they belong to."""
    for message, following in pairwise((*messages, None)):
        if (
            message is not None
            and not _is_stopped(message)
            and not (message.role == "user" and _is_stopped(following))
        ):
            yield message


def _is_stopped(message: StoredMessage | None) -> bool:
    return message is not None and message.evidence is not None and message.evidence.stopped


def _message(message: StoredMessage) -> RawMessage:
    at = message.created_at.isoformat()
    if message.role == "user":
        said = message.observation.said if message.observation else ""
        return RawMessage("user", said or message.text, at, role="customer")
    if message.role == "person":
        return RawMessage("assistant", message.text, at, role="agent")
    rating = message.feedback.rating if message.feedback else 0
    return RawMessage("assistant", CITATION_MARKS.sub("", message.text), at, rating, "agent")
