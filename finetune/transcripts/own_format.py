"""Frontdesk's own lines of conversations, the form in which every later stage reads them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from finetune.conversations import SupportConversation, Turn
from finetune.transcripts.values import TranscriptError


def dump_conversation(conversation: SupportConversation) -> str:
    """One line of JSON, without its line end; equal conversations give equal lines."""
    return json.dumps(as_record(conversation), ensure_ascii=False, separators=(",", ":"))


def as_record(conversation: SupportConversation) -> dict[str, Any]:
    """The conversation as plain values."""
    return {
        "conversation_id": conversation.id,
        "customer": conversation.customer,
        "source": conversation.source,
        "started_at": conversation.started_at,
        "messages": [_message(turn) for turn in conversation.turns],
    }


def load_conversation(record: Mapping[str, Any]) -> SupportConversation:
    """The conversation of such a line's values."""
    turns = tuple(Turn(m["role"], m["text"], m.get("at", ""), m.get("rating", 0)) for m in record["messages"])
    return SupportConversation(
        record["conversation_id"], turns, record["customer"], record["source"], record["started_at"]
    )


def load_conversations(path: Path) -> Iterator[SupportConversation]:
    """The conversations that `import_transcripts` wrote.

    Raises:
        TranscriptError: It is not such a file.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield load_conversation(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise TranscriptError(
                    f"{path.name}, line {number}, is no imported conversation.",
                    "Import the transcripts again.",
                ) from error


def _message(turn: Turn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": turn.role, "text": turn.text}
    if turn.at:
        message["at"] = turn.at
    if turn.rating:
        message["rating"] = turn.rating
    return message
