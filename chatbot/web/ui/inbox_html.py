"""Tickets as HTML for agents. Everything that came from a customer, a model or a document is escaped here."""

import html
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from chatbot.handoff import WITH_PERSON, Briefing, Ticket, TicketState
from chatbot.handoff_desk import Case
from chatbot.messages import Attachment
from chatbot.store import StoredMessage
from chatbot.templates import Language
from chatbot.web.ui.inbox_texts import INBOX_TEXTS
from chatbot.web.ui.render import attachment_html

PathOf = Callable[[Attachment], Path]


def queue_choices(tickets: tuple[Ticket, ...], now: datetime, language: Language) -> list[tuple[str, str]]:
    """Label and id of each ticket, for the list."""
    return [
        (f"{_state(t, now, language)} · {_cause(t, language)} · {_title(t, language)}", t.id) for t in tickets
    ]


def case_html(case: Case, path_of: PathOf, language: Language) -> str:
    """Briefing and conversation of a ticket."""
    words, ticket = INBOX_TEXTS[language], case.ticket
    facts = [_cause(ticket, language)]
    if ticket.note:
        facts.append(words["inbox_note"].format(note=ticket.note))
    if ticket.contact:
        facts.append(words["inbox_contact"].format(contact=ticket.contact))
    turns = "".join(_turn(m, path_of, language) for m in case.conversation.messages)
    return (
        f'<section class="fd-case" aria-label="{html.escape(_title(ticket, language))}">'
        f"<h3>{html.escape(_title(ticket, language))}</h3>{_paragraphs(facts)}"
        f"<h4>{words['inbox_briefing']}</h4>{_paragraphs(case.briefing.summary(language).splitlines())}"
        f"{_tried(case.briefing, language)}"
        f'<h4>{words["inbox_conversation"]}</h4><ol class="fd-turns" tabindex="0" '
        f'aria-label="{words["inbox_conversation"]}">{turns}</ol></section>'
    )


def notice_html(text: str) -> str:
    """A quiet line."""
    return f'<p class="ft-quiet">{html.escape(text)}</p>'


def _tried(briefing: Briefing, language: Language) -> str:
    words = INBOX_TEXTS[language]
    if not briefing.attempts:
        return ""
    rows = "".join(
        f"<li><b>{html.escape(a.question)}</b> → {html.escape(a.decision)}"
        f"{html.escape(': ' + ' · '.join(a.sources)) if a.sources else ''}</li>"
        for a in briefing.attempts
    )
    screens = "".join(f"<pre>{html.escape(text)}</pre>" for text in briefing.screens)
    read = f"<h5>{words['inbox_read']}</h5>{screens}" if screens else ""
    return f"<details><summary>{words['inbox_tried']}</summary><ul>{rows}</ul>{read}</details>"


def _turn(message: StoredMessage, path_of: PathOf, language: Language) -> str:
    files = "".join(attachment_html(a, path_of(a)) for a in message.attachments)
    heard = "".join(
        f"<span>{html.escape(t.text)}</span>"
        for t in (message.observation.transcripts if message.observation else ())
    )
    return (
        f'<li class="fd-turn fd-{message.role}"><b>{html.escape(_who(message, language))} · '
        f"{message.created_at:%H:%M} UTC</b>{files}{heard}<span>{html.escape(message.text)}</span></li>"
    )


def _who(message: StoredMessage, language: Language) -> str:
    words = INBOX_TEXTS[language]
    named = {"user": words["inbox_customer"], "assistant": words["inbox_assistant"], "person": message.author}
    return named[message.role]


def _paragraphs(lines: list[str]) -> str:
    return "".join(f'<p class="fd-fact">{html.escape(line)}</p>' for line in _shown(lines))


def _shown(lines: list[str]) -> Iterator[str]:
    return (line for line in lines if line.strip())


def _title(ticket: Ticket, language: Language) -> str:
    return ticket.title or INBOX_TEXTS[language]["inbox_untitled"]


def _cause(ticket: Ticket, language: Language) -> str:
    return INBOX_TEXTS[language][f"inbox_cause_{ticket.cause}"]


def _state(ticket: Ticket, now: datetime, language: Language) -> str:
    words = INBOX_TEXTS[language]
    if ticket.state in WITH_PERSON:
        return words["inbox_with"].format(name=ticket.agent)
    if ticket.state is TicketState.RETURNED:
        return words["inbox_was_with"].format(name=ticket.agent)
    return words["inbox_waits"].format(n=max(0, round((now - ticket.opened_at).total_seconds() / 60)))
