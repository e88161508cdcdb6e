"""The handoff as the rest of Frontdesk uses it: customers ask and are told the truth, agents claim, reply and return.

It knows nothing of pages or HTTP. Whoever watches conversations is told of each change after it is kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chatbot.errors import InputError
from chatbot.handoff import (
    WITH_PERSON,
    Action,
    Availability,
    Briefing,
    Standing,
    Ticket,
    TicketState,
    brief,
    handoff_text,
    may_be_handed_off,
)
from chatbot.handoff_settings import HandoffSettings
from chatbot.messages import Decision
from chatbot.policy import Cause
from chatbot.store import Conversation, ConversationStore, StoredMessage
from chatbot.templates import Language
from chatbot.text import clean_text
from chatbot.tickets import Listener, Request, TicketStore
from chatbot.wishes import NO_WISHES, Wishes, email_in, frustration, sensitive_topic, wish_for_person

_CONTACT_CHARS = 254
_NAME_CHARS = 64  # the longest name of an account


@dataclass(frozen=True, slots=True)
class Case:
    """A ticket with everything that an agent reads."""

    ticket: Ticket
    conversation: Conversation
    briefing: Briefing


class HandoffDesk:
    """Safe to use from several threads at once.

    Args:
        clock: The time, for tests.
        listeners: Told of every change of a ticket inside of its transaction.
    """

    def __init__(
        self,
        store: ConversationStore,
        settings: HandoffSettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._tickets = TicketStore(store.database, listeners)
        self.watchers: list[Callable[[str], object]] = []
        """Called with the conversation's id after each change."""

    @property
    def frustration_threshold(self) -> float:
        """From which a fed-up customer is handed to a person."""
        return self._settings.frustration_threshold

    @property
    def canned_replies(self) -> tuple[str, ...]:
        """The company's own ready-made replies."""
        return self._settings.canned_replies

    def availability(self) -> Availability:
        """Whether a person is there now."""
        now = self._clock()
        hours = self._settings.hours
        is_open = hours.is_open(now) if hours.are_stated else None
        is_here = self._tickets.is_anyone_here(self._left_before(now))
        return Availability(is_here, is_open, hours.next_opening(now) if is_open is False else None)

    def standing(self, conversation_id: str) -> Standing | None:
        """Where the customer stands; None when a person was never asked for."""
        return self._tickets.standing(conversation_id, self.availability())

    def is_with_person(self, conversation_id: str) -> bool:
        """Whether a person has the conversation, so that the assistant is silent."""
        standing = self._tickets.standing(conversation_id, Availability(False))
        return standing is not None and standing.ticket.state in WITH_PERSON

    def wishes(self, said: str, earlier: Sequence[StoredMessage], conversation: Conversation) -> Wishes:
        """What in a message, and in the conversation before it, speaks for a person.

        Args:
            earlier: The messages before this one, oldest first.
        """
        if not may_be_handed_off(conversation.visitor_id):
            return NO_WISHES
        standing = self._tickets.standing(conversation.id, Availability(False))
        last = next((m for m in reversed(earlier) if m.role == "assistant"), None)
        declined = (
            last is not None and last.evidence is not None and last.evidence.decision is Decision.DECLINE
        )
        score, words = frustration(said, [m.text for m in earlier if m.role == "user"])
        return Wishes(
            person=wish_for_person(said, was_offered=declined),
            frustrated=words,
            frustration=score,
            sensitive=sensitive_topic(said, self._settings.sensitive_topics),
            contact=email_in(said),
            is_waiting=standing is not None and standing.ticket.state is TicketState.OPEN,
            found_nothing_before=declined,
        )

    def request(
        self, conversation_id: str, visitor_id: str, *, cause: Cause, note: str = "", contact: str = "",
        language: Language = "en",
    ) -> tuple[Standing, bool]:  # fmt: skip
        """Asks for a person; see `TicketStore.request`."""
        contact = " ".join(clean_text(contact).split())[:_CONTACT_CHARS]
        wish = Request(cause, clean_text(note), contact, language)
        standing, is_new = self._tickets.request(conversation_id, visitor_id, wish, self.availability())
        self._changed(conversation_id)
        return standing, is_new

    def hand_off(self, conversation: Conversation, cause: Cause, *, said: str, language: Language) -> str:
        """Asks for a person because of a message, and says what the customer is to be told."""
        standing, is_new = self.request(
            conversation.id, conversation.visitor_id, cause=cause, contact=email_in(said), language=language
        )
        return handoff_text(standing, cause, language=language, is_new=is_new)

    def queue(self) -> tuple[Ticket, ...]:
        """Tickets that are not closed, those that wait first."""
        return self._tickets.queue()

    def case(self, ticket_id: str) -> Case:
        """Everything an agent reads about a ticket.

        Raises:
            InputError: There is no such ticket (any more).
            ConversationNotFoundError: The customer has erased the conversation this very moment.
        """
        ticket = self._tickets.get(ticket_id)
        conversation = self._store.get(ticket.conversation_id, ticket.visitor_id)
        return Case(ticket, conversation, brief(conversation.messages))

    def seen(self, agent: str) -> None:
        """Keeps that an agent's inbox is open."""
        if name := _name(agent):
            self._tickets.seen(name)

    def gone(self, agent: str) -> None:
        """Keeps that an agent's inbox is closed."""
        self._tickets.gone(_name(agent))

    def claim(self, ticket_id: str, agent: str) -> Ticket:
        """Takes a conversation; see `TicketStore.claim`."""
        if not _name(agent):
            raise InputError("Customers should know who answers them.", "Type your name first.")
        ticket = self._tickets.claim(ticket_id, _name(agent), self._left_before(self._clock()))
        self._changed(ticket.conversation_id)
        return ticket

    def reply(self, ticket_id: str, agent: str, text: str) -> str:
        """Says something to the customer; see `TicketStore.reply`."""
        message_id = self._tickets.reply(ticket_id, _name(agent), clean_text(text))
        self._changed(self._tickets.get(ticket_id).conversation_id)
        return message_id

    def give_back(self, ticket_id: str, agent: str) -> Ticket:
        """Returns a conversation to the assistant; see `TicketStore.leave`."""
        return self._leave(ticket_id, agent, Action.RETURN)

    def close(self, ticket_id: str, agent: str) -> Ticket:
        """Closes a ticket; see `TicketStore.leave`."""
        return self._leave(ticket_id, agent, Action.CLOSE)

    def _leave(self, ticket_id: str, agent: str, action: Action) -> Ticket:
        ticket = self._tickets.leave(ticket_id, _name(agent), action)
        self._changed(ticket.conversation_id)
        return ticket

    def _left_before(self, now: datetime) -> datetime:
        return now - timedelta(seconds=self._settings.present_s)

    def _changed(self, conversation_id: str) -> None:
        for watcher in self.watchers:
            watcher(conversation_id)


def _name(agent: str) -> str:
    return " ".join(clean_text(agent).split())[:_NAME_CHARS]
