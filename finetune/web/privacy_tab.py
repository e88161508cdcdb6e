"""The step "Privacy": layout and wiring. What it does is in `privacy.py`."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from chatbot.web.ui.page_audit import PageAudit
from chatbot.web.ui.repeated import repeated
from finetune.redact import Reviewed
from finetune.redaction_report import RedactionReport
from finetune.web.parts import I18N, QUIET, SLOW, errors_shown, language_of, status_html, words_of
from finetune.web.plots import bar_plot, bars
from finetune.web.privacy import PrivacyDesk, Terms
from finetune.web.privacy_html import masked_counts_html, redaction_html, sample_html
from finetune.web.watched import Ended, Tell, watched


class PrivacyTab:
    """Builds its components inside of the open tab."""

    def __init__(self, desk: PrivacyDesk, audit: PageAudit) -> None:
        self._desk = desk
        self._audit = audit
        gr.Markdown(I18N("privacy_intro"))
        self.told = gr.HTML(padding=False, elem_id="ft-masked")
        with gr.Accordion(I18N("terms"), open=False, elem_id="ft-terms"):
            gr.Markdown(I18N("terms_intro"), elem_classes="ft-quiet")
            with gr.Row():
                self.mask = gr.Textbox(
                    label=I18N("terms_mask"), lines=4, max_lines=12, min_width=260, elem_id="ft-mask-terms"
                )
                self.keep = gr.Textbox(
                    label=I18N("terms_keep"), lines=4, max_lines=12, min_width=260, elem_id="ft-keep-terms"
                )
        with gr.Row():
            self.go = gr.Button(I18N("mask"), variant="primary", elem_id="ft-redact")
            self.show = gr.Button(I18N("show_sample"), elem_id="ft-show-sample")
        self.status = gr.HTML(status_html(""), padding=False)
        with gr.Row():
            self.plot = bar_plot("ft-masked-plot")
            with gr.Column(min_width=260):
                self.counts = gr.HTML(padding=False, elem_id="ft-masked-counts")
        self.sample = gr.HTML(padding=False, elem_id="ft-sample")
        self._wire()

    def _wire(self) -> None:
        self.counted = [self.told, self.plot, self.counts]
        after = [*self.counted, self.status, self.sample, self.go]
        self.go.click(self._redact, [self.mask, self.keep], after, **QUIET)
        self.show.click(self._show, None, self.sample, **SLOW)

    def load(self, blocks: gr.Blocks, tab: gr.Tab) -> None:
        """Fills it when the page is opened, and again when the tab is."""
        blocks.load(self._load_terms, None, [self.mask, self.keep], **QUIET)
        gr.on([blocks.load, tab.select], self._load, None, self.counted, **QUIET)

    def _load_terms(self, request: gr.Request) -> tuple[str, str]:
        with errors_shown(request):
            terms = self._desk.terms()
            return terms.mask, terms.keep

    def _load(self, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            return self._counted(self._desk.report(), request)

    def _counted(self, report: RedactionReport | None, request: gr.Request) -> dict[Any, Any]:
        language, words = language_of(request), words_of(request)
        return {
            self.told: redaction_html(report, self._desk.is_outdated, language),
            self.plot: bars(report.masked if report else {}, words["kind"], words["how_often"]),
            self.counts: masked_counts_html(report, language),
        }

    @repeated
    def _redact(self, mask: str, keep: str, request: gr.Request) -> Iterator[dict[Any, Any]]:
        words = words_of(request)
        yield {self.status: status_html(words["starting"]), self.go: gr.Button(interactive=False)}

        def redact(tell: Tell) -> tuple[RedactionReport, tuple[Reviewed, ...]]:
            found = self._desk.redact(Terms(mask, keep), lambda n: tell(words["masking"].format(n=f"{n:,}")))
            self._audit.record(request, "transcripts-masked", count=found[0].conversations)
            return found

        try:
            with errors_shown(request):
                for step in watched(redact):
                    if isinstance(step, Ended):
                        report, sample = step.result
                        shown = sample_html(sample, language_of(request))
                        yield {**self._counted(report, request), self.sample: shown}
                    else:
                        yield {self.status: status_html(step)}
        finally:
            yield {self.status: status_html(""), self.go: gr.Button(interactive=True)}

    def _show(self, request: gr.Request) -> str:
        with errors_shown(request):
            return sample_html(self._desk.sample(), language_of(request))
