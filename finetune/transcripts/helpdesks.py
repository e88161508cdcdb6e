"""Exports of help desks to conversations: Zendesk, Intercom, Chatwoot and Freshdesk. Private notes are left out."""

from collections.abc import Callable, Mapping
from typing import Any

from finetune.conversations import Role
from finetune.transcripts.chats import as_rating, first_text, stars
from finetune.transcripts.mail_text import own_words
from finetune.transcripts.roles import part_of
from finetune.transcripts.times import iso_time
from finetune.transcripts.values import Found, RawMessage

Record = Mapping[str, Any]


def recognise_helpdesk(record: Record) -> str:
    """Which help desk a record comes from, or an empty text."""
    return next((name for name, fits, _ in _DESKS if fits(record)), "")


def helpdesk(line: int, record: Record, name: str) -> tuple[Found, int]:
    """The conversation of an exported record, and how many private notes were left out.

    Args:
        name: `zendesk`, `intercom`, `chatwoot` or `freshdesk`.
    """
    read = next(reader for desk, _, reader in _DESKS if desk == name)
    return read(line, record)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _plain(body: Any) -> str:
    """What a message says itself: help desks keep e-mails with all that they quote."""
    return own_words(body) if isinstance(body, str) else ""


def _inner(record: Record, name: str) -> Record:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


# Zendesk: one JSON object a ticket, its comments inside; https://developer.zendesk.com (ticket comments)
def _is_zendesk(record: Record) -> bool:
    comments = _dicts(record.get("comments"))
    return bool(comments) and any("author_id" in c or "author" in c or "html_body" in c for c in comments)


def _zendesk(line: int, record: Record) -> tuple[Found, int]:
    ticket = _inner(record, "ticket") or record
    requester = str(ticket.get("requester_id") or _inner(ticket, "requester").get("id") or "")
    users = {str(u.get("id")): str(u.get("role") or "") for u in _dicts(record.get("users"))}
    comments = _dicts(record.get("comments"))
    public = [c for c in comments if c.get("public") is not False]
    said = [_zendesk_comment(c, requester, users) for c in public]
    rating = as_rating(_inner(ticket, "satisfaction_rating").get("score"))
    found = Found(
        line, tuple(said), first_text(ticket, ("id",)), requester, str(ticket.get("created_at") or ""), rating
    )
    return found, len(comments) - len(public)


def _zendesk_comment(comment: Record, requester: str, users: Mapping[str, str]) -> RawMessage:
    author = _inner(comment, "author")
    author_id = str(comment.get("author_id") or author.get("id") or "")
    label = str(author.get("role") or users.get(author_id) or "")
    part = part_of(label) if label else None
    role: Role | None = part if part in ("customer", "agent") else None
    if role is None and requester and author_id:
        role = "customer" if author_id == requester else "agent"
    body = comment.get("plain_body") or comment.get("html_body") or comment.get("body")
    return RawMessage(label, _plain(body), iso_time(comment.get("created_at")), role=role)


# Intercom: https://developers.intercom.com (conversation model): the first message is `source`, the rest parts
_INTERCOM_SAID = ("comment", "open", "close", "assignment", "quick_reply")
_INTERCOM_ROLES: dict[str, Role] = {"user": "customer", "lead": "customer", "contact": "customer", "admin": "agent",
                                    "bot": "agent", "team": "agent", "operator": "agent"}  # fmt: skip


def _is_intercom(record: Record) -> bool:
    return "conversation_parts" in record or ("source" in record and record.get("type") == "conversation")


def _intercom(line: int, record: Record) -> tuple[Found, int]:
    parts = record.get("conversation_parts")
    listed = _dicts(parts.get("conversation_parts") if isinstance(parts, dict) else parts)
    notes = [p for p in listed if p.get("part_type") == "note"]
    kept = [p for p in listed if p.get("part_type", "comment") in _INTERCOM_SAID]
    opening = _inner(record, "source") or _inner(record, "conversation_message")
    started = record.get("created_at")
    said = [_intercom_part(opening, started)] if opening else []
    said += [_intercom_part(part, part.get("created_at")) for part in kept]
    rating = stars(_inner(record, "conversation_rating").get("rating"))
    found = Found(
        line, tuple(said), first_text(record, ("id",)), _intercom_customer(record), iso_time(started), rating
    )
    return found, len(notes)


def _intercom_part(part: Record, at: Any) -> RawMessage:
    author = _inner(part, "author")
    label = str(author.get("type") or "")
    return RawMessage(
        label, _plain(part.get("body")), iso_time(at), role=_INTERCOM_ROLES.get(label.casefold())
    )


def _intercom_customer(record: Record) -> str:
    contacts = record.get("contacts")
    listed = _dicts(contacts.get("contacts") if isinstance(contacts, dict) else contacts)
    person = listed[0] if listed else _inner(record, "user")
    return first_text(person, ("external_id", "id"))


# Chatwoot: https://developers.chatwoot.com (messages): 0 incoming, 1 outgoing, 2 activity, 3 template
_CHATWOOT_ROLES: dict[str, Role] = {
    "0": "customer",
    "incoming": "customer",
    "1": "agent",
    "outgoing": "agent",
}


def _is_chatwoot(record: Record) -> bool:
    return any("message_type" in m for m in _chatwoot_messages(record))


def _chatwoot_messages(record: Record) -> list[dict[str, Any]]:
    return _dicts(record.get("messages")) or _dicts(record.get("payload"))


def _chatwoot(line: int, record: Record) -> tuple[Found, int]:
    messages = _chatwoot_messages(record)
    notes = sum(bool(m.get("private")) for m in messages)
    said = [r for m in messages if not m.get("private") and (r := _chatwoot_message(m))]
    sender = _inner(_inner(record, "meta"), "sender") or _inner(record, "contact")
    rating = next((score for m in messages if (score := _chatwoot_rating(m))), 0)
    identifier = first_text(record, ("id", "display_id", "conversation_id", "uuid"))
    identifier = identifier or first_text(messages[0], ("conversation_id",))
    started = iso_time(record.get("created_at") or record.get("timestamp"))
    return Found(
        line, tuple(said), identifier, first_text(sender, ("identifier", "id")), started, rating
    ), notes


def _chatwoot_message(message: Record) -> RawMessage | None:
    """A message of a person or a bot; status lines and surveys are none."""
    role = _CHATWOOT_ROLES.get(str(message.get("message_type")).casefold())
    if role is None or message.get("content_type") == "input_csat":
        return None
    return RawMessage(role, _plain(message.get("content")), iso_time(message.get("created_at")), role=role)


def _chatwoot_rating(message: Record) -> int:
    submitted = _inner(_inner(message, "content_attributes"), "submitted_values")
    return stars(_inner(submitted, "csat_survey_response").get("rating"))


# Freshdesk: https://developers.freshdesk.com/api (tickets with conversations); the description is the first message
def _is_freshdesk(record: Record) -> bool:
    ticket = _inner(record, "helpdesk_ticket") or record
    replies = _dicts(ticket.get("conversations")) or _dicts(ticket.get("notes"))
    described = "description" in ticket or "description_text" in ticket
    is_reply = any("incoming" in _note(r) or "body_text" in _note(r) for r in replies)
    return is_reply or (
        described and isinstance(ticket.get("conversations"), list) and "requester_id" in ticket
    )


def _note(reply: Record) -> Record:
    return _inner(reply, "helpdesk_note") or reply


def _freshdesk(line: int, record: Record) -> tuple[Found, int]:
    ticket = _inner(record, "helpdesk_ticket") or record
    replies = [_note(r) for r in _dicts(ticket.get("conversations")) or _dicts(ticket.get("notes"))]
    public = [r for r in replies if not r.get("private")]
    asked = _plain(ticket.get("description_text") or ticket.get("description"))
    requester = first_text(ticket, ("requester_id",))
    first = (
        [RawMessage("customer", asked, iso_time(ticket.get("created_at")), role="customer")] if asked else []
    )
    said = [_freshdesk_reply(r, requester) for r in public]
    rating = _freshdesk_rating(ticket.get("satisfaction_rating"))
    identifier = first_text(ticket, ("display_id", "id"))
    started = iso_time(ticket.get("created_at"))
    return Found(line, (*first, *said), identifier, requester, started, rating), len(replies) - len(public)


def _freshdesk_rating(value: Any) -> int:
    """Their scale goes from 103 (extremely happy) over 100 (neutral) to -103."""
    rating = value.get("rating") if isinstance(value, dict) else value
    if isinstance(rating, int) and abs(rating) > 100:
        return 1 if rating > 0 else -1
    return stars(rating)


def _freshdesk_reply(reply: Record, requester: str) -> RawMessage:
    incoming = reply.get("incoming")
    if incoming is None and requester:
        incoming = first_text(reply, ("user_id",)) == requester
    role: Role | None = None if incoming is None else ("customer" if incoming else "agent")
    body = reply.get("body_text") or reply.get("body")
    return RawMessage(role or "", _plain(body), iso_time(reply.get("created_at")), role=role)


_DESKS: tuple[tuple[str, Callable[[Record], bool], Callable[[int, Record], tuple[Found, int]]], ...] = (
    ("intercom", _is_intercom, _intercom),
    ("chatwoot", _is_chatwoot, _chatwoot),
    ("freshdesk", _is_freshdesk, _freshdesk),
    ("zendesk", _is_zendesk, _zendesk),
)
