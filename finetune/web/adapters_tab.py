"""The step "Adapters": layout and wiring. What it does is in `adapters.py`."""

from pathlib import Path
from typing import Any

import gradio as gr

from chatbot.adapter_files import DEFAULT_ADAPTER, NO_ADAPTER
from chatbot.web.ui.mount import private_uploads
from chatbot.web.ui.page_audit import PageAudit
from finetune.web.adapters import EVERYBODY, AdapterDesk, Shelf
from finetune.web.adapters_html import adapters_html, details_html, feedback_html, name_of, serving_html
from finetune.web.parts import I18N, QUIET, SLOW, errors_shown, language_of, status_html, words_of


class AdaptersTab:
    """Builds its components inside of the open tab."""

    def __init__(self, desk: AdapterDesk, audit: PageAudit) -> None:
        self._desk = desk
        self._audit = audit
        gr.Markdown(I18N("adapters_intro"))
        self.serving = gr.HTML(padding=False, elem_id="ft-serving")
        self.table = gr.HTML(padding=False, elem_id="ft-adapters")
        self.chosen = gr.Dropdown([], label=I18N("choose_adapter"), filterable=False, elem_id="ft-adapter")
        self.details = gr.HTML(padding=False, elem_id="ft-details")
        self.force = gr.Textbox(label=I18N("force"), visible=False, max_lines=1, elem_id="ft-force")
        with gr.Row(elem_classes="ft-end"):
            self.promote = gr.Button(I18N("promote"), variant="primary", min_width=200, elem_id="ft-promote")
            self.share = gr.Slider(1, 50, 10, step=1, label=I18N("share"), min_width=200, elem_id="ft-share")
            self.try_share = gr.Button(I18N("try_share"), min_width=200, elem_id="ft-try")
        with gr.Row():
            self.rollback = gr.Button(I18N("rollback"), min_width=140, elem_id="ft-rollback")
            self.export = gr.Button(I18N("export"), min_width=140, elem_id="ft-export")
            self.delete = gr.Button(I18N("delete"), min_width=140, elem_id="ft-delete")
            self.upload = gr.UploadButton(
                I18N("import_adapter"), min_width=200, file_types=[".tar"], elem_id="ft-import-adapter"
            )
        self.download = gr.DownloadButton("", visible=False, elem_id="ft-download")
        with gr.Row(visible=False) as self.confirm:
            self.sure = gr.Button(I18N("delete_sure"), variant="stop", elem_id="ft-sure")
            self.keep = gr.Button(I18N("keep"))
        gr.Markdown(I18N("rollback_info"), elem_classes="ft-quiet")
        self.status = gr.HTML(status_html(""), padding=False, elem_id="ft-adapter-status")
        self.feedback = gr.HTML(padding=False)
        self._wire()

    def _wire(self) -> None:
        self.shown = [self.serving, self.table, self.chosen, self.details, self.force, self.feedback]
        after = [*self.shown, self.status, self.confirm, self.download]
        self.chosen.input(
            self._choose, self.chosen, [self.details, self.force, self.confirm, self.download], **QUIET
        )
        self.promote.click(self._promote, [self.chosen, self.force], after, **SLOW)
        self.try_share.click(self._try, [self.chosen, self.force, self.share], after, **SLOW)
        self.rollback.click(self._rollback, self.chosen, after, **SLOW)
        self.delete.click(lambda: gr.Row(visible=True), None, self.confirm, **QUIET)
        self.keep.click(lambda: gr.Row(visible=False), None, self.confirm, **QUIET)
        self.sure.click(self._delete, self.chosen, after, **SLOW)
        self.export.click(self._export, self.chosen, self.download, **SLOW)
        self.upload.upload(self._take, self.upload, after, **SLOW)

    def load(self, blocks: gr.Blocks, tab: gr.Tab) -> None:
        """Fills it when the page is opened, and again when the tab is."""
        gr.on([blocks.load, tab.select], self._load, self.chosen, self.shown, **QUIET)

    def _load(self, chosen: str | None, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            return self._shown(chosen, request)

    def _shown(self, chosen: str | None, request: gr.Request) -> dict[Any, Any]:
        language, shelf = language_of(request), self._desk.shelf()
        ids = [*(adapter.id for adapter in shelf.adapters), DEFAULT_ADAPTER, NO_ADAPTER]
        chosen = chosen if chosen in ids else ids[0]
        return {
            self.serving: serving_html(shelf, language),
            self.table: adapters_html(shelf, language),
            self.chosen: gr.Dropdown(choices=[(name_of(i, shelf, language), i) for i in ids], value=chosen),
            self.feedback: feedback_html(self._desk.feedback(), language),
            **self._detailed(chosen, shelf, request),
        }

    def _detailed(self, chosen: str | None, shelf: Shelf, request: gr.Request) -> dict[Any, Any]:
        adapter = shelf.find(chosen or "")
        return {
            self.details: details_html(adapter, shelf, language_of(request)),
            self.force: gr.Textbox(value="", visible=bool(adapter and adapter.objection)),
        }

    def _choose(self, chosen: str | None, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            return {
                **self._detailed(chosen, self._desk.shelf(), request),
                self.confirm: gr.Row(visible=False),
                self.download: gr.DownloadButton(visible=False),
            }

    def _done(self, chosen: str | None, told: str, request: gr.Request) -> dict[Any, Any]:
        return {
            **self._shown(chosen, request),
            self.status: status_html(told, busy=False),
            self.confirm: gr.Row(visible=False),
            self.download: gr.DownloadButton(visible=False),
        }

    def _promote(self, chosen: str | None, typed: str, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            name = self._switch_on("adapter-promoted", chosen or "", typed or "", EVERYBODY, request)
            return self._done(chosen, words_of(request)["promoted"].format(id=name), request)

    def _try(self, chosen: str | None, typed: str, share: float, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            name = self._switch_on("adapter-tried", chosen or "", typed or "", share, request)
            told = words_of(request)["tried"].format(id=name, share=f"{share:g}")
            return self._done(chosen, told, request)

    def _switch_on(self, action: str, chosen: str, typed: str, share: float, request: gr.Request) -> str:
        because = words_of(request)["forced_because"]
        self._desk.promote(chosen, typed, share, because=because)
        overruled = because if typed.strip() else ""
        self._audit.record(request, action, chosen, share_percent=share, because=overruled)
        return name_of(chosen, self._desk.shelf(), language_of(request))

    def _rollback(self, chosen: str | None, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            self._audit.record(request, "adapter-rolled-back", self._desk.rollback().active)
            return self._done(chosen, words_of(request)["rolled_back"], request)

    def _delete(self, chosen: str | None, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            self._desk.delete(chosen or "")
            self._audit.record(request, "adapter-deleted", chosen or "")
            return self._done(None, words_of(request)["deleted"].format(id=chosen), request)

    def _export(self, chosen: str | None, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            path = self._desk.export(chosen or "", private_uploads())
            self._audit.record(request, "adapter-exported", chosen or "")
            return {self.download: gr.DownloadButton(label=path.name, value=str(path), visible=True)}

    def _take(self, path: str, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            adapter = self._desk.take(Path(path))
            self._audit.record(request, "adapter-imported", adapter.id)
            return self._done(adapter.id, words_of(request)["adapter_taken"].format(id=adapter.id), request)
