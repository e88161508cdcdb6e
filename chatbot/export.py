"""A conversation as JSON or Markdown, for the customer to keep."""

import json
from typing import Any

from chatbot.messages import Citation
from chatbot.store import Conversation, StoredMessage
from chatbot.templates import with_options


def to_json(conversation: Conversation) -> str:
    """Everything said and cited, with times in ISO 8601 and file names; no internal scores."""
    return json.dumps(as_object(conversation), ensure_ascii=False, indent=2)


def as_object(conversation: Conversation) -> dict[str, Any]:
    """What `to_json` writes, as plain values."""
    return {
        "id": conversation.id,
        "title": conversation.title,
        "created_at": conversation.created_at.isoformat(),
        "messages": [_message(m) for m in conversation.messages],
        "csat": {"score": conversation.csat.score, "comment": conversation.csat.comment}
        if conversation.csat
        else None,
    }


def _message(message: StoredMessage) -> dict[str, object]:
    return {
        "id": message.id,
        "role": message.role,
        "author": message.author,
        "text": message.text,
        "options": list(_options(message)),
        "created_at": message.created_at.isoformat(),
        "attachments": [a.name for a in message.attachments],
        "read": message.observation.seen if message.observation else "",
        "heard": [t.text for t in message.observation.transcripts] if message.observation else [],
        "citations": [
            {"number": c.number, "title": c.title, "url": c.url, "quote": c.quote}
            for c in _citations(message)
        ],
        "feedback": {"rating": message.feedback.rating, "comment": message.feedback.comment}
        if message.feedback
        else None,
    }


def to_markdown(conversation: Conversation) -> str:
    """The conversation as a readable document."""
    parts = [f"# {conversation.title or 'Conversation'}"]
    for message in conversation.messages:
        who = {"user": "Customer", "assistant": "Assistant", "person": message.author}[message.role]
        lines = [f"**{who}**, {message.created_at:%Y-%m-%d %H:%M} UTC", ""]
        lines.append(with_options(message.text, _options(message)))
        lines += [f"- attached: {a.name}" for a in message.attachments]
        lines += [f"[{c.number}] {c.title} {c.url}".rstrip() for c in _citations(message)]
        parts.append("\n".join(lines))
    if conversation.csat:
        parts.append(f"Satisfaction: {conversation.csat.score} of 5. {conversation.csat.comment}".rstrip())
    return "\n\n".join(parts) + "\n"


def _options(message: StoredMessage) -> tuple[str, ...]:
    return message.evidence.options if message.evidence else ()


def _citations(message: StoredMessage) -> tuple[Citation, ...]:
    return message.evidence.citations if message.evidence else ()
