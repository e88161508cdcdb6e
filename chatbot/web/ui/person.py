"""The chat page's part for people: asking for one, where that stands, and a clock that brings in what they say.

The clock runs only while a person is waited for or has the conversation.
"""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from chatbot.errors import FrontdeskError
from chatbot.handoff import WITH_PERSON, Standing, TicketState, availability_text, shown_name
from chatbot.handoff_desk import HandoffDesk
from chatbot.policy import Cause
from chatbot.templates import Language, say
from chatbot.web.ui.chat import ChatPage, Visit
from chatbot.web.ui.render import status_html
from chatbot.web.ui.texts import TEXTS

LOOK_S = 2.0
_LIVE = frozenset({TicketState.OPEN, *WITH_PERSON})


class PersonPart:
    """Builds its components where the page stands; the page wires them."""

    def __init__(self, chat: ChatPage, handoff: HandoffDesk, words: gr.I18n) -> None:
        self._chat = chat
        self._handoff = handoff
        with gr.Row(elem_id="fd-person-row"):
            self.line = gr.HTML(status_html(""), padding=False, elem_id="fd-person-line")
            self.button = gr.Button(words("person"), size="sm", min_width=150, elem_id="fd-person", scale=0)
        self.seen = gr.State("")
        self.clock = gr.Timer(LOOK_S, active=False)
        self.shown = [self.line, self.button, self.seen, self.clock]

    def wire(
        self,
        ask: Callable[..., Any],
        look: Callable[..., Any],
        here: Sequence[Any],
        opened: Sequence[Any],
        chatbot: gr.Chatbot,
    ) -> None:
        """Connects the button and the clock."""
        quiet: dict[str, Any] = {"api_name": False, "show_progress": "hidden"}
        self.button.click(ask, list(here), list(opened), **quiet)
        self.clock.tick(look, [self.seen, *here], [chatbot, *self.shown], **quiet, concurrency_limit=None)

    def ask(self, visit: Visit) -> None:
        """Asks for a person in the visitor's conversation."""
        self._handoff.request(
            visit.conversation_id, visit.visitor_id, cause=Cause.ASKED, language=visit.language
        )

    def updates(self, visit: Visit) -> dict[Any, Any]:
        """Where it stands: the line, whether one can be asked for, and whether the clock runs."""
        standing = self._standing(visit)
        is_live = standing is not None and standing.ticket.state in _LIVE
        return {
            self.line: status_html(standing_line(standing, visit.language), busy=is_live),
            self.button: gr.Button(visible=not is_live),
            self.seen: self.signature(visit),
            self.clock: gr.Timer(active=is_live),
        }

    def signature(self, visit: Visit) -> str:
        """Differs whenever there is something new to show."""
        standing = self._standing(visit)
        if standing is None:
            return visit.conversation_id
        ticket = standing.ticket
        parts = (
            ticket.id,
            ticket.state,
            ticket.changed_at,
            ticket.contact,
            standing.position,
            standing.availability,
        )
        return " ".join(map(str, parts))

    def _standing(self, visit: Visit) -> Standing | None:
        if not self._chat.has(visit):
            return None
        try:
            return self._handoff.standing(visit.conversation_id)
        except FrontdeskError:
            return None


def standing_line(standing: Standing | None, language: Language) -> str:
    """One line for the customer; empty when no person was asked for or the matter is closed."""
    if standing is None:
        return ""
    ticket, words = standing.ticket, TEXTS[language]
    if ticket.state in WITH_PERSON:
        return words["person_here"].format(name=shown_name(ticket.agent))
    if ticket.state is TicketState.RETURNED:
        return words["person_returned"].format(name=shown_name(ticket.agent))
    if ticket.state is not TicketState.OPEN:
        return ""
    contact = "handoff_contact_known" if ticket.contact else "handoff_leave_contact"
    parts = (
        availability_text(standing.availability, language),
        say("handoff_position", language, position=standing.position),
        say(contact, language, contact=ticket.contact),
    )
    return (" " if language == "en" else "").join(parts)
