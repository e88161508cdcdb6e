"""The steps "Evaluation" and "Blind test": layout and wiring. What they do is in `comparing.py`."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from finetune.compare import Choice
from finetune.web.comparing import BlindDesk, Evaluations, Place
from finetune.web.comparing_html import blind_html, figures_html, result_html, side_by_side_html
from finetune.web.parts import I18N, QUIET, SLOW, errors_shown, language_of, words_of
from finetune.web.render import paragraph


class EvaluationTab:
    """Builds its components inside of the open tab."""

    def __init__(self, evaluations: Evaluations) -> None:
        self._evaluations = evaluations
        gr.Markdown(I18N("evaluation_intro"))
        self.none = gr.HTML(padding=False)
        with gr.Column(visible=False) as self.choice:
            with gr.Row(elem_classes="ft-end"):
                first, second = I18N("evaluation_first"), I18N("evaluation_second")
                self.first = gr.Dropdown([], label=first, filterable=False, min_width=220, elem_id="ft-first")
                self.second = gr.Dropdown(
                    [], label=second, filterable=False, min_width=220, elem_id="ft-second"
                )
            self.show = gr.Button(I18N("compare"), variant="primary", elem_id="ft-compare")
        self.figures = gr.HTML(padding=False, elem_id="ft-figures")
        self.answers = gr.HTML(padding=False, elem_id="ft-side-by-side")
        self.show.click(self._show, [self.first, self.second], [self.figures, self.answers], **SLOW)

    def load(self, blocks: gr.Blocks, tab: gr.Tab) -> None:
        """Fills it when the page is opened, and again when the tab is."""
        lists = [self.none, self.choice, self.first, self.second]
        gr.on([blocks.load, tab.select], self._load, [self.first, self.second], lists, **QUIET)

    def _load(self, first: str | None, second: str | None, request: gr.Request) -> dict[Any, Any]:
        runs = self._evaluations.kept()
        keys = [run.key for run in runs]
        choices = [(run.name, run.key) for run in runs]
        there = len(runs) > 1
        chosen = [first if first in keys else next(iter(keys), None), second if second in keys else None]
        chosen[1] = chosen[1] or next((key for key in keys if key != chosen[0]), None)
        return {
            self.none: "" if there else paragraph(words_of(request)["evaluation_none"], "quiet"),
            self.choice: gr.Column(visible=there),
            self.first: gr.Dropdown(choices=choices, value=chosen[0]),
            self.second: gr.Dropdown(choices=choices, value=chosen[1]),
        }

    def _show(self, first: str | None, second: str | None, request: gr.Request) -> tuple[str, str]:
        language = language_of(request)
        with errors_shown(request):
            one, other, questions = self._evaluations.pair(first or "", second or "")
            return figures_html([one, other], language), side_by_side_html(questions, language)


class BlindTab:
    """Builds its components inside of the open tab; the two evaluations are those of the step before."""

    def __init__(self, desk: BlindDesk, evaluations: Evaluations, chosen: EvaluationTab) -> None:
        self._desk = desk
        self._evaluations = evaluations
        self.question = gr.State("")
        gr.Markdown(I18N("blind_intro"))
        self.none = gr.HTML(padding=False)
        with gr.Row():
            self.session = gr.Dropdown(
                [],
                label=I18N("blind_session"),
                filterable=False,
                min_width=220,
                visible=False,
                elem_id="ft-blind",
            )
            self.judge = gr.Textbox(
                label=I18N("judge"), max_lines=1, max_length=80, min_width=220, elem_id="ft-judge"
            )
        self.begin = gr.Button(I18N("blind_start"), elem_id="ft-begin-blind")
        self.shown = gr.HTML(padding=False, elem_id="ft-blind-question")
        with gr.Row(visible=False) as self.votes:
            buttons: list[tuple[gr.Button, Choice]] = [
                (gr.Button(I18N("left_better"), min_width=120, elem_id="ft-left"), "left"),
                (gr.Button(I18N("tie"), min_width=120, elem_id="ft-tie"), "tie"),
                (gr.Button(I18N("right_better"), min_width=120, elem_id="ft-right"), "right"),
            ]
        self.result = gr.HTML(padding=False, elem_id="ft-blind-result")
        self._wire(buttons, chosen)

    def _wire(self, buttons: list[tuple[gr.Button, Choice]], chosen: EvaluationTab) -> None:
        where = [self.session, self.judge]
        self.place = [self.question, self.shown, self.votes, self.result]
        for button, choice in buttons:
            button.click(self._voter(choice), [*where, self.question], self.place, **QUIET)
        gr.on(
            [self.session.input, self.judge.submit, self.judge.blur], self._look, where, self.place, **QUIET
        )
        self.begin.click(
            self._begin,
            [chosen.first, chosen.second, self.judge],
            [self.none, self.session, *self.place],
            **SLOW,
        )

    def load(self, blocks: gr.Blocks, tab: gr.Tab) -> None:
        """Fills it when the page is opened, and again when the tab is."""
        shown = [self.none, self.session, *self.place]
        gr.on([blocks.load, tab.select], self._load, [self.session, self.judge], shown, **QUIET)

    def _load(self, session: str | None, judge: str, request: gr.Request) -> dict[Any, Any]:
        names = self._desk.sessions()
        session = session if session in names else next(iter(names), None)
        return {
            self.none: "" if names else paragraph(words_of(request)["blind_none"], "quiet"),
            self.session: gr.Dropdown(choices=list(names), value=session, visible=bool(names)),
            **self._look(session, judge, request),
        }

    def _look(self, session: str | None, judge: str, request: gr.Request) -> dict[Any, Any]:
        with errors_shown(request):
            if not session:
                return self._at(None, "", request)
            if not (judge or "").strip():
                told = paragraph(words_of(request)["judge_missing"], "quiet")
                return {**self._at(None, "", request), self.shown: told}
            return self._at(self._desk.place(session, judge), session, request)

    def _at(self, place: Place | None, session: str, request: gr.Request) -> dict[Any, Any]:
        language, question = language_of(request), place.question if place else None
        result = ""
        if place:
            result = result_html(None if question else self._desk.result(session), language)
        return {
            self.question: question.id if question else "",
            self.shown: blind_html(place, language),
            self.votes: gr.Row(visible=question is not None),
            self.result: result,
        }

    def _voter(self, choice: Choice) -> Callable[..., dict[Any, Any]]:
        def vote(session: str, judge: str, question: str, request: gr.Request) -> dict[Any, Any]:
            with errors_shown(request):
                return self._at(self._desk.vote(session, judge, question, choice), session, request)

        return vote

    def _begin(
        self, first: str | None, second: str | None, judge: str, request: gr.Request
    ) -> dict[Any, Any]:
        with errors_shown(request):
            one, other, _ = self._evaluations.pair(first or "", second or "")
            return self._load(self._desk.begin(one, other), judge, request)
