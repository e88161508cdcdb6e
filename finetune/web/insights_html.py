"""Insight as HTML: figures, tables and what is missing."""

from collections.abc import Callable, Sequence

from chatbot.insights.book import Surge
from chatbot.insights.report import Counted
from chatbot.insights.resolution import Outcome
from chatbot.insights.rule import SurgeRule
from chatbot.insights.themes import Themes
from chatbot.insights.times import Times
from chatbot.templates import Language
from chatbot.text import how_many
from finetune.web.knowledge import OpenQuestion
from finetune.web.render import heading, paragraph, table_html
from finetune.web.texts import TEXTS

_TOPICS = 20
_QUESTIONS = 20
_EXAMPLE_CHARS = 160
_TIMES = ("first_text", "first_token", "total", "person")


def total_html(counted: Counted, language: Language) -> str:
    """How much was asked; what is missing when nothing was."""
    words, volume = TEXTS[language], counted.volume
    if not volume.channels:
        return paragraph(words["in_nothing"], "quiet")
    told = words["in_total"].format(
        messages=how_many(sum(volume.channels.values()), words["in_n_messages"]),
        conversations=how_many(sum(volume.conversations.values()), words["in_n_conversations"]),
        visitors=how_many(volume.visitors, words["in_n_customers"]),
    )
    languages = ", ".join(f"{name} {count:,}" for name, count in volume.languages.items())
    return paragraph(told) + paragraph(words["in_languages"].format(languages=languages), "quiet")


def outcomes_html(counted: Counted, language: Language) -> str:
    """Every outcome with its definition, and the shares."""
    words, resolution = TEXTS[language], counted.resolution
    if not sum(resolution.outcomes.values()):
        return ""
    rows = [(words[f"in_{o.value}"], resolution.outcomes[o], words[f"in_{o.value}_is"]) for o in Outcome]
    headers = [words[f"in_{name}"] for name in ("outcome", "conversations", "meaning")]
    told = words["in_none_settled"]
    if resolution.settled:
        told = words["in_shares"].format(
            settled=f"{resolution.settled:,}",
            surely=_share(resolution.resolved_surely),
            most=_share(resolution.resolved_at_most),
            without=_share(resolution.without_a_person),
        )
    title = words["in_outcomes"]
    return heading(title) + paragraph(told) + table_html(title, headers, rows)


def times_html(counted: Counted, language: Language) -> str:
    """Median and 95th percentile of every waiting time."""
    words = TEXTS[language]
    if not counted.volume.channels:
        return ""
    names = {"total": "in_total_time"}
    rows = [
        (words[names.get(name, f"in_{name}")], times.count, *_seconds(times, language))
        for name in _TIMES
        if (times := counted.times[name])
    ]
    headers = [words[f"in_{name}"] for name in ("what", "times_count", "median", "p95")]
    title = words["in_times"]
    return heading(title) + (
        table_html(title, headers, rows) if rows else paragraph(words["in_no_times"], "quiet")
    )


def surges_html(themes: Themes, told: Sequence[Surge], rule: SurgeRule, language: Language) -> str:
    """What surges now, and what was told before."""
    words = TEXTS[language]
    tested = [theme.test for theme in themes.themes if theme.test]
    shown = heading(words["in_surges"])
    for theme in themes.surging:
        if theme.test:
            line = words["in_surge_now"].format(
                name=theme.topic.name,
                messages=how_many(theme.test.count, words["in_n_negative"]),
                expected=f"{theme.test.expected:.1f}",
                hours=f"{rule.window.total_seconds() / 3600:g}",
                chance=f"{theme.test.corrected:.2g}",
            )
            shown += paragraph(line, "bad")
    if not themes.surging:
        none = words["in_no_surge"].format(tested=len(tested)) if tested else words["in_no_history"]
        shown += paragraph(none, "quiet")
    return shown + _told(told, language)


def _told(told: Sequence[Surge], language: Language) -> str:
    words = TEXTS[language]
    if not told:
        return ""
    rows = [
        (
            s.name,
            f"{s.began_at:%Y-%m-%d %H:%M}",
            f"{s.ended_at:%Y-%m-%d %H:%M}" if s.ended_at else words["in_lasts"],
            s.count,
            f"{s.expected:.1f}",
        )
        for s in told
    ]
    headers = [words[f"in_{name}"] for name in ("topic", "began", "ended", "negative", "expected")]
    return paragraph(words["in_told"]) + table_html(words["in_told"], headers, rows)


def topics_html(themes: Themes, mask: Callable[[str], str], language: Language) -> str:
    """Topics with their trends and an example each.

    Args:
        mask: Takes personal data out of a text.
    """
    words = TEXTS[language]
    shown = [theme for theme in themes.themes if theme.count][:_TOPICS]
    if not shown:
        return heading(words["in_topics"]) + paragraph(words["in_no_topics"], "quiet")
    rows = [
        (
            theme.topic.name,
            theme.count,
            f"{theme.negative_share:.0%}",
            words[f"in_{theme.trend.value}"],
            mask(theme.examples[0])[:_EXAMPLE_CHARS],
        )
        for theme in shown
    ]
    headers = [words[f"in_{name}"] for name in ("topic", "messages", "negative", "trend", "example")]
    about = words["in_sampled"].format(
        sampled=f"{themes.sampled:,}",
        offered=how_many(themes.offered, words["in_n_messages"]),
        other=f"{themes.other:,}",
    )
    title = words["in_topics"]
    return heading(title) + table_html(title, headers, rows) + paragraph(about, "quiet")


def misleading_html(counted: Counted, language: Language) -> str:
    """Articles whose answers go wrong more often than others'."""
    words = TEXTS[language]
    if not counted.volume.channels:
        return ""
    title = words["in_misleading"]
    if not counted.misleading:
        return heading(title) + paragraph(words["in_no_misleading"], "quiet")
    names = ("article", "cited", "wrong", "expected", "rated_badly", "reopened_after", "handed_after")
    rows = [
        (a.title, a.cited, a.wrong, f"{a.expected:.1f}", a.rated_badly, a.reopened, a.handed_off)
        for a in counted.misleading
    ]
    return heading(title) + table_html(title, [words[f"in_{name}"] for name in names], rows)


def unanswered_html(questions: Sequence[OpenQuestion], language: Language) -> str:
    """Questions that nobody could answer, masked already."""
    words = TEXTS[language]
    title = words["in_unanswered"]
    if not questions:
        return heading(title) + paragraph(words["in_no_unanswered"], "quiet")
    rows = [(q.question, q.times) for q in questions[:_QUESTIONS]]
    return heading(title) + table_html(title, [words["in_question"], words["in_times_asked"]], rows)


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _seconds(times: Times, language: Language) -> tuple[str, str]:
    form = TEXTS[language]["in_seconds"]
    return form.format(n=f"{times.median_ms / 1000:,.2f}"), form.format(n=f"{times.p95_ms / 1000:,.2f}")
