"""The agents' inbox: layout and wiring. What a ticket is and who may do what with it is in `handoff_desk.py`."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from chatbot.assistant import Searches
from chatbot.audit import THIS_MACHINE
from chatbot.errors import FrontdeskError, InputError
from chatbot.handoff import shown_name
from chatbot.handoff_desk import HandoffDesk
from chatbot.suggest import Suggestion, last_question, suggested_answer
from chatbot.templates import Language
from chatbot.web.ui.inbox_html import PathOf, case_html, notice_html, queue_choices
from chatbot.web.ui.inbox_texts import CANNED, INBOX_TEXTS
from chatbot.web.ui.render import status_html
from chatbot.web.ui.shown_errors import shown_errors
from chatbot.web.ui.texts import language_of_browser

LOOK_S = 3.0
_QUIET: dict[str, Any] = {"api_name": False, "show_progress": "hidden"}
_NO_AGENT = ("", THIS_MACHINE)


@dataclass(frozen=True, slots=True)
class InboxParts:
    """What the inbox is built from.

    Attributes:
        path_of: Where an attachment is stored.
        knowledge_base: For suggestions; waits while models load.
        evidence_min_similarity: As in the settings.
    """

    handoff: HandoffDesk
    path_of: PathOf
    knowledge_base: Callable[[], Searches]
    evidence_min_similarity: float

    def suggest(self, ticket_id: str) -> Suggestion | None:
        """An answer to the customer's last question; None when nothing comes close or nothing was asked."""
        question = last_question(self.handoff.case(ticket_id).conversation.messages)
        if not question:
            return None
        return suggested_answer(self.knowledge_base().retrieve(question), self.evidence_min_similarity)


class InboxTab:
    """Builds its components inside of the open tab. Whoever is signed in acts by the account's name, whatever is typed.

    Args:
        words: The page's words, `INBOX_TEXTS` among them.
    """

    def __init__(self, parts: InboxParts, words: gr.I18n) -> None:
        self._parts = parts
        self._desk = parts.handoff
        gr.Markdown(words("inbox_intro"))
        with gr.Row():
            self.name = gr.Textbox(label=words("inbox_name"), max_lines=1, max_length=60, elem_id="fd-agent")
            self.here = gr.Checkbox(label=words("inbox_here"), elem_id="fd-here")
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                self.queue = gr.Radio([], label=words("inbox_queue"), elem_id="fd-queue")
                self.empty = gr.HTML(padding=False)
            with gr.Column(scale=3, min_width=280):
                self.case = gr.HTML(padding=False, elem_id="fd-case")
                with gr.Row():
                    self.claim = gr.Button(
                        words("inbox_claim"), variant="primary", min_width=110, elem_id="fd-claim"
                    )
                    self.give_back = gr.Button(words("inbox_return"), min_width=150, elem_id="fd-return")
                    self.close = gr.Button(words("inbox_close"), min_width=90, elem_id="fd-close")
                self.status = gr.HTML(status_html(""), padding=False, elem_id="fd-inbox-status")
                self.canned = gr.Dropdown(
                    [], label=words("inbox_canned"), filterable=False, elem_id="fd-canned"
                )
                self.reply = gr.Textbox(
                    label=words("inbox_reply"), lines=3, max_length=8000, elem_id="fd-reply"
                )
                with gr.Row():
                    self.send = gr.Button(
                        words("inbox_send"), variant="primary", min_width=110, elem_id="fd-send"
                    )
                    self.suggest = gr.Button(words("inbox_suggest"), min_width=150, elem_id="fd-suggest")
        self.clock = gr.Timer(LOOK_S, active=False)
        self._wire()

    def _wire(self) -> None:
        self.shown = [self.queue, self.empty, self.case]
        after = [*self.shown, self.status]
        picked = [self.queue, self.name]
        self.queue.input(self._pick, self.queue, [self.case, self.status], **_QUIET)
        self.claim.click(self._claim, picked, after, **_QUIET)
        self.give_back.click(self._give_back, picked, after, **_QUIET)
        self.close.click(self._close, picked, after, **_QUIET)
        self.send.click(self._send, [*picked, self.reply], [*after, self.reply], **_QUIET)
        self.suggest.click(self._suggest, [self.queue, self.reply], [self.reply, self.status], **_QUIET)
        self.canned.input(self._put, [self.canned, self.name], [self.reply, self.canned], **_QUIET)
        self.here.input(self._be_here, [self.here, self.name], None, **_QUIET)
        self.clock.tick(self._look, [*picked, self.here], self.shown, **_QUIET, concurrency_limit=None)

    def load(self, blocks: gr.Blocks, tab: gr.Tab | None = None) -> None:
        """Fills it when the page is opened and when its tab is; from then on it follows what happens."""
        outputs = [*self.shown, self.name, self.canned, self.clock]
        gr.on(
            [blocks.load, *([tab.select] if tab else [])],
            self._load,
            self.queue,
            outputs,
            **_QUIET,
        )

    def _load(self, picked: str | None, request: gr.Request) -> dict[Any, Any]:
        words = words_of(request)
        canned = [*self._desk.canned_replies, *(words[f"inbox_canned_{key}"] for key in CANNED)]
        account = _account(request)
        # Without accounts the name is left alone: by the time this arrives, somebody may have typed one.
        named = {self.name: gr.Textbox(value=shown_name(account), interactive=False)} if account else {}
        return {
            **self._shown(picked, request),
            **named,
            self.canned: gr.Dropdown(choices=canned, value=None),
            self.clock: gr.Timer(active=True),
        }

    def _shown(self, picked: str | None, request: gr.Request) -> dict[Any, Any]:
        language = _language(request)
        choices = queue_choices(self._desk.queue(), datetime.now(UTC), language)
        picked = picked if picked in {ticket_id for _, ticket_id in choices} else None
        return {
            self.queue: gr.Radio(choices=choices, value=picked, visible=bool(choices)),
            self.empty: "" if choices else notice_html(words_of(request)["inbox_empty"]),
            self.case: self._case(picked, request) if choices else "",
        }

    def _case(self, picked: str | None, request: gr.Request) -> str:
        if not picked:
            return notice_html(words_of(request)["inbox_pick"])
        return case_html(self._desk.case(picked), self._parts.path_of, _language(request))

    def _look(self, picked: str | None, name: str, here: bool, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            if here:
                self._desk.seen(_agent(name, request))
            return self._shown(picked, request)

    def _be_here(self, here: bool, name: str, request: gr.Request) -> None:
        with errors_shown(request):
            agent = _agent(name, request)
            if here and not agent.strip():
                raise InputError("Customers should know who answers them.", "Type your name first.")
            (self._desk.seen if here else self._desk.gone)(agent)

    def _pick(self, picked: str, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            return {self.case: self._case(picked, request), self.status: status_html("")}

    def _done(self, picked: str | None, told: str, request: gr.Request) -> dict[Any, Any]:
        return {
            **self._shown(picked, request),
            self.status: status_html(words_of(request)[told], busy=False),
        }

    def _claim(self, picked: str | None, name: str, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            self._desk.claim(_chosen(picked, request), _agent(name, request))
            return self._done(picked, "inbox_taken", request)

    def _give_back(self, picked: str | None, name: str, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            self._desk.give_back(_chosen(picked, request), _agent(name, request))
            return self._done(picked, "inbox_returned", request)

    def _close(self, picked: str | None, name: str, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            self._desk.close(_chosen(picked, request), _agent(name, request))
            return self._done(None, "inbox_closed", request)

    def _send(self, picked: str | None, name: str, text: str, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            self._desk.reply(_chosen(picked, request), _agent(name, request), text)
            return {**self._done(picked, "inbox_sent", request), self.reply: ""}

    def _suggest(self, picked: str | None, typed: str, request: gr.Request) -> dict[Any, Any]:
        words = words_of(request)
        with errors_shown(request):
            found = self._parts.suggest(_chosen(picked, request))
            if found is None:
                return {self.status: status_html(words["inbox_no_suggestion"], busy=False), self.reply: typed}
            text = f"{typed.rstrip()}\n\n{found.text}".strip()
            told = words["inbox_suggested"].format(title=found.title)
            return {self.reply: text, self.status: status_html(told, busy=False)}

    def _put(self, canned: str | None, name: str, request: gr.Request) -> dict[Any, Any]:
        said = (canned or "").replace("{name}", shown_name(_agent(name, request)))
        return {self.reply: said, self.canned: gr.Dropdown(value=None)}


def _account(request: gr.Request) -> str:
    """Who is signed in; empty on a server without accounts."""
    name = request.username or ""
    return "" if name in _NO_AGENT else name


def _agent(typed: str, request: gr.Request) -> str:
    return _account(request) or typed


def _chosen(picked: str | None, request: gr.Request) -> str:
    if not picked:
        raise FrontdeskError(words_of(request)["inbox_pick"])
    return picked


def _language(request: gr.Request) -> Language:
    return language_of_browser(request.headers.get("accept-language", ""))


def words_of(request: gr.Request) -> dict[str, str]:
    """The words in the language of the browser that asks."""
    return INBOX_TEXTS[_language(request)]


def errors_shown(request: gr.Request) -> AbstractContextManager[None]:
    """What went wrong is shown on the page; what should not have is logged too."""
    return shown_errors(words_of(request)["inbox_failed"])
