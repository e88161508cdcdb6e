"""What a handoff to a person is made of: the ticket and its states, who is there, and the briefing for the agent.

Pure values and functions. It knows no database, no page, and no language model: a summary is made of what was said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any

from chatbot.errors import InputError
from chatbot.messages import Attachment, Decision
from chatbot.policy import Cause
from chatbot.store import Evidence, StoredMessage
from chatbot.templates import Language, say

_SHORT_CHARS = 240
_MOST_QUESTIONS = 20
PROGRAMS = ("key-", "command-line")
"""What the visitor ids of programs begin with."""
_PROGRAM_CHARS = 24


class TicketState(StrEnum):
    """Where a ticket stands; with `CLAIMED` and `ANSWERED` a person has the conversation, the assistant is silent."""

    OPEN = "open"
    CLAIMED = "claimed"
    ANSWERED = "answered"
    RETURNED = "returned"
    CLOSED = "closed"


class Action(StrEnum):
    """What can be done with a ticket."""

    REQUEST = "request"
    CLAIM = "claim"
    REPLY = "reply"
    RETURN = "return"
    CLOSE = "close"


WITH_PERSON = frozenset({TicketState.CLAIMED, TicketState.ANSWERED})
_NEXT: dict[tuple[TicketState, Action], TicketState] = {
    (TicketState.OPEN, Action.REQUEST): TicketState.OPEN,
    (TicketState.OPEN, Action.CLAIM): TicketState.CLAIMED,
    (TicketState.OPEN, Action.CLOSE): TicketState.CLOSED,
    (TicketState.CLAIMED, Action.REQUEST): TicketState.CLAIMED,
    (TicketState.CLAIMED, Action.CLAIM): TicketState.CLAIMED,
    (TicketState.CLAIMED, Action.REPLY): TicketState.ANSWERED,
    (TicketState.CLAIMED, Action.RETURN): TicketState.RETURNED,
    (TicketState.CLAIMED, Action.CLOSE): TicketState.CLOSED,
    (TicketState.ANSWERED, Action.REQUEST): TicketState.ANSWERED,
    (TicketState.ANSWERED, Action.CLAIM): TicketState.ANSWERED,
    (TicketState.ANSWERED, Action.REPLY): TicketState.ANSWERED,
    (TicketState.ANSWERED, Action.RETURN): TicketState.RETURNED,
    (TicketState.ANSWERED, Action.CLOSE): TicketState.CLOSED,
    (TicketState.RETURNED, Action.REQUEST): TicketState.OPEN,
    (TicketState.RETURNED, Action.CLAIM): TicketState.CLAIMED,
    (TicketState.RETURNED, Action.CLOSE): TicketState.CLOSED,
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """A customer's conversation that a person is wanted for.

    Attributes:
        cause: Why; a `Cause`.
        note: What the customer wants the person to know.
        contact: Where the customer can be reached otherwise, as an e-mail address.
        language: In which the customer is spoken to.
        agent: Who has it or had it last, by the name of the account where there are accounts; see `shown_name`.
        opened_at: When the person was asked for; orders the queue.
    """

    id: str
    conversation_id: str
    visitor_id: str
    state: TicketState
    cause: Cause
    note: str
    contact: str
    language: Language
    agent: str
    opened_at: datetime
    changed_at: datetime
    title: str = ""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a person is there, as far as is known.

    Attributes:
        is_here: An agent's inbox is open now.
        is_open: It is within the opening hours; None where none are stated.
        opens_at: The next opening, in the team's time zone; None where it is open or no hours are stated.
    """

    is_here: bool
    is_open: bool | None = None
    opens_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a customer who asked for a person stands; position counts from 1, 0 when nobody is waited for."""

    ticket: Ticket
    position: int
    availability: Availability


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the assistant made of one question."""

    question: str
    decision: str
    answer: str
    sources: tuple[str, ...] = ()
    rating: int = 0


@dataclass(frozen=True, slots=True)
class Briefing:
    """What an agent should know before the first word, made of the stored conversation alone.

    Attributes:
        questions: Everything that the customer asked, oldest first, in their words.
        attempts: What was tried, question by question.
        sources: Title and address of every source that was shown, without repeats.
        error_codes: On screenshots, without repeats.
        screens: Text that was read on screenshots.
        attachments: Everything that was sent along.
    """

    questions: tuple[str, ...]
    attempts: tuple[Attempt, ...]
    sources: tuple[tuple[str, str], ...]
    error_codes: tuple[str, ...]
    screens: tuple[str, ...]
    attachments: tuple[Attachment, ...]

    def summary(self, language: Language = "en") -> str:
        """A few plain lines: what was asked, what was tried, what it rested on."""
        asked = self.questions[-1] if self.questions else "–"
        failed = sum(
            a.decision in (Decision.CLARIFY, Decision.DECLINE, Decision.REFUSE, Decision.HANDOFF)
            for a in self.attempts
        )
        lines = [say("brief_asked", language, question=asked)]
        if len(self.questions) > 1:
            lines.append(say("brief_before", language, questions=" · ".join(self.questions[:-1])))
        if self.error_codes:
            lines.append(say("brief_codes", language, codes=", ".join(self.error_codes)))
        lines.append(say("brief_tried", language, answered=len(self.attempts) - failed, failed=failed))
        if self.sources:
            lines.append(say("brief_sources", language, sources=" · ".join(t for t, _ in self.sources)))
        return "\n".join(lines)


def next_state(state: TicketState, action: Action) -> TicketState:
    """The state after an action.

    Raises:
        InputError: The action is not possible in this state.
    """
    following = _NEXT.get((state, action))
    if following is None:
        raise InputError(
            f"A ticket that is {state} cannot be changed like this ({action}).", "Reload the list."
        )
    return following


def shown_name(agent: str) -> str:
    """How customers see an agent: an account that is named by an e-mail address keeps its address to itself."""
    return agent.partition("@")[0] or agent


def may_be_handed_off(visitor_id: str) -> bool:
    """Whether a person's reply would reach the visitor: not a program's one-off question or the command line's."""
    return not (len(visitor_id) <= _PROGRAM_CHARS and visitor_id.startswith(PROGRAMS))


def brief(messages: Sequence[StoredMessage]) -> Briefing:
    """The briefing of a conversation."""
    asked = [m for m in messages if m.role == "user"]
    attempts = tuple(
        _attempt(question, answer)
        for question, answer in pairwise(messages)
        if question.role == "user" and answer.role == "assistant" and answer.evidence
    )
    citations = [c for m in messages if m.evidence for c in m.evidence.citations]
    screens = [s for m in asked if m.observation for s in m.observation.screens]
    return Briefing(
        questions=tuple(said for m in asked if (said := _short(_said(m))))[-_MOST_QUESTIONS:],
        attempts=attempts[-_MOST_QUESTIONS:],
        sources=tuple(dict.fromkeys((c.title, c.url) for c in citations)),
        error_codes=tuple(dict.fromkeys(code for s in screens for code in s.error_codes)),
        screens=tuple(s.text for s in screens if s.text.strip()),
        attachments=tuple(dict.fromkeys(a for m in asked for a in m.attachments)),
    )


def handoff_text(standing: Standing, cause: Cause, *, language: Language, is_new: bool) -> str:
    """What the customer is told: why, whether anybody is there, the place in the queue, and how else to be answered."""
    there, ticket = standing.availability, standing.ticket
    parts = [] if cause in (Cause.ASKED, Cause.CONTACT_LEFT) else [say(f"handoff_{cause}", language)]
    if cause is Cause.CONTACT_LEFT:
        parts.append(say("handoff_contact_kept", language, contact=ticket.contact))
    parts.append(say("handoff_asked" if is_new else "handoff_asked_before", language))
    parts.append(availability_text(there, language))
    if standing.position:
        parts.append(say("handoff_position", language, position=standing.position))
    if cause is not Cause.CONTACT_LEFT:
        key = "handoff_contact_known" if ticket.contact else "handoff_leave_contact"
        parts.append(say(key, language, contact=ticket.contact))
    return (" " if language == "en" else "").join(parts)


def availability_text(there: Availability, language: Language) -> str:
    """Whether anybody is there, in one sentence."""
    if there.is_here:
        return say("handoff_here", language)
    if there.is_open:
        return say("handoff_away", language)
    if there.opens_at:
        return say("handoff_shut", language, opens=_moment(there.opens_at, language))
    return say("handoff_nobody", language)


def standing_data(standing: Standing) -> dict[str, Any]:
    """The standing as plain data, as clients are told it."""
    there = standing.availability
    return {
        "ticket_id": standing.ticket.id,
        "status": standing.ticket.state.value,
        "position": standing.position,
        "available": there.is_here,
        "open": there.is_open,
        "opens_at": there.opens_at.isoformat() if there.opens_at else None,
        "agent": shown_name(standing.ticket.agent) if standing.ticket.state in WITH_PERSON else "",
        "contact": standing.ticket.contact,
    }


def _moment(at: datetime, language: Language) -> str:
    day = say("weekdays", language).split()[at.weekday()]
    return f"{day} {at:%H:%M} ({at.tzname()})"


def _attempt(question: StoredMessage, answer: StoredMessage) -> Attempt:
    evidence = answer.evidence or Evidence(Decision.DECLINE)
    return Attempt(
        question=_short(_said(question)),
        decision=evidence.decision.value,
        answer=_short(answer.text),
        sources=tuple(c.title for c in evidence.citations),
        rating=answer.feedback.rating if answer.feedback else 0,
    )


def _said(question: StoredMessage) -> str:
    return (question.observation.said if question.observation else "") or question.text


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHORT_CHARS else line[: _SHORT_CHARS - 1].rstrip() + "…"
