"""One JSON record to what it holds, whichever program exported it."""

from typing import Any

from finetune.transcripts.chat_text import messages_in
from finetune.transcripts.chats import IDS, chat, first_text, lowered, raw_messages, transcript_text
from finetune.transcripts.helpdesks import helpdesk, recognise_helpdesk
from finetune.transcripts.spool import Row
from finetune.transcripts.values import ColumnMapping, Dropped, Found, Source

HELPDESKS = ("zendesk", "intercom", "chatwoot", "freshdesk")
_CUSTOMERS = ("customer", "customer_id", "visitor_id", "client_id", "clientid", "user_id")
_THREADS = tuple(name for name in IDS if name != "id")


def is_conversation(value: Any) -> bool:
    """Whether a decoded JSON value is a conversation, rather than a message or something else."""
    if not isinstance(value, dict):
        return False
    return (
        bool(recognise_helpdesk(value)) or chat(0, value) is not None or bool(transcript_text(lowered(value)))
    )


def read_record(line: int, value: Any, source: Source) -> tuple[Found | Row | Dropped, int]:
    """A conversation, or a message of one, and how many private notes of it were left out."""
    if isinstance(value, list):
        return chat(line, value) or _unknown(line, source), 0
    if not isinstance(value, dict):
        return source.dropped(line, "unknown", "is JSON but neither an object nor a list of messages"), 0
    if source.options.mapping:
        value = _mapped(value, source.options.mapping)
    forced = source.options.format if source.options.format in HELPDESKS else ""
    if desk := recognise_helpdesk(value):
        return helpdesk(line, value, desk)
    if forced:
        why = f"does not look like an export of {forced}: no messages of its kind"
        return source.dropped(line, "unknown", why), 0
    return _chat_or_message(line, value, source), 0


def _chat_or_message(line: int, value: dict[str, Any], source: Source) -> Found | Row | Dropped:
    if found := chat(line, value):
        return found
    record = lowered(value)
    message = next(raw_messages(record))
    if message.speaker and message.text:
        return Row(line, first_text(record, _THREADS), message, first_text(record, _CUSTOMERS))
    said = messages_in(transcript_text(record), source.options.roles)
    if said:
        customer, started = (
            first_text(record, _CUSTOMERS),
            first_text(record, ("starttime", "start_time", "created_at")),
        )
        return Found(line, said, first_text(record, IDS), customer, started)
    if message.text:
        return source.dropped(line, "no_role", "a message that does not say who wrote it")
    return _unknown(line, source)


def _unknown(line: int, source: Source) -> Dropped:
    return source.dropped(line, "unknown", "holds no messages that could be recognised")


def _mapped(value: dict[str, Any], mapping: ColumnMapping) -> dict[str, Any]:
    """The record with its fields renamed to the ones that are understood."""
    names = {getattr(mapping, name): name for name in mapping.__slots__ if getattr(mapping, name)}
    return {names.get(key, key): field for key, field in value.items()}
