"""What a receiver is sent about a ticket: our own JSON, or what Zendesk, Freshdesk or Chatwoot opens one from. Pure."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chatbot.handoff import Briefing, Ticket, brief
from chatbot.privacy.redactor import Redactor
from chatbot.store import StoredMessage
from chatbot.webhook_settings import WebhookForm

_MOST_MESSAGES = 60
_SUBJECT_CHARS = 120


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of: an event of a ticket with its conversation, as far as it may leave the machine."""

    delivery_id: str
    event: str
    data: Mapping[str, Any]
    ticket: Ticket
    messages: tuple[StoredMessage, ...]

    @property
    def briefing(self) -> Briefing:
        """Made of the messages as they are here."""
        return brief(self.messages)


def masked(told: Told, redactor: Redactor) -> Told:
    """The same without personal data: every text is masked, what was read on screenshots and the contact left out."""
    texts = [m.text for m in told.messages]
    data_text = str(told.data.get("text", ""))
    extra = [told.ticket.title, told.ticket.note, data_text]
    shown = [m.text for m in redactor.mask_turns([*texts, *extra])]
    title, note, text = shown[len(texts) :]
    messages = tuple(
        replace(m, text=words, observation=None, attachments=())
        for m, words in zip(told.messages, shown, strict=False)
    )
    data = {k: v for k, v in told.data.items() if k != "contact"}
    return replace(
        told,
        ticket=replace(told.ticket, title=title, note=note, contact=""),
        messages=messages,
        data={**data, "text": text} if "text" in data else data,
    )


def payload(told: Told, form: WebhookForm, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a delivery; `fields` are added on the top level, or inside of Zendesk's `ticket`."""
    if form == "zendesk":
        return {"ticket": {**_zendesk(told), **fields}}
    if form == "freshdesk":
        return {**_freshdesk(told), **fields}
    if form == "chatwoot":
        return {**_chatwoot(told), **fields}
    return {**_own(told), **fields}


def _own(told: Told) -> dict[str, Any]:
    ticket, briefing = told.ticket, told.briefing
    return {
        "id": told.delivery_id,
        "event": told.event,
        "data": dict(told.data),
        "ticket": {
            "id": ticket.id,
            "status": ticket.state.value,
            "cause": ticket.cause.value,
            "note": ticket.note,
            "contact": ticket.contact,
            "language": ticket.language,
            "agent": ticket.agent,
            "opened_at": ticket.opened_at.isoformat(),
        },
        "conversation": {
            "id": ticket.conversation_id,
            "title": ticket.title,
            "summary": briefing.summary(ticket.language),
            "error_codes": list(briefing.error_codes),
            "sources": [{"title": title, "url": url} for title, url in briefing.sources],
            "transcript": [
                {"role": m.role, "author": m.author, "text": m.text, "created_at": m.created_at.isoformat()}
                for m in told.messages[-_MOST_MESSAGES:]
            ],
        },
    }


def _zendesk(told: Told) -> dict[str, Any]:
    made: dict[str, Any] = {
        "subject": _subject(told),
        "comment": {"body": _text(told), "public": False},
        "external_id": told.ticket.id,
        "tags": ["frontdesk", told.ticket.cause.value],
    }
    if told.ticket.contact:
        made["requester"] = {"name": told.ticket.contact, "email": told.ticket.contact}
    return made


def _freshdesk(told: Told) -> dict[str, Any]:
    contact = told.ticket.contact
    requester = {"email": contact} if contact else {"unique_external_id": told.ticket.id}
    return {
        "subject": _subject(told),
        "description": html.escape(_text(told)).replace("\n", "<br>"),
        "tags": ["frontdesk", told.ticket.cause.value],
        "source": 7,  # chat
        "status": 2,  # open
        "priority": 1,
        **requester,
    }


def _chatwoot(told: Told) -> dict[str, Any]:
    return {
        "source_id": told.ticket.id,
        "status": "open",
        "message": {"content": f"{_subject(told)}\n\n{_text(told)}"},
        "custom_attributes": {"frontdesk_ticket": told.ticket.id, "cause": told.ticket.cause.value},
    }


def _subject(told: Told) -> str:
    return (told.ticket.title or "A customer asks for a person")[:_SUBJECT_CHARS]


def _text(told: Told) -> str:
    ticket = told.ticket
    parts = [
        told.briefing.summary(ticket.language),
        ticket.note,
        _transcript(told.messages[-_MOST_MESSAGES:]),
    ]
    return "\n\n".join(part for part in parts if part)


def _transcript(messages: Sequence[StoredMessage]) -> str:
    names = {"user": "Customer", "assistant": "Assistant"}
    return "\n".join(f"{names.get(m.role, m.author)}: {m.text}" for m in messages)
