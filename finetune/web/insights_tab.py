"""The tab "Insights": layout and wiring. What it shows is made in `chatbot.insights`."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from chatbot.errors import FrontdeskError
from chatbot.insights.desk import InsightDesk
from chatbot.insights.mood import Mood
from chatbot.insights.period import Granularity
from chatbot.insights.report import Counted
from chatbot.insights.resolution import Outcome
from chatbot.insights.rule import SurgeRule
from chatbot.insights.themes import Themes
from chatbot.templates import Language
from chatbot.web.ui.repeated import repeated
from finetune.web.insights_html import (
    misleading_html,
    outcomes_html,
    surges_html,
    times_html,
    topics_html,
    total_html,
    unanswered_html,
)
from finetune.web.knowledge import OpenQuestion
from finetune.web.parts import I18N, QUIET, errors_shown, language_of, status_html, words_of
from finetune.web.plots import bar_plot, bars, over_time, time_plot
from finetune.web.render import paragraph
from finetune.web.texts import TEXTS

log = logging.getLogger(__name__)
_DAYS = (7, 28, 90)
_PARTS = (Granularity.DAY, Granularity.WEEK)
_PLOTTED_TOPICS = 5


@dataclass(frozen=True, slots=True)
class InsightParts:
    """What the tab is built from.

    Attributes:
        open_questions: Questions that nobody could answer, grouped and masked.
        mask: Takes personal data out of a text.
    """

    desk: InsightDesk
    rule: SurgeRule
    open_questions: Callable[[], Sequence[OpenQuestion]]
    mask: Callable[[str], str]


class InsightsTab:
    """Builds its components inside of the open tab."""

    def __init__(self, parts: InsightParts) -> None:
        self._parts = parts
        gr.Markdown(I18N("in_intro"))
        with gr.Row(elem_classes="ft-end"):
            self.days = gr.Dropdown(
                [(str(days), days) for days in _DAYS],
                value=28,
                label=I18N("in_days"),
                filterable=False,
                min_width=140,
                elem_id="in-days",
            )
            self.by = gr.Dropdown(
                [(by.value, by.value) for by in _PARTS],
                value=Granularity.DAY.value,
                label=I18N("in_by"),
                filterable=False,
                min_width=140,
                elem_id="in-by",
            )
            self.go = gr.Button(I18N("in_show"), variant="primary", min_width=120, elem_id="in-show")
        self.status = gr.HTML(status_html(""), padding=False, elem_id="in-status")
        self.surges = gr.HTML(padding=False, elem_id="in-surges")
        self.total = gr.HTML(padding=False, elem_id="in-total")
        self.volume = time_plot("in-volume")
        self.outcomes = gr.HTML(padding=False, elem_id="in-outcomes")
        self.outcome_plot = bar_plot("in-outcome-plot")
        self.topics = gr.HTML(padding=False, elem_id="in-topics")
        self.moods = time_plot("in-moods")
        self.times = gr.HTML(padding=False, elem_id="in-times")
        self.misleading = gr.HTML(padding=False, elem_id="in-misleading")
        self.unanswered = gr.HTML(padding=False, elem_id="in-unanswered")

    def load(self, tab: gr.Tab) -> None:
        """Fills it when the tab is opened, and again when another period is asked for."""
        outputs = [
            *(self.days, self.by, self.go, self.status, self.surges, self.total, self.volume),
            *(self.outcomes, self.outcome_plot, self.topics, self.moods, self.times),
            *(self.misleading, self.unanswered),
        ]
        gr.on([tab.select, self.go.click], self._show, [self.days, self.by], outputs, **QUIET)

    @repeated
    def _show(self, days: int, by: str, request: gr.Request) -> Iterator[dict[Any, Any]]:
        language, words = language_of(request), words_of(request)
        period = self._parts.desk.period(int(days), Granularity(by))
        yield {
            self.days: gr.Dropdown(choices=[(words[f"in_days_{n}"], n) for n in _DAYS]),
            self.by: gr.Dropdown(choices=[(words[f"in_by_{b.value}"], b.value) for b in _PARTS]),
            self.status: status_html(words["in_counting"]),
            self.go: gr.Button(interactive=False),
        }
        done: dict[Any, Any] = {self.status: status_html(""), self.go: gr.Button(interactive=True)}
        try:
            with errors_shown(request):
                counted = self._parts.desk.report(period, topics=False).counted
                yield {**self._counted(counted, language), self.status: status_html(words["in_grouping"])}
                try:
                    yield self._themes(self._parts.desk.report(period).themes, language)
                    yield {self.unanswered: unanswered_html(self._parts.open_questions(), language)}
                except FrontdeskError as error:  # the models are not there; what was counted stays
                    why = words["in_no_topics_now"].format(why=error)
                    done[self.status] = status_html(why, busy=False)
        finally:
            yield done

    def _counted(self, counted: Counted, language: Language) -> dict[Any, Any]:
        words, volume = TEXTS[language], counted.volume
        points = [
            (bucket, counts.get(channel, 0), words[f"in_{channel}"])
            for channel in volume.channels
            for bucket, counts in volume.messages.items()
        ]
        outcomes = {words[f"in_{o.value}"]: counted.resolution.outcomes[o] for o in Outcome}
        return {
            self.total: total_html(counted, language),
            self.volume: over_time(points, words["in_time"], words["in_volume"]),
            self.outcomes: outcomes_html(counted, language),
            self.outcome_plot: bars(
                outcomes if any(outcomes.values()) else {},
                words["in_outcome"],
                words["in_conversations"],
                in_order=True,
            ),
            self.times: times_html(counted, language),
            self.misleading: misleading_html(counted, language),
        }

    def _themes(self, themes: Themes | None, language: Language) -> dict[Any, Any]:
        words = TEXTS[language]
        if themes is None:
            return {self.topics: paragraph(words["in_no_topics"], "quiet")}
        negative = [t for t in themes.themes if any(t.moods[Mood.NEGATIVE].values())]
        negative.sort(key=lambda theme: -sum(theme.moods[Mood.NEGATIVE].values()))
        points = [
            (bucket, count, theme.topic.name)
            for theme in negative[:_PLOTTED_TOPICS]
            for bucket, count in theme.moods[Mood.NEGATIVE].items()
        ]
        return {
            self.surges: surges_html(themes, self._parts.desk.surges(), self._parts.rule, language),
            self.topics: topics_html(themes, self._parts.mask, language),
            self.moods: over_time(points, words["in_time"], words["in_moods"]),
        }
