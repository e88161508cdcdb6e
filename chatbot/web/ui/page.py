"""The page's layout and wiring. What the controls do is in `chat.py`."""

import html
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from chatbot.errors import FrontdeskError
from chatbot.handoff_desk import HandoffDesk
from chatbot.insights.suggestions import NO_SUGGESTIONS
from chatbot.store import ConversationStore
from chatbot.web.ui.chat import ChatPage, Limits, ReadsAhead, Responds, StoresAttachments, View, Visit
from chatbot.web.ui.next_steps import NextPart, Offers
from chatbot.web.ui.person import PersonPart
from chatbot.web.ui.program import ProgramPart
from chatbot.web.ui.render import conversation_choices, status_html
from chatbot.web.ui.repeated import repeated
from chatbot.web.ui.texts import TEXTS, language_of_browser

READING_FIELDS = 8
DELETE_CACHE_S = (600, 3600)
"""How often Gradio's own copies of uploads are looked at, and the age from which they are removed, in seconds."""
OPEN_READING_CHARS = 240
CSS = Path(__file__).with_name("style.css")
JS = Path(__file__).with_name("page.js")
ACCEPTED = ["image", "audio", "video", ".txt", ".md", ".csv", ".log", ".json"]
_ANSWERS_AT_ONCE = 24  # of the 40 threads that Gradio has, so that quick steps find one
I18N = gr.I18n(en=TEXTS["en"], zh=TEXTS["zh"], **{"zh-CN": TEXTS["zh"]})
_DOWNLOAD = """(name, type, text) => {
  if (!text) return;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], {type}));
  link.download = name; link.click(); URL.revokeObjectURL(link.href);
}"""

_ATTACHED = "(box) => (box?.files ?? []).map((file) => file.path).join(' ')"
_WITHOUT_TEXT = "(box, ...here) => [{...box, text: ''}, ...here]"  # what is not sent yet stays in the browser


@dataclass(frozen=True, slots=True)
class PageParts:
    """Everything the page is built from."""

    store: ConversationStore
    attachments: StoresAttachments
    handoff: HandoffDesk
    assistant: Callable[[], Responds]
    limits: Limits
    address: Callable[[Any], str]
    max_attachments: int
    browser_secret: str
    company_name: str
    is_ready: Callable[[], bool] = lambda: True
    examples: Sequence[str] = ()
    offers: Offers = lambda citations, language: NO_SUGGESTIONS
    read_ahead: ReadsAhead | None = None


def build_page(parts: PageParts) -> gr.Blocks:
    """The chat page, ready to be mounted or launched."""
    chat = ChatPage(
        store=parts.store,
        attachments=parts.attachments,
        assistant=parts.assistant,
        as_html=lambda markup: gr.HTML(markup, padding=False),
        limits=parts.limits,
        max_attachments=parts.max_attachments,
        is_ready=parts.is_ready,
        is_with_person=parts.handoff.is_with_person,
        read_ahead=parts.read_ahead,
    )
    return _Page(chat, parts).blocks


class _Page:
    """Builds the components once and wires them; each handler gets the visitor from its request."""

    def __init__(self, chat: ChatPage, parts: PageParts) -> None:
        self._chat = chat
        self._handoff = parts.handoff
        self._address = parts.address
        self._company = parts.company_name
        with gr.Blocks(
            title=self._company, fill_height=True, analytics_enabled=False, delete_cache=DELETE_CACHE_S
        ) as self.blocks:
            self.visitor = gr.BrowserState(None, storage_key="frontdesk-visitor", secret=parts.browser_secret)
            self.current = gr.BrowserState(None, storage_key="frontdesk-open", secret=parts.browser_secret)
            self.hashes = gr.State([])
            self.rated = gr.State("")
            self.download = [gr.Textbox(visible=False) for _ in range(3)]
            self._sidebar()
            self._main(parts)
            self.program = ProgramPart(chat, ACCEPTED, self._visit)
            self._wire()

    def _sidebar(self) -> None:
        with gr.Sidebar(label=I18N("conversations"), open=False, width=300):
            self.new = gr.Button(I18N("new"), variant="primary", elem_id="fd-new")
            self.list = gr.Radio([], label=I18N("conversations"), visible=False, elem_id="fd-list")
            with gr.Column(visible=False, elem_id="fd-manage") as self.manage:
                self.title = gr.Textbox(
                    label=I18N("rename_label"), max_lines=1, max_length=200, elem_id="fd-title"
                )
                self.rename = gr.Button(I18N("rename"), size="sm", elem_id="fd-rename")
                with gr.Row():
                    self.export_json = gr.Button(
                        I18N("export_json"), size="sm", min_width=80, elem_id="fd-export-json"
                    )
                    self.export_markdown = gr.Button(
                        I18N("export_markdown"), size="sm", min_width=80, elem_id="fd-export-md"
                    )
                self.delete = gr.Button(I18N("delete"), size="sm", elem_id="fd-delete")
                with gr.Row(visible=False) as self.confirm:
                    self.delete_sure = gr.Button(
                        I18N("delete_sure"), size="sm", min_width=80, variant="stop", elem_id="fd-sure"
                    )
                    self.keep = gr.Button(I18N("keep"), size="sm", min_width=80)

    def _main(self, parts: PageParts) -> None:
        with gr.Column(elem_id="fd-main"):
            self.header = gr.HTML(self._header(""), padding=False)
            self.chatbot = gr.Chatbot(
                label=I18N("chat"),
                show_label=False,
                elem_id="fd-chat",
                min_height=240,
                layout="bubble",
                buttons=[],
                feedback_options=("Like", "Dislike"),
                sanitize_html=True,
                allow_tags=False,
                latex_delimiters=[],
                group_consecutive_messages=True,
                placeholder="",
                examples=[{"text": text} for text in parts.examples],
            )
            self.status = gr.HTML(status_html(""), padding=False, elem_id="fd-turn")
            self.next = NextPart(self._chat, parts.offers)
            self.person = PersonPart(self._chat, self._handoff, I18N)
            with gr.Row(visible=False, elem_id="fd-comment-row") as self.comment_row:
                self.comment = gr.Textbox(
                    label=I18N("comment"), elem_id="fd-comment", scale=4, max_length=4000
                )
                self.send_comment = gr.Button(I18N("send_comment"), scale=1, elem_id="fd-send-comment")
            with gr.Accordion(I18N("read"), open=True, visible=False, elem_id="fd-read") as self.read:
                self.fields = [
                    gr.Textbox(
                        visible=False, lines=1, max_lines=3, interactive=True, elem_classes="fd-reading"
                    )
                    for _ in range(READING_FIELDS)
                ]
                with gr.Row():
                    gr.Markdown(I18N("read_hint"))
                    self.again = gr.Button(I18N("ask_again"), size="sm", min_width=220, elem_id="fd-again")
            self.box = gr.MultimodalTextbox(
                label=I18N("ask"),
                show_label=False,
                placeholder=TEXTS["en"]["ask_placeholder"],
                sources=["upload", "microphone"],
                file_count="multiple",
                file_types=ACCEPTED,
                submit_btn=True,
                stop_btn=False,
                autofocus=True,
                elem_id="fd-box",
                max_plain_text_length=100_000,
            )
            self.attached = gr.Textbox(visible="hidden", elem_id="fd-attached")

    def _wire(self) -> None:
        here = [self.visitor, self.current]
        listing = [self.list, self.manage, self.title]
        shown = [self.chatbot, self.status, self.read, self.hashes, *self.fields]
        beside = [*self.person.shown, *self.next.shown]
        turn = [*here, *listing, self.box, self.comment_row, *shown, *beside]
        opened = [*here, *listing, *shown, *beside]
        quiet: dict[str, Any] = {"api_name": False, "show_progress": "hidden"}  # the status line tells
        self.blocks.load(self._load, here, [*opened, self.box, self.header], **quiet)
        # Gradio runs a step for one browser at a time unless told otherwise.
        at_once: dict[str, Any] = {"concurrency_limit": _ANSWERS_AT_ONCE, "concurrency_id": "answers"}
        answers = {**quiet, **at_once}
        self.box.submit(self._send, [self.box, *here], turn, **answers)
        self.box.stop(self._stop, None, None, queue=False, **quiet)
        # The box changes with each key: only its files are looked at, and only a change of them asks the server.
        self.box.change(None, self.box, self.attached, js=_ATTACHED, **quiet)
        self.attached.change(self._attach, [self.box, *here], None, js=_WITHOUT_TEXT, queue=False, **quiet)
        self.chatbot.example_select(self._send_example, here, turn, **answers)
        self.again.click(self._ask_again, [self.hashes, *here, *self.fields], turn, **answers)
        self.next.wire(self._send_text, here, turn)
        self.list.input(self._open, [self.list, self.visitor], opened, **quiet)
        self.new.click(self._new, self.visitor, opened, **quiet)
        self.rename.click(self._rename, [self.title, *here], listing, **quiet)
        self.delete.click(lambda: gr.Row(visible=True), None, self.confirm, **quiet)
        self.keep.click(lambda: gr.Row(visible=False), None, self.confirm, **quiet)
        self.delete_sure.click(self._delete, here, [*opened, self.confirm], **quiet)
        for button, form in ((self.export_json, "json"), (self.export_markdown, "markdown")):
            button.click(self._exporter(form), here, self.download, **quiet).then(
                None, self.download, None, js=_DOWNLOAD, **quiet
            )
        self.chatbot.like(
            self._like, [self.chatbot, *here], [self.rated, self.comment_row, self.comment], **quiet
        )
        gr.on(
            [self.send_comment.click, self.comment.submit],
            self._comment,
            [self.rated, self.comment, *here],
            [self.comment_row, self.status],
            **quiet,
        )
        self.person.wire(self._ask_person, self._look, here, opened, self.chatbot)
        self.program.wire(**at_once)
        self.blocks.unload(self._leave)

    def _visit(self, visitor: str | None, current: str | None, request: gr.Request) -> Visit:
        language = language_of_browser(request.headers.get("accept-language", ""))
        known, session = self._chat.visitor(visitor), request.session_hash or ""
        return Visit(known, current or "", language, session, self._address(request.request or request))

    def _load(self, visitor: str | None, current: str | None, request: gr.Request) -> dict[Any, Any]:
        visit = self._visit(visitor, current, request)
        words = TEXTS[visit.language]
        return {
            **self._opened(visit),
            self.box: gr.MultimodalTextbox(placeholder=words["ask_placeholder"]),
            self.header: self._header(words["subtitle"]),
        }

    def _header(self, subtitle: str) -> str:
        return f'<header class="fd-header"><h1>{html.escape(self._company)}</h1><p>{subtitle}</p></header>'

    def _opened(self, visit: Visit) -> dict[Any, Any]:
        return {
            **self._listing(visit),
            **self._shown(visit, View(self._chat.messages(visit), readings=self._chat.readings(visit))),
            **self.person.updates(visit),
            **self.next.updates(visit),
        }

    def _listing(self, visit: Visit) -> dict[Any, Any]:
        conversations = self._chat.conversations(visit.visitor_id)
        titles = {c.id: c.title for c in conversations}
        known = visit.conversation_id in titles
        choices = conversation_choices(conversations, visit.language)
        return {
            self.visitor: visit.visitor_id,
            self.current: visit.conversation_id,
            self.list: gr.Radio(
                choices=choices, value=visit.conversation_id if known else None, visible=bool(choices)
            ),
            self.manage: gr.Column(visible=known),
            self.title: titles.get(visit.conversation_id, ""),
        }

    def _shown(self, visit: Visit, view: View) -> dict[Any, Any]:
        intro = f"## {TEXTS[visit.language]['title']}\n{TEXTS[visit.language]['intro']}"
        shown: dict[Any, Any] = {
            self.chatbot: gr.Chatbot(value=list(view.messages), placeholder=intro),
            self.status: status_html(view.status),
        }
        if view.readings is not None:
            shown |= self._reading(view.readings)
        return shown

    def _reading(self, readings: Sequence[tuple[str, str, str]]) -> dict[Any, Any]:
        kept = list(readings[:READING_FIELDS])
        hidden = [("", "", "")] * (READING_FIELDS - len(kept))
        updates: dict[Any, Any] = {
            field: gr.Textbox(value=text, label=label, visible=bool(sha))
            for field, (sha, label, text) in zip(self.fields, [*kept, *hidden], strict=True)
        }
        length = sum(len(text) for _, _, text in kept)  # long ones would push the answer away
        updates[self.read] = gr.Accordion(visible=bool(kept), open=length <= OPEN_READING_CHARS)
        updates[self.hashes] = [sha for sha, _, _ in kept]
        return updates

    @repeated
    def _send(
        self, value: dict[str, Any], visitor: str | None, current: str | None, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        text, uploads = value.get("text") or "", value.get("files") or []
        if not text.strip() and not uploads:
            yield {self.box: gr.MultimodalTextbox(interactive=True)}
            return
        try:
            visit, message = self._chat.admit(self._visit(visitor, current, request), text, uploads)
        except FrontdeskError as error:
            raise gr.Error(str(error)) from error
        yield {
            **self._listing(visit),
            self.status: status_html(self._chat.waiting(visit)),
            self.comment_row: gr.Row(visible=False),
            **self.next.showing(NO_SUGGESTIONS, visit.language),
            self.box: gr.MultimodalTextbox(value={"text": "", "files": []}, submit_btn=False, stop_btn=True),
        }
        yield from self._stream(visit, message)

    def _stream(self, visit: Visit, message: Any) -> Iterator[dict[Any, Any]]:
        shown: dict[Any, Any] = {}
        for view in self._chat.send(visit, message):
            shown = self._shown(visit, view)
            yield shown
        yield {
            **shown,
            **self._listing(visit),
            self.box: gr.MultimodalTextbox(submit_btn=True, stop_btn=False),
            **self.person.updates(visit),
            **self.next.updates(visit),
        }

    def _send_text(
        self, text: str, visitor: str | None, current: str | None, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        yield from self._send({"text": text}, visitor, current, request)

    def _send_example(
        self, visitor: str | None, current: str | None, request: gr.Request, event: gr.SelectData
    ) -> Iterator[dict[Any, Any]]:
        yield from self._send({"text": event.value["text"]}, visitor, current, request)

    @repeated
    def _ask_again(
        self, hashes: list[str], visitor: str | None, current: str | None, request: gr.Request, *texts: str
    ) -> Iterator[dict[Any, Any]]:  # Gradio puts the request in by position only
        visit = self._visit(visitor, current, request)
        try:
            message = self._chat.corrected(visit, hashes, texts)
        except FrontdeskError as error:
            raise gr.Error(str(error)) from error
        yield from self._stream(visit, message)

    def _ask_person(self, visitor: str | None, current: str | None, request: gr.Request) -> dict[Any, Any]:
        try:
            visit = self._chat.start(self._visit(visitor, current, request))
            self.person.ask(visit)
        except FrontdeskError as error:
            raise gr.Error(str(error)) from error
        return self._opened(visit)

    def _look(
        self, seen: str, visitor: str | None, current: str | None, request: gr.Request
    ) -> dict[Any, Any]:
        """What has changed while a person is waited for or there."""
        visit = self._visit(visitor, current, request)
        if self._chat.is_answering(visit.session) or self.person.signature(visit) == seen:
            return {self.person.seen: seen}
        return {self.chatbot: self._chat.messages(visit), **self.person.updates(visit)}

    def _attach(
        self, value: dict[str, Any] | None, visitor: str | None, current: str | None, request: gr.Request
    ) -> None:
        self._chat.attached(self._visit(visitor, current, request), (value or {}).get("files") or [])

    def _stop(self, request: gr.Request) -> None:
        self._chat.stop(request.session_hash or "")

    def _leave(self, request: gr.Request) -> None:
        self._chat.left(request.session_hash or "")

    def _open(self, chosen: str, visitor: str | None, request: gr.Request) -> dict[Any, Any]:
        return self._opened(self._visit(visitor, chosen, request))

    def _new(self, visitor: str | None, request: gr.Request) -> dict[Any, Any]:
        return self._opened(self._visit(visitor, "", request))

    def _rename(
        self, title: str, visitor: str | None, current: str | None, request: gr.Request
    ) -> dict[Any, Any]:
        visit = self._visit(visitor, current, request)
        try:
            self._chat.rename(visit, title)
        except FrontdeskError as error:
            raise gr.Error(str(error)) from error
        listing = self._listing(visit)
        return {part: listing[part] for part in (self.list, self.manage, self.title)}

    def _delete(self, visitor: str | None, current: str | None, request: gr.Request) -> dict[Any, Any]:
        visit = self._visit(visitor, current, request)
        try:
            self._chat.delete(visit)
        except FrontdeskError as error:
            raise gr.Error(str(error)) from error
        return {**self._new(visit.visitor_id, request), self.confirm: gr.Row(visible=False)}

    def _exporter(self, form: str) -> Callable[..., list[str]]:
        suffix, media_type = ("json", "application/json") if form == "json" else ("md", "text/markdown")

        def export(visitor: str | None, current: str | None, request: gr.Request) -> list[str]:
            try:
                text = self._chat.export(self._visit(visitor, current, request), form)
            except FrontdeskError as error:
                raise gr.Error(str(error)) from error
            return [f"conversation.{suffix}", media_type, text]

        return export

    def _like(
        self,
        shown: list[dict[str, Any]],
        visitor: str | None,
        current: str | None,
        request: gr.Request,
        event: gr.LikeData,
    ) -> dict[Any, Any]:
        index = event.index if isinstance(event.index, int) else event.index[0]
        message_id = ((shown[index].get("metadata") or {}).get("id")) or ""
        if not message_id:
            return {self.comment_row: gr.Row(visible=False)}
        rating = {True: 1, False: -1}.get(event.liked, 0)
        self._chat.rate(self._visit(visitor, current, request), message_id, rating)
        return {
            self.rated: f"{rating} {message_id}",
            self.comment_row: gr.Row(visible=True),
            self.comment: "",
        }

    def _comment(
        self, rated: str, comment: str, visitor: str | None, current: str | None, request: gr.Request
    ) -> dict[Any, Any]:
        visit = self._visit(visitor, current, request)
        rating, _, message_id = rated.partition(" ")
        if message_id:
            self._chat.rate(visit, message_id, int(rating), comment)
        return {
            self.comment_row: gr.Row(visible=False),
            self.status: status_html(TEXTS[visit.language]["thanks"], busy=False),
        }
