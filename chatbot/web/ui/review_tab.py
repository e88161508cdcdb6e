"""Bad answers to look at: layout and wiring. What becomes of them is in `reviews.py`."""

import html
from typing import Any

import gradio as gr

from chatbot.reviews import BadAnswer, Reviews
from chatbot.web.ui.inbox_html import notice_html
from chatbot.web.ui.inbox_tab import errors_shown, words_of
from chatbot.web.ui.page_audit import PageAudit
from chatbot.web.ui.render import status_html

_QUIET: dict[str, Any] = {"api_name": False, "show_progress": "hidden"}
_LABEL_CHARS = 100


class ReviewTab:
    """Builds its components inside of the open tab.

    Args:
        words: The page's words, `INBOX_TEXTS` among them.
    """

    def __init__(self, reviews: Reviews, words: gr.I18n, audit: PageAudit) -> None:
        self._reviews = reviews
        self._audit = audit
        gr.Markdown(words("review_intro"))
        self.list = gr.Radio([], label=words("review_list"), elem_id="fd-bad", visible=False)
        self.empty = gr.HTML(padding=False)
        self.given = gr.HTML(padding=False, elem_id="fd-given")
        self.question = gr.Textbox(label=words("review_question"), lines=2, elem_id="fd-bad-question")
        self.answer = gr.Textbox(label=words("review_answer"), lines=4, elem_id="fd-bad-answer")
        with gr.Row():
            self.correct = gr.Button(words("review_correct"), variant="primary", elem_id="fd-correct")
            self.dismiss = gr.Button(words("review_dismiss"), elem_id="fd-dismiss")
        self.status = gr.HTML(status_html(""), padding=False, elem_id="fd-review-status")
        self._shown = [self.list, self.empty, self.given, self.question, self.answer]
        after = [*self._shown, self.status]
        self.list.input(self._pick, self.list, [self.given, self.question, self.answer], **_QUIET)
        self.correct.click(self._correct, [self.list, self.question, self.answer], after, **_QUIET)
        self.dismiss.click(self._dismiss, self.list, after, **_QUIET)

    def load(self, blocks: gr.Blocks, tab: gr.Tab) -> None:
        """Fills it when the page is opened and when the tab is."""
        gr.on([blocks.load, tab.select], self._load, None, self._shown, **_QUIET)

    def _load(self, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            return self._all(request)

    def _all(self, request: gr.Request) -> dict[Any, Any]:
        waiting = self._reviews.waiting()
        choices = [(_label(bad), bad.message_id) for bad in waiting]
        first = waiting[0] if waiting else None
        return {
            self.list: gr.Radio(
                choices=choices, value=first.message_id if first else None, visible=bool(first)
            ),
            self.empty: "" if first else notice_html(words_of(request)["review_empty"]),
            **self._one(first, request),
        }

    def _one(self, bad: BadAnswer | None, request: gr.Request) -> dict[Any, Any]:
        return {
            self.given: _given(bad, words_of(request)) if bad else "",
            self.question: bad.question if bad else "",
            self.answer: bad.correction if bad else "",
        }

    def _pick(self, picked: str, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            return self._one(
                next((b for b in self._reviews.waiting() if b.message_id == picked), None), request
            )

    def _correct(self, picked: str | None, question: str, answer: str, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            entry = self._reviews.correct(picked or "", question, answer)
            self._audit.record(request, "answer-written", entry.as_document.id)
            return {**self._all(request), self.status: _told(request, "review_corrected")}

    def _dismiss(self, picked: str | None, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            self._reviews.dismiss(picked or "")
            self._audit.record(request, "answer-dismissed", picked or "")
            return {**self._all(request), self.status: _told(request, "review_dismissed")}


def _told(request: gr.Request, key: str) -> str:
    return status_html(words_of(request)[key], busy=False)


def _label(bad: BadAnswer) -> str:
    line = " ".join(bad.question.split()) or bad.message_id
    return line if len(line) <= _LABEL_CHARS else line[: _LABEL_CHARS - 1] + "…"


def _given(bad: BadAnswer, words: dict[str, str]) -> str:
    comment = f'<p class="fd-fact">“{html.escape(bad.comment)}”</p>' if bad.comment else ""
    sources = f'<p class="fd-fact">{html.escape(" · ".join(bad.sources))}</p>' if bad.sources else ""
    return (
        f'<section class="fd-case"><h4>{words["review_given"]}</h4>'
        f'<p class="fd-fact">{html.escape(bad.answer)}</p>{sources}{comment}</section>'
    )
