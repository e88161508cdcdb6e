"""The step "Training": layout and wiring. What it does is in `training.py`."""

import html
from collections.abc import Iterator
from typing import Any

import gradio as gr

from chatbot.templates import Language
from chatbot.web.ui.page_audit import PageAudit
from chatbot.web.ui.repeated import repeated
from finetune.web.parts import I18N, QUIET, errors_shown, language_of, status_html, words_of
from finetune.web.plots import curve_plot, curves
from finetune.web.render import paragraph, table_html
from finetune.web.stages import stage_in
from finetune.web.texts import TEXTS
from finetune.web.training import Followed, Needed, TrainingDesk

_MINUTES = 25
_LOOK_EVERY_S = 2.0
_MOST_POINTS = 400


class TrainingTab:
    """Builds its components inside of the open tab."""

    def __init__(self, desk: TrainingDesk, audit: PageAudit) -> None:
        self._desk = desk
        self._audit = audit
        gr.Markdown(I18N("training_intro"))
        with gr.Row():
            self.minutes = gr.Number(
                _MINUTES, label=I18N("minutes"), minimum=0, min_width=180, elem_id="ft-minutes"
            )
            self.epochs = gr.Number(desk.usual.epochs, label=I18N("epochs"), minimum=0.01, min_width=180)
        with gr.Accordion(I18N("training_settings"), open=False), gr.Row():
            self.rank = gr.Number(
                desk.usual.r, label=I18N("rank"), precision=0, minimum=1, maximum=512, min_width=180
            )
            self.rate = gr.Number(
                desk.usual.learning_rate, label=I18N("rate"), minimum=0.000001, step=0.0001, min_width=180
            )
            self.checkpointing = gr.Checkbox(
                desk.usual.gradient_checkpointing, label=I18N("checkpointing"), min_width=180
            )
        with gr.Row():
            self.start = gr.Button(I18N("train"), variant="primary", elem_id="ft-train")
            self.cancel = gr.Button(I18N("cancel"), visible=False, elem_id="ft-cancel")
            self.resume = gr.Button(I18N("resume"), visible=False, elem_id="ft-resume")
        self.needed = gr.HTML(padding=False, elem_id="ft-needed")
        self.told = gr.HTML(padding=False, elem_id="ft-training")
        self.plot = curve_plot("ft-loss-plot")
        self.figures = gr.HTML(padding=False)
        self.timer = gr.Timer(_LOOK_EVERY_S, active=False)
        self.shown = [
            self.told, self.plot, self.figures, self.start, self.cancel, self.resume, self.timer,
        ]  # fmt: skip
        self._wire()

    def _wire(self) -> None:
        chosen = [self.minutes, self.epochs, self.rank, self.rate, self.checkpointing]
        self.start.click(self._start, chosen, [self.needed, *self.shown], **QUIET)
        self.cancel.click(self._cancel, None, self.shown, **QUIET)
        self.resume.click(self._resume, None, self.shown, **QUIET)
        self.timer.tick(self._load, None, self.shown, **QUIET)

    def load(self, blocks: gr.Blocks, tab: gr.Tab) -> None:
        """Fills it when the page is opened, and again when the tab is."""
        gr.on([blocks.load, tab.select], self._load, None, self.shown, **QUIET)

    def _load(self, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            return self._shown(self._desk.newest(), request)

    def _shown(self, found: Followed | None, request: gr.Request) -> dict[Any, Any]:
        language, words = language_of(request), words_of(request)
        is_live = bool(found and found.is_live)
        return {
            self.told: training_html(found, language),
            self.plot: curves(_curves(found, language), words["step"], words["loss"]),
            self.figures: figures_html(found, language),
            self.start: gr.Button(interactive=not is_live),
            self.cancel: gr.Button(visible=is_live),
            self.resume: gr.Button(visible=bool(found and found.can_go_on)),
            self.timer: gr.Timer(active=is_live),
        }

    @repeated
    def _start(
        self,
        minutes: float | None,
        epochs: float | None,
        rank: float | None,
        rate: float | None,
        checkpointing: bool,
        request: gr.Request,
    ) -> Iterator[dict[Any, Any]]:
        """Starts only what was estimated to fit; else the reason is shown, and stays."""
        language = language_of(request)
        chosen = {"epochs": epochs, "r": rank, "learning_rate": rate}
        given = {name: value for name, value in chosen.items() if value is not None}
        train = {**given, "gradient_checkpointing": checkpointing}
        yield {
            self.needed: status_html(TEXTS[language]["estimating"]),
            self.start: gr.Button(interactive=False),
        }
        try:
            with errors_shown(request):
                needed = self._desk.estimate(minutes, train)
                yield {self.needed: needed_html(needed, language)}
                started = self._desk.start(minutes, train)
                self._audit.record(request, "training-started", started.status.id)
                yield self._shown(started, request)
        except gr.Error as error:
            refused = paragraph(html.unescape(str(error.message)), "bad")
            yield {self.needed: refused, self.start: gr.Button(interactive=True)}

    def _cancel(self, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            before, after = self._desk.newest(), self._desk.cancel()
            if before and before.is_live:
                self._audit.record(request, "training-cancelled", before.status.id)
            return self._shown(after, request)

    def _resume(self, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            before, after = self._desk.newest(), self._desk.resume()
            if before and before.can_go_on:
                self._audit.record(request, "training-resumed", before.status.id)
            return self._shown(after, request)


def _curves(found: Followed | None, language: Language) -> list[tuple[float, float, str]]:
    """Points of both losses, thinned so that a long run stays quick to draw."""
    words, points = TEXTS[language], found.points if found else ()
    every = len(points) // _MOST_POINTS + 1
    loss = [(float(p.step), p.loss, words["loss_training"]) for p in points[::every]]
    held = [
        (float(p.step), p.validation_loss, words["loss_validation"])
        for p in points[::every]
        if p.validation_loss
    ]
    return [*loss, *held]


def needed_html(needed: Needed, language: Language) -> str:
    """What training needs, before it is started."""
    words = TEXTS[language]
    memory, free = (f"{size / 2**30:.1f} GiB" for size in (needed.memory_bytes, needed.free_bytes))
    if needed.seconds is not None:
        minutes, epochs = max(1, round(needed.seconds / 60)), f"{needed.epochs:.3g}"
        lasts = words["needs_minutes"].format(minutes=minutes, epochs=epochs)
    elif needed.minutes:
        lasts = words["needs_at_most"].format(minutes=f"{needed.minutes:g}")
    else:
        lasts = words["needs_unknown"]
    told = paragraph(words["needs_memory"].format(memory=memory, free=free)) + paragraph(lasts)
    return f'<div role="status">{told}</div>'


def training_html(found: Followed | None, language: Language) -> str:
    """Where the job stands, read out by screen readers when it changes."""
    words = TEXTS[language]
    if found is None:
        return paragraph(words["no_training"], "quiet")
    status = found.status
    told = words[f"job_{status.state.value}"]
    if found.is_live and status.stage:
        told += f" {stage_in(language, status.stage)}"
        told += f": {status.done:,} / {status.total:,}" if status.total else "…"
    kind = "bad" if found.can_go_on else "good"
    said = paragraph(told, kind) + paragraph(status.message) + paragraph(status.error, "bad")
    return f'<div role="status" aria-live="polite">{said}</div>'


def figures_html(found: Followed | None, language: Language) -> str:
    """The newest figures of training."""
    if found is None or not found.points:
        return ""
    words, point = TEXTS[language], found.points[-1]
    held = "–" if point.validation_loss is None else f"{point.validation_loss:.4f}"
    names = ("step", "loss_training", "loss_validation", "speed", "remaining")
    minutes, seconds = divmod(max(0, round(point.remaining_s)), 60)
    row = (
        f"{point.step:,} / {point.steps:,}",
        f"{point.loss:.4f}",
        held,
        f"{point.tokens_per_s:,.0f}",
        f"{minutes}:{seconds:02d}" if found.is_live else "–",
    )
    return table_html(words["training"], [words[name] for name in names], [row])
