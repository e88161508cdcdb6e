"""The chat page's part for what may come next: buttons that ask a question, links to related articles."""

import html
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from chatbot.insights.recommend import OFFERED
from chatbot.insights.suggestions import NO_SUGGESTIONS, Step, Suggestions
from chatbot.messages import Citation
from chatbot.store import StoredMessage
from chatbot.templates import Language
from chatbot.web.ui.chat import ChatPage, Visit
from chatbot.web.ui.texts import TEXTS

Offers = Callable[[Sequence[Sequence[Citation]], Language], Suggestions]


class NextPart:
    """Builds its components where the page stands; the page wires them."""

    def __init__(self, chat: ChatPage, offers: Offers) -> None:
        self._chat = chat
        self._offers = offers
        self.related = gr.HTML(padding=False, elem_id="fd-related")
        with gr.Row(visible=False, elem_id="fd-next") as self.row:
            self.buttons = [
                gr.Button("", size="sm", min_width=160, visible=False, elem_classes="fd-next")
                for _ in range(OFFERED)
            ]
        self.shown = [self.related, self.row, *self.buttons]

    def wire(self, send: Callable[..., Any], here: Sequence[Any], turn: Sequence[Any]) -> None:
        """Connects the buttons: each asks what it says."""
        for button in self.buttons:
            button.click(send, [button, *here], list(turn), api_name=False, show_progress="hidden")

    def updates(self, visit: Visit) -> dict[Any, Any]:
        """What to offer after the newest answer of the conversation."""
        messages = self._chat.stored(visit)
        if options := asked_back(messages):
            steps = tuple(Step("", option, is_question=True) for option in options[:OFFERED])
            return self.showing(Suggestions(steps), visit.language)
        answers = [m for m in messages if m.role == "assistant"]
        offered = (
            self._offers([_citations(m) for m in answers], visit.language) if answers else NO_SUGGESTIONS
        )
        return self.showing(offered, visit.language)

    def showing(self, offered: Suggestions, language: Language) -> dict[Any, Any]:
        """These suggestions and no others; none hide the part."""
        hidden = [Step("", "")] * (OFFERED - len(offered.questions))
        shown: dict[Any, Any] = {
            button: gr.Button(value=step.label, visible=bool(step.label))
            for button, step in zip(self.buttons, [*offered.questions, *hidden], strict=True)
        }
        shown[self.row] = gr.Row(visible=bool(offered.questions))
        shown[self.related] = related_html(offered.articles, language)
        return shown


def asked_back(messages: Sequence[StoredMessage]) -> tuple[str, ...]:
    """The questions that the last message of a conversation offers, if it asks back."""
    evidence = messages[-1].evidence if messages else None
    return evidence.options if evidence else ()


def related_html(articles: Sequence[Step], language: Language) -> str:
    """Links to articles; empty without any."""
    links = " · ".join(
        f'<a href="{html.escape(a.url)}" target="_blank" rel="noopener noreferrer">{html.escape(a.label)}</a>'
        for a in articles
        if a.url.startswith(("https://", "http://"))
    )
    return f'<p class="fd-related">{TEXTS[language]["related"]} {links}</p>' if links else ""


def _citations(answer: StoredMessage) -> tuple[Citation, ...]:
    return answer.evidence.citations if answer.evidence else ()
