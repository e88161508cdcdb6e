"""The step "Transcripts": layout and wiring. What it does is in `upload.py`."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from chatbot.web.ui.page_audit import PageAudit
from chatbot.web.ui.repeated import repeated
from finetune.transcripts import ColumnMapping, ImportReport, TranscriptError
from finetune.web.parts import I18N, QUIET, errors_shown, language_of, status_html, words_of
from finetune.web.render import heading, import_html, paragraph, preview_html, uploads_html
from finetune.web.upload import MAPPING_FIELDS, RECORDING, Upload, Uploads, speakers
from finetune.web.watched import Ended, Tell, watched

Files = tuple[Upload, ...]


class UploadTab:
    """Builds its components inside of the open tab."""

    def __init__(self, uploads: Uploads, audit: PageAudit) -> None:
        self._uploads = uploads
        self._audit = audit
        self.files = gr.State(())
        gr.Markdown(I18N("transcripts_intro"))
        self.drop = gr.File(
            label=I18N("files"), file_count="multiple", type="filepath", height=150, elem_id="ft-files"
        )
        self.waiting = gr.HTML(padding=False, elem_id="ft-waiting")
        with gr.Column(visible=False) as self.check:
            self.which = gr.Dropdown([], label=I18N("look_at"), filterable=False, elem_id="ft-which")
            self._mapping()
            with gr.Accordion(I18N("who"), open=False):
                self.agents = gr.Textbox(label=I18N("agents"), max_lines=3, elem_id="ft-agents")
                self.domains = gr.Textbox(label=I18N("domains"), max_lines=3, elem_id="ft-domains")
            self.preview = gr.HTML(padding=False, elem_id="ft-preview")
            self.keep = gr.Checkbox(label="", visible=False, elem_id="ft-keep")
            with gr.Row():
                self.go = gr.Button(I18N("import"), variant="primary", elem_id="ft-import")
                self.clear = gr.Button(I18N("start_over"), elem_id="ft-start-over")
        self.status = gr.HTML(status_html(""), padding=False)
        self.report = gr.HTML(padding=False, elem_id="ft-report")
        self._wire()

    def _mapping(self) -> None:
        with gr.Group(visible=False, elem_id="ft-mapping") as self.table:
            gr.Markdown(I18N("mapping_intro"), padding=True)
            with gr.Row():
                self.columns = [
                    gr.Dropdown(
                        [],
                        label=I18N(f"map_{name}"),
                        min_width=220,
                        filterable=False,
                        elem_id=f"ft-map-{name}",
                    )
                    for name in MAPPING_FIELDS
                ]

    def _wire(self) -> None:
        who = [self.agents, self.domains]
        shown = [self.waiting, self.check, self.which, self.table, *self.columns, self.preview]
        everything = [self.files, self.drop, *shown, self.keep, self.status, self.report]
        self.drop.upload(self._take, [self.drop, self.files, *who], everything, api_name=False)
        self.which.input(self._choose, [self.files, self.which, *who], shown, **QUIET)
        for column in self.columns:
            column.input(
                self._map,
                [self.files, self.which, *who, *self.columns],
                [self.files, self.waiting, self.preview],
                **QUIET,
            )
        for field in who:
            field.blur(self._choose, [self.files, self.which, *who], shown, **QUIET)
        self.clear.click(self._start_over, self.files, everything, **QUIET)
        self.go.click(self._import, [self.files, self.keep, *who], [*everything, self.go], **QUIET)

    def load(self, blocks: gr.Blocks) -> None:
        """Fills it when the page is opened."""
        blocks.load(self._load, None, [self.keep, self.report], **QUIET)

    def _load(self, request: gr.Request) -> dict[Any, Any]:
        report = self._uploads.report()
        return self._reported(report, request)

    def _reported(self, report: ImportReport | None, request: gr.Request) -> dict[Any, Any]:
        words, earlier = words_of(request), report.conversations if report else 0
        return {
            self.report: import_html(report, language_of(request)),
            self.keep: gr.Checkbox(
                label=words["keep_earlier"].format(n=f"{earlier:,}"), value=False, visible=bool(earlier)
            ),
        }

    def _take(
        self, paths: Sequence[str], files: Files, agents: str, domains: str, request: gr.Request
    ) -> dict[Any, Any]:
        with errors_shown(request):
            files = (*files, *self._uploads.take(paths or []))
            readable = [place for place, upload in enumerate(files) if upload.format]
            chosen = readable[-1] if readable else 0
            return {
                self.files: files,
                self.drop: None,
                **self._chosen(files, chosen, agents, domains, request),
            }

    def _choose(
        self, files: Files, chosen: int | None, agents: str, domains: str, request: gr.Request
    ) -> dict[Any, Any]:
        with errors_shown(request):
            return self._chosen(files, chosen or 0, agents, domains, request)

    def _chosen(
        self, files: Files, chosen: int, agents: str, domains: str, request: gr.Request
    ) -> dict[Any, Any]:
        upload = files[chosen] if files else None
        columns = upload.columns if upload else ()
        choices = [(words_of(request)["no_column"], ""), *((name, name) for name in columns)]
        mapped = [getattr(upload.mapping, name) if upload else "" for name in MAPPING_FIELDS]
        labels = [(f.label, place) for place, f in enumerate(files)]
        return {
            self.waiting: uploads_html(files, language_of(request)),
            self.check: gr.Column(visible=any(f.format for f in files)),
            self.which: gr.Dropdown(choices=labels, value=chosen if files else None, visible=len(files) > 1),
            self.table: gr.Group(visible=bool(columns)),
            **{
                field: gr.Dropdown(choices=choices, value=value)
                for field, value in zip(self.columns, mapped, strict=True)
            },
            self.preview: self._previewed(upload, agents, domains, request),
        }

    def _previewed(self, upload: Upload | None, agents: str, domains: str, request: gr.Request) -> str:
        if upload is None:
            return ""
        language, title = language_of(request), heading(words_of(request)["preview"])
        if upload.format == RECORDING and not upload.problem:
            return title + paragraph(words_of(request)["recording"], "quiet")
        if not upload.format:
            return title + paragraph(upload.problem, "bad")
        try:
            found = self._uploads.look(upload, upload.mapping, speakers(agents, domains))
        except TranscriptError as error:
            return title + paragraph(str(error), "bad")
        return title + preview_html(found.conversations, found.dropped, found.problem, language)

    def _map(
        self,
        files: Files,
        chosen: int | None,
        agents: str,
        domains: str,
        request: gr.Request,
        *columns: str,  # Gradio puts the request in by position only
    ) -> dict[Any, Any]:
        with errors_shown(request):
            mapping = ColumnMapping(
                **{name: column or "" for name, column in zip(MAPPING_FIELDS, columns, strict=True)}
            )
            place = chosen or 0
            upload = replace(files[place], mapping=mapping, problem="")
            problem = self._uploads.look(upload, mapping, speakers(agents, domains)).problem
            upload = replace(upload, problem=problem)
            files = (*files[:place], upload, *files[place + 1 :])
            return {
                self.files: files,
                self.waiting: uploads_html(files, language_of(request)),
                self.preview: self._previewed(upload, agents, domains, request),
            }

    def _start_over(self, files: Files, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            self._uploads.discard(files)
            return {**self._left((), request), self.status: status_html("")}

    def _left(self, files: Files, request: gr.Request) -> dict[Any, Any]:
        return {self.files: files, self.drop: None, **self._chosen(files, 0, "", "", request)}

    @repeated
    def _import(
        self, files: Files, keep: bool, agents: str, domains: str, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        words = words_of(request)
        yield {self.status: status_html(words["starting"]), self.go: gr.Button(interactive=False)}

        def import_all(tell: Tell) -> tuple[ImportReport, Files]:
            found = self._uploads.import_all(
                files,
                speakers(agents, domains),
                keep_earlier=keep,
                progress=lambda label, n: tell(words["importing"].format(label=label, n=f"{n:,}")),
            )
            self._audit.record(request, "transcripts-imported", count=found[0].conversations)
            return found

        try:
            with errors_shown(request):
                for step in watched(import_all):
                    if isinstance(step, Ended):
                        report, left = step.result
                        yield {**self._left(left, request), **self._reported(report, request)}
                    else:
                        yield {self.status: status_html(step)}
        finally:
            yield {self.status: status_html(""), self.go: gr.Button(interactive=True)}
