"""Records of chats: Frontdesk's own, OpenAI's `messages`, ShareGPT's `conversations`, and pairs of texts.

Names of fields are compared without case, as exports of all kinds spell them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from finetune.transcripts.times import iso_time
from finetune.transcripts.values import Found, RawMessage

_LISTS = (
    "messages",
    "conversations",
    "conversation",
    "turns",
    "dialogue",
    "dialog",
    "utterances",
    "chat",
    "thread",
)
_SPEAKERS = (
    "role",
    "from",
    "speaker",
    "author",
    "sender",
    "sender_type",
    "author_type",
    "user_type",
    "direction",
)
_TEXTS = ("text", "content", "value", "message", "body", "utterance", "body_text", "parts")
_TIMES = ("at", "created_at", "timestamp", "time", "date", "sent_at", "ts", "create_time", "createdat")
IDS = (
    "conversation_id",
    "conversationid",
    "id",
    "ticket_id",
    "chat_id",
    "session_id",
    "thread_id",
    "dialogue_id",
)
_CUSTOMERS = (
    "customer",
    "customer_id",
    "visitor_id",
    "client_id",
    "clientid",
    "user_id",
    "requester_id",
    "contact_id",
)
_STARTS = ("started_at", "created_at", "starttime", "start_time", "timestamp", "date")
_PAIRS = (("question", "answer"), ("prompt", "completion"), ("prompt", "response"), ("instruction", "output"),
          ("customer", "agent"), ("user", "assistant"), ("human", "assistant"), ("input", "output"))  # fmt: skip
CITATION_MARKS = re.compile(r"[^\S\n]*\[\d{1,2}\]")
_TRANSCRIPTS = ("transcript", "content", "text", "conversation", "dialogue", "chat", "body")


def lowered(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with its names in lower case."""
    return {str(key).casefold(): value for key, value in record.items()}


def first_text(record: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The first of these fields that holds a text or a number, as text."""
    for name in names:
        value = record.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return ""


def is_message(value: Any) -> bool:
    """Whether a value is one message of a chat: it says something and may say who."""
    if not isinstance(value, dict):
        return False
    record = lowered(value)
    return any(isinstance(record.get(n), str | list | dict) for n in _TEXTS) and not messages_of(record)


def messages_of(record: Mapping[str, Any]) -> list[Any]:
    """The list of messages of a record with lower-case names, empty if it has none."""
    for name in _LISTS:
        value = record.get(name)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return value
    return []


def chat(line: int, value: Any) -> Found | None:
    """A chat from a record or from a bare list of messages; None when the record is something else."""
    record = lowered(value) if isinstance(value, dict) else {}
    messages = messages_of(record) if record else value
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        return _pair(line, record)
    said = [message for m in messages for message in raw_messages(lowered(m))]
    system = first_text(record, ("system", "system_prompt"))
    first = [RawMessage("system", system, role="system")] if system else []
    return Found(
        line,
        (*first, *said),
        id=first_text(record, IDS),
        customer=first_text(record, _CUSTOMERS),
        started_at=first_text(record, _STARTS),
        rating=rating_of(record),
        source=first_text(record, ("source",)) if "started_at" in record and "customer" in record else "",
    )


def raw_messages(record: Mapping[str, Any]) -> Iterator[RawMessage]:
    """The message of a record with lower-case names; two where it holds a question and its answer."""
    speaker = _speaker(record)
    if not speaker and (pair := _pair(0, record)):
        yield from pair.messages
        return
    at = next((t for n in _TIMES if (t := iso_time(record.get(n)))), "")
    text = _text(record)
    if isinstance(record.get("citations"), list):  # the numbers belong to passages that are not here
        text = CITATION_MARKS.sub("", text)
    yield RawMessage(speaker, text, at, rating_of(record))


def _speaker(record: Mapping[str, Any]) -> str:
    for name in _SPEAKERS:
        value = record.get(name)
        if isinstance(value, dict):
            value = first_text(lowered(value), ("role", "type", "name"))
        if isinstance(value, str | int) and str(value).strip():
            return str(value).strip()
    return ""


def _text(record: Mapping[str, Any]) -> str:
    for name in _TEXTS:
        value = record.get(name)
        if isinstance(value, dict):
            value = value.get("text") or value.get("parts") or value.get("body")
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, list) and (joined := _parts(value)):
            return joined
    return ""


def _parts(parts: list[Any]) -> str:
    """The text of content parts; pictures and tool calls among them are left out."""
    texts = (p if isinstance(p, str) else p.get("text") if isinstance(p, dict) else None for p in parts)
    return "\n".join(t.strip() for t in texts if isinstance(t, str) and t.strip())


def rating_of(record: Mapping[str, Any]) -> int:
    """Thumbs, stars of five or words like `good` as 1, -1 or 0."""
    value = record.get("rating", record.get("feedback", record.get("satisfaction_rating")))
    if isinstance(value, dict):
        value = value.get("rating", value.get("score", value.get("thumbs")))
    return as_rating(value)


def as_rating(value: Any) -> int:
    """Thumbs (1, 0, -1) or a word as 1, -1 or 0; other numbers are read as stars of five."""
    word = _word(value)
    if word in {"1", "+1", "1.0", "up", "thumbs_up", "like", "👍"}:
        return 1
    if word in {"-1", "-1.0", "down", "thumbs_down", "dislike", "👎"}:
        return -1
    return stars(value)


def stars(value: Any) -> int:
    """Stars of five or a word as 1, -1 or 0: 4 and 5 are good, 1 and 2 bad."""
    word = _word(value)
    if word in {"good", "positive", "satisfied", "great", "amazing", "4", "5", "4.0", "5.0"}:
        return 1
    return -1 if word in {"bad", "negative", "dissatisfied", "terrible", "1", "2", "1.0", "2.0"} else 0


def _word(value: Any) -> str:
    return "" if value is None else str(value).strip().casefold()


def _pair(line: int, record: Mapping[str, Any]) -> Found | None:
    for asked, answered in _PAIRS:
        question, answer = record.get(asked), record.get(answered)
        if isinstance(question, str) and isinstance(answer, str) and question.strip():
            more = record.get("input") if asked == "instruction" else ""
            text = f"{question}\n{more}" if isinstance(more, str) and more.strip() else question
            said = (RawMessage("", text, role="customer"), RawMessage("", answer, role="agent"))
            return Found(
                line,
                said,
                first_text(record, IDS),
                first_text(record, _CUSTOMERS[1:]),
                rating=rating_of(record),
            )
    return None


def transcript_text(record: Mapping[str, Any]) -> str:
    """The text of a record that holds a whole conversation as one text, one speaker a line."""
    for name in _TRANSCRIPTS:
        value = record.get(name)
        if isinstance(value, str) and "\n" in value.strip():
            return value
    return ""
