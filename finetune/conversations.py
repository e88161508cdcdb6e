"""Support conversations as the tuning loop sees them: frozen values, whatever file they came from."""

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

Role = Literal["customer", "agent", "system"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a support conversation.

    Attributes:
        at: ISO 8601 time, empty when the source has none.
        rating: What the customer thought of an agent's turn: 1, -1, or 0 when nothing is known.
    """

    role: Role
    text: str
    at: str = ""
    rating: int = 0


@dataclass(frozen=True, slots=True)
class SupportConversation:
    """A conversation between a customer and an agent, oldest turn first.

    Attributes:
        id: The source's own id, else one made of the content.
        customer: The source's id of the customer, empty when unknown; erasure goes by it.
        source: Where it came from, for reports (a file's name, never its path).
        started_at: ISO 8601 time of the first turn, empty when unknown; splits by time go by it.
    """

    id: str
    turns: tuple[Turn, ...]
    customer: str = ""
    source: str = ""
    started_at: str = ""

    @property
    def content_hash(self) -> str:
        """SHA-256 of who said what; equal conversations have equal hashes whatever their ids."""
        said = json.dumps([[turn.role, turn.text] for turn in self.turns], ensure_ascii=False)
        return hashlib.sha256(said.encode()).hexdigest()
