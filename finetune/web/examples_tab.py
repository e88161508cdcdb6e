"""The step "Examples": layout and wiring. What it does is in `examples.py`."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from chatbot.web.ui.repeated import repeated
from finetune.web.examples import ExamplesDesk, Statistics
from finetune.web.examples_html import counted_html, dataset_html, details_html
from finetune.web.parts import I18N, QUIET, errors_shown, language_of, status_html, words_of
from finetune.web.plots import bar_plot, bars
from finetune.web.watched import Ended, watched

_SHARES = ("refusal_share", "augment_share", "instruction_share", "validation_share", "test_share")


class ExamplesTab:
    """Builds its components inside of the open tab."""

    def __init__(self, desk: ExamplesDesk) -> None:
        self._desk = desk
        gr.Markdown(I18N("examples_intro"))
        self.told = gr.HTML(padding=False, elem_id="ft-dataset")
        with gr.Accordion(I18N("examples_settings"), open=False), gr.Row():
            self.most = gr.Number(
                desk.usual.examples,
                label=I18N("examples_most"),
                precision=0,
                minimum=1,
                min_width=200,
                elem_id="ft-most-examples",
            )
            self.shares = [
                gr.Slider(0, max(0.5, share), share, step=0.01, label=I18N(name), min_width=200)
                for name, share in ((name, getattr(desk.usual, name)) for name in _SHARES)
            ]
        self.go = gr.Button(I18N("build"), variant="primary", elem_id="ft-build")
        self.status = gr.HTML(status_html(""), padding=False)
        with gr.Row():
            with gr.Column(min_width=280):
                self.kinds = bar_plot("ft-kinds-plot")
                self.kinds_table = gr.HTML(padding=False)
            with gr.Column(min_width=280):
                self.lengths = bar_plot("ft-lengths-plot")
                self.lengths_table = gr.HTML(padding=False)
        self.details = gr.HTML(padding=False, elem_id="ft-examples")
        self.shown = [
            self.told, self.kinds, self.kinds_table, self.lengths, self.lengths_table, self.details,
        ]  # fmt: skip
        outputs = [*self.shown, self.status, self.go]
        self.go.click(self._build, [self.most, *self.shares], outputs, **QUIET)

    def load(self, blocks: gr.Blocks, tab: gr.Tab) -> None:
        """Fills it when the page is opened, and again when the tab is."""
        gr.on([blocks.load, tab.select], self._load, None, self.shown, **QUIET)

    def _load(self, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            return self._shown(self._desk.statistics(), request)

    def _shown(self, found: Statistics | None, request: gr.Request) -> dict[Any, Any]:
        language, words = language_of(request), words_of(request)
        kinds, lengths = (found.kinds, found.lengths) if found else ({}, {})
        kind, length = words["kind"], words["answer_words"]
        return {
            self.told: dataset_html(found, language),
            self.kinds: bars(kinds, kind, words["examples"]),
            self.kinds_table: counted_html(words["examples"], kind, kinds, language),
            self.lengths: bars(lengths, length, words["examples"], in_order=True),
            self.lengths_table: counted_html(words["answer_words"], length, lengths, language),
            self.details: details_html(found, language),
        }

    @repeated
    def _build(self, most: float, request: gr.Request, *shares: float) -> Iterator[dict[Any, Any]]:
        chosen = {"examples": int(most or 0), **dict(zip(_SHARES, shares, strict=True))}
        words = words_of(request)
        yield {self.status: status_html(words["waiting_for_models"]), self.go: gr.Button(interactive=False)}
        try:
            with errors_shown(request):
                steps = watched(
                    lambda tell: self._desk.build(
                        chosen,
                        lambda done, total: tell(
                            words["building"].format(done=f"{done:,}", total=f"{total:,}")
                        ),
                    )
                )
                for step in steps:
                    if isinstance(step, Ended):
                        yield self._shown(step.result, request)
                    else:
                        yield {self.status: status_html(step)}
        finally:
            yield {self.status: status_html(""), self.go: gr.Button(interactive=True)}
