"""The tab "Knowledge": layout and wiring. What it does is in `knowledge.py`."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from chatbot.web.ui.page_audit import PageAudit
from chatbot.web.ui.repeated import repeated
from finetune.web.knowledge import KnowledgeDesk, OpenQuestion, filters_of
from finetune.web.knowledge_html import (
    found_html,
    listing_html,
    open_questions_html,
    report_html,
    shown_html,
)
from finetune.web.parts import I18N, QUIET, SLOW, errors_shown, language_of, status_html, words_of
from finetune.web.watched import Ended, watched
from knowledge_base.report import IngestReport, Progress
from knowledge_base.scope import CUSTOMERS


class KnowledgeTab:
    """Builds its components inside of the open tab."""

    def __init__(self, desk: KnowledgeDesk, audit: PageAudit) -> None:
        self._desk = desk
        self._audit = audit
        gr.Markdown(I18N("kb_intro"))
        self.drop = gr.File(
            label=I18N("kb_files"), file_count="multiple", type="filepath", height=150, elem_id="kb-files"
        )
        with gr.Row(elem_classes="ft-end"):
            self.place = gr.Textbox(
                label=I18N("kb_place"),
                info=I18N("kb_place_info"),
                max_lines=1,
                scale=4,
                min_width=240,
                elem_id="kb-place",
            )
            self.sync = gr.Button(I18N("kb_sync"), min_width=140, elem_id="kb-sync")
        self.status = gr.HTML(status_html(""), padding=False, elem_id="kb-status")
        self.report = gr.HTML(padding=False, elem_id="kb-report")
        self._searching()
        self._documents()
        self._writing()
        self._wire()

    def _searching(self) -> None:
        gr.Markdown(I18N("kb_try"))
        with gr.Row(elem_classes="ft-end"):
            self.question = gr.Textbox(
                label=I18N("kb_question"), max_lines=3, scale=4, min_width=240, elem_id="kb-question"
            )
            self.find = gr.Button(I18N("kb_find"), variant="primary", min_width=140, elem_id="kb-find")
        self.screenshot = gr.File(
            label=I18N("kb_screenshot"),
            file_types=["image"],
            type="filepath",
            height=110,
            elem_id="kb-screenshot",
        )
        with gr.Accordion(I18N("kb_filters"), open=False, elem_id="kb-filters"), gr.Row():
            self.language, self.product, self.audience = (
                gr.Dropdown(
                    [value],
                    value=value,
                    label=I18N(f"kb_{name}"),
                    filterable=False,
                    min_width=160,
                    elem_id=f"kb-{name}",
                )
                for name, value in (("language", ""), ("product", ""), ("audience", CUSTOMERS))
            )
            self.on = gr.Textbox(label=I18N("kb_on"), max_lines=1, min_width=160, elem_id="kb-on")
            self.any_time = gr.Checkbox(label=I18N("kb_any_time"), min_width=160, elem_id="kb-any-time")
        self.found = gr.HTML(padding=False, elem_id="kb-found")

    def _documents(self) -> None:
        gr.Markdown(I18N("kb_documents"))
        self.filter = gr.Textbox(label=I18N("kb_filter"), max_lines=1, elem_id="kb-filter")
        self.table = gr.HTML(padding=False, elem_id="kb-table")
        self.chosen = gr.Dropdown([], label=I18N("kb_choose"), filterable=False, elem_id="kb-chosen")
        self.preview = gr.HTML(padding=False, elem_id="kb-preview")
        self.delete = gr.Button(I18N("kb_delete"), visible=False, elem_id="kb-delete")
        with gr.Row(visible=False) as self.confirm:
            self.sure = gr.Button(I18N("kb_delete_sure"), variant="stop", elem_id="kb-sure")
            self.keep = gr.Button(I18N("keep"))
        self.removed = gr.HTML(status_html(""), padding=False, elem_id="kb-removed")

    def _writing(self) -> None:
        gr.Markdown(I18N("kb_open"))
        self.open_table = gr.HTML(padding=False, elem_id="kb-open")
        self.asked = gr.Dropdown(
            [], label=I18N("kb_open_choose"), filterable=False, visible=False, elem_id="kb-asked"
        )
        self.open_questions = gr.State(())
        with gr.Accordion(I18N("kb_write"), open=False, elem_id="kb-write") as self.writing:
            gr.Markdown(I18N("kb_write_intro"))
            self.new_question = gr.Textbox(
                label=I18N("kb_new_question"), max_lines=3, elem_id="kb-new-question"
            )
            self.new_phrasings = gr.Textbox(
                label=I18N("kb_new_phrasings"), lines=2, max_lines=8, elem_id="kb-new-phrasings"
            )
            self.new_answer = gr.Textbox(
                label=I18N("kb_new_answer"), lines=4, max_lines=20, elem_id="kb-new-answer"
            )
            self.keep_answer = gr.Button(I18N("kb_keep"), variant="primary", elem_id="kb-keep-answer")
            self.kept = gr.HTML(status_html(""), padding=False, elem_id="kb-kept")

    def _wire(self) -> None:
        listed = self._listing()
        changed = [*listed, self.status, self.report, self.drop, self.sync]
        self.drop.upload(self._take, [self.drop, self.filter, self.chosen], changed, **QUIET)
        self.sync.click(self._sync, [self.place, self.filter, self.chosen], changed, **QUIET)
        gr.on([self.filter.submit, self.filter.blur], self._list, [self.filter, self.chosen], listed, **QUIET)
        self.chosen.input(self._choose, self.chosen, [self.preview, self.delete, self.confirm], **QUIET)
        asked = [self.question, self.screenshot, *self._filters(), self.on, self.any_time]
        gr.on(
            [self.find.click, self.question.submit, self.screenshot.upload],
            self._find,
            asked,
            [self.found, self.screenshot],
            **SLOW,
        )
        self.delete.click(lambda: gr.Row(visible=True), None, self.confirm, **QUIET)
        self.keep.click(lambda: gr.Row(visible=False), None, self.confirm, **QUIET)
        self.sure.click(self._remove, [self.chosen, self.filter], [*listed, self.removed], **SLOW)
        written = [self.new_question, self.new_phrasings, self.new_answer]
        waiting = [self.open_table, self.asked, self.open_questions]
        self.asked.input(
            self._answer_this, [self.asked, self.open_questions], [*written, self.writing], **QUIET
        )
        self.keep_answer.click(
            self._write,
            [*written, self.filter, self.chosen],
            [*listed, *written, *waiting, self.kept],
            **SLOW,
        )

    def _filters(self) -> list[gr.Dropdown]:
        return [self.language, self.product, self.audience]

    def _listing(self) -> list[Any]:
        return [self.table, self.chosen, self.preview, self.delete, self.confirm, *self._filters()]

    def load(self, tab: gr.Tab) -> None:
        """Fills it when it is opened: before, nobody needs to wait for the models."""
        listed = self._listing()
        waiting = [self.open_table, self.asked, self.open_questions]
        tab.select(self._open, [self.filter, self.chosen], [*listed, *waiting, self.status], **QUIET)

    @repeated
    def _open(self, words: str, chosen: str | None, request: gr.Request) -> Iterator[dict[Any, Any]]:
        yield {self.status: status_html(words_of(request)["waiting_for_models"])}
        try:
            with errors_shown(request):
                yield {**self._listed(words, chosen, request), **self._waiting(request)}
        finally:
            yield {self.status: status_html("")}

    def _list(self, words: str, chosen: str | None, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            return self._listed(words, chosen, request)

    def _listed(self, words: str, chosen: str | None, request: gr.Request) -> dict[Any, Any]:
        listing = self._desk.listing(words or "")
        choices = [(f"{entry.title} ({entry.id})", entry.id) for entry in listing.entries]
        kept = chosen if chosen in {identifier for _, identifier in choices} else None
        return {
            self.table: listing_html(listing, language_of(request)),
            self.chosen: gr.Dropdown(choices=choices, value=kept, visible=bool(choices)),
            **self._chosen(kept, request),
            **self._choices(request),
        }

    def _choices(self, request: gr.Request) -> dict[Any, Any]:
        found, words = self._desk.choices(), words_of(request)
        every = [(words["kb_every"], "")]
        named = {
            self.language: every + [(name, name) for name in found.languages],
            self.product: every + [(name, name) for name in found.products],
            self.audience: [
                (words["kb_customers"], CUSTOMERS),
                *((name, name) for name in found.audiences),
                *every,
            ],
        }
        return {chosen: gr.Dropdown(choices=choices) for chosen, choices in named.items()}

    def _chosen(self, chosen: str | None, request: gr.Request) -> dict[Any, Any]:
        shown = self._desk.show(chosen) if chosen else None
        return {
            self.preview: shown_html(shown, language_of(request)),
            self.delete: gr.Button(visible=shown is not None),
            self.confirm: gr.Row(visible=False),
        }

    def _choose(self, chosen: str | None, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            return self._chosen(chosen, request)

    @repeated
    def _take(
        self, paths: Sequence[str], words: str, chosen: str | None, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        def take(told: Progress) -> IngestReport:
            names = [Path(path).name for path in paths or []]
            self._audit.record(request, "knowledge-documents-added", ", ".join(names), count=len(names))
            return self._desk.take(paths or [], told)

        yield from self._changing(take, words, chosen, request)

    @repeated
    def _sync(
        self, place: str, words: str, chosen: str | None, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        def sync(told: Progress) -> IngestReport:
            if place:
                self._audit.record(request, "knowledge-place-synced", place)
            return self._desk.sync(place or "", told)

        yield from self._changing(sync, words, chosen, request)

    def _changing(
        self,
        change: Callable[[Progress], IngestReport],
        words: str,
        chosen: str | None,
        request: gr.Request,
    ) -> Iterator[dict[Any, Any]]:
        said = words_of(request)
        yield {
            self.status: status_html(said["starting"]),
            self.report: "",
            self.drop: None,
            self.sync: gr.Button(interactive=False),
        }

        def work(tell: Callable[[str], None]) -> IngestReport:
            def told(done: int, total: int, name: str) -> None:
                if name:
                    tell(said["kb_reading"].format(done=f"{done + 1:,}", total=f"{total:,}", name=name))

            return change(told)

        try:
            with errors_shown(request):
                for step in watched(work):
                    if isinstance(step, Ended):
                        report = report_html(step.result, language_of(request))
                        yield {self.report: report, **self._listed(words, chosen, request)}
                    else:
                        yield {self.status: status_html(step)}
        finally:
            yield {self.status: status_html(""), self.sync: gr.Button(interactive=True)}

    def _find(
        self,
        question: str,
        screenshot: str | None,
        language: str | None,
        product: str | None,
        audience: str | None,
        on: str,
        any_time: bool,
        request: gr.Request,
    ) -> tuple[str, None]:
        with errors_shown(request):
            filters = filters_of(language or "", product or "", audience or "", on or "", any_time=any_time)
            result = self._desk.find(question or "", screenshot or "", filters=filters)
            return found_html(result, language_of(request), self._desk.small_picture), None

    def _remove(self, chosen: str | None, words: str, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            self._desk.remove(chosen or "")
            self._audit.record(request, "document-removed", chosen or "")
            told = words_of(request)["kb_removed"].format(id=chosen)
            return {**self._listed(words, None, request), self.removed: status_html(told, busy=False)}

    def _write(
        self, question: str, phrasings: str, answer: str, words: str, chosen: str | None, request: gr.Request
    ) -> dict[Any, Any]:
        with errors_shown(request):
            entry = self._desk.write(question or "", answer or "", phrasings or "")
            self._audit.record(request, "answer-written", entry.as_document.id)
            told = status_html(words_of(request)["kb_kept"], busy=False)
            cleared = dict.fromkeys((self.new_question, self.new_phrasings, self.new_answer), "")
            return {
                **self._listed(words, chosen, request),
                **self._waiting(request),
                **cleared,
                self.kept: told,
            }

    def _waiting(self, request: gr.Request) -> dict[Any, Any]:
        questions = self._desk.open_questions()
        choices = [(question.question, place) for place, question in enumerate(questions)]
        return {
            self.open_table: open_questions_html(questions, language_of(request)),
            self.asked: gr.Dropdown(choices=choices, value=None, visible=bool(choices)),
            self.open_questions: questions,
        }

    def _answer_this(self, place: int | None, questions: Sequence[OpenQuestion]) -> dict[Any, Any]:
        if place is None or place >= len(questions):
            return {self.new_question: gr.skip()}
        asked = questions[place]
        return {
            self.new_question: asked.question,
            self.new_phrasings: "\n".join(asked.phrasings),
            self.writing: gr.Accordion(open=True),
        }
