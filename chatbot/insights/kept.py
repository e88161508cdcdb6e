"""The messages that topics are made of: all of a small company's, an even sample of a large one's.

Whole conversations are kept, those whose ids have the smallest hashes, so that the sample is the same at every run
and a conversation that is in it stays in while others come. Counts of a sample are in proportion to the real ones.
"""

import hashlib
import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chatbot.insights.reading import ConversationFacts, Visitor
from chatbot.insights.settings import MOST_MESSAGES

_MOST_OF_ONE_CONVERSATION = 50
_CHARS = 300


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """What a customer said, short."""

    conversation_id: str
    at: datetime
    said: str


class MessageSample:
    """Takes conversations and keeps so many messages at most.

    Attributes:
        offered: Messages that were there.
    """

    def __init__(self, since: datetime, until: datetime, most: int = MOST_MESSAGES) -> None:
        self._since, self._until, self._most = since, until, most
        self._heap: list[tuple[int, str, tuple[KeptMessage, ...]]] = []
        self._kept = 0
        self.offered = 0

    def add(self, visitor: Visitor) -> None:
        """Offers what one visitor wrote."""
        for conversation in visitor:
            if messages := self._messages(conversation):
                self.offered += len(messages)
                heapq.heappush(self._heap, (-_hash(conversation.id), conversation.id, messages))
                self._kept += len(messages)
                while self._kept > self._most and len(self._heap) > 1:
                    self._kept -= len(heapq.heappop(self._heap)[2])

    def result(self) -> tuple[KeptMessage, ...]:
        """The kept messages: conversations in an order of their own, messages of one in the order of time."""
        return tuple(message for _, _, messages in sorted(self._heap, reverse=True) for message in messages)

    def _messages(self, conversation: ConversationFacts) -> tuple[KeptMessage, ...]:
        said = [q for q in conversation.questions if q.said and self._since <= q.at < self._until]
        return tuple(
            KeptMessage(conversation.id, q.at, q.said[:_CHARS]) for q in said[-_MOST_OF_ONE_CONVERSATION:]
        )


def texts_of(messages: Sequence[KeptMessage]) -> list[str]:
    """What was said, message by message."""
    return [message.said for message in messages]


def _hash(conversation_id: str) -> int:
    return int.from_bytes(hashlib.sha256(conversation_id.encode()).digest()[:8], "big")
