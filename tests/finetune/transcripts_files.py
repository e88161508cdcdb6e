"""Files of transcripts, made in the test."""

import json
from pathlib import Path
from typing import Any

from finetune.conversations import SupportConversation
from finetune.transcripts import Dropped, ReadOptions, read_transcripts

ASKED = "My parcel has not arrived."
ANSWERED = "It will be there tomorrow."
SAID = [("customer", ASKED), ("agent", ANSWERED)]


def chat(identifier: str = "c1", *said: str) -> dict[str, Any]:
    """A conversation in Frontdesk's own form; texts alternate, the customer begins."""
    texts = said or (ASKED, ANSWERED)
    roles = ("customer", "agent")
    messages = [{"role": roles[i % 2], "text": text} for i, text in enumerate(texts)]
    return {"conversation_id": identifier, "messages": messages}


def write(path: Path, *records: Any) -> Path:
    """JSON Lines."""
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


def read(
    path: Path, options: ReadOptions | None = None, **more: Any
) -> tuple[list[SupportConversation], list[Dropped]]:
    """Conversations and what was dropped."""
    found = list(read_transcripts(path, options=options, **more))
    return [f for f in found if not isinstance(f, Dropped)], [f for f in found if isinstance(f, Dropped)]


def said(conversation: SupportConversation) -> list[tuple[str, str]]:
    """Who said what."""
    return [(turn.role, turn.text) for turn in conversation.turns]
