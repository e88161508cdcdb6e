"""Everything about a period in one pass over the conversations, and its form as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chatbot.database import Database
from chatbot.insights.kept import KeptMessage, MessageSample
from chatbot.insights.misleading import CitedCount, MisleadingArticle
from chatbot.insights.mood import Encode
from chatbot.insights.period import Period
from chatbot.insights.reading import visitors
from chatbot.insights.resolution import DEFAULT_BREAKS, Resolution, ResolutionCount
from chatbot.insights.rule import DEFAULT_RULE, SurgeRule
from chatbot.insights.settings import MOST_MESSAGES
from chatbot.insights.themes import Theme, Themes, themes_of
from chatbot.insights.times import Times, TimesCount
from chatbot.insights.topics import Topic
from chatbot.insights.volume import Volume, VolumeCount


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted without a model, and the messages that topics are made of."""

    period: Period
    volume: Volume
    resolution: Resolution
    times: Mapping[str, Times | None]
    first_text: Mapping[str, Times | None]
    misleading: tuple[MisleadingArticle, ...]
    messages: tuple[KeptMessage, ...]
    offered: int


@dataclass(frozen=True, slots=True)
class Report:
    """Everything about a period; `themes` is None where there is no embedder."""

    counted: Counted
    themes: Themes | None


def counted(
    database: Database,
    period: Period,
    now: datetime,
    *,
    rule: SurgeRule = DEFAULT_RULE,
    most_messages: int = MOST_MESSAGES,
) -> Counted:
    """Reads the conversations once; memory does not grow with their number.

    Args:
        now: The moment from which it is seen; what came after the period tells how its conversations ended.
        rule: How far back the messages are kept for the test of surges.
    """
    since = min(period.since, period.until - rule.window * rule.windows)
    sample = MessageSample(since, period.until, most_messages)
    volume, resolution = VolumeCount(period), ResolutionCount(period, now)
    times, cited = TimesCount(period), CitedCount(period)
    newest = max(now, period.until) + timedelta(seconds=1)
    for visitor in visitors(database, since - DEFAULT_BREAKS.comes_back, newest):
        for count in (volume, resolution, times, cited, sample):
            count.add(visitor)
    return Counted(
        period,
        volume.result(),
        resolution.result(),
        times.result(),
        times.first_text_by_bucket(),
        cited.result(),
        sample.result(),
        sample.offered,
    )


def report(
    database: Database,
    period: Period,
    now: datetime,
    encode: Encode | None,
    *,
    known: Sequence[Topic] = (),
    rule: SurgeRule = DEFAULT_RULE,
    most_messages: int = MOST_MESSAGES,
) -> Report:
    """Everything; see `counted` and `themes_of`."""
    found = counted(database, period, now, rule=rule, most_messages=most_messages)
    if encode is None:
        return Report(found, None)
    return Report(found, themes_of(found.messages, found.offered, encode, period, known=known, rule=rule))


def as_json(found: Report) -> dict[str, Any]:
    """The report as plain values; it holds no words of customers but those that name topics."""
    counted_, period = found.counted, found.counted.period
    resolution = counted_.resolution
    return {
        "since": period.since.isoformat(),
        "until": period.until.isoformat(),
        "granularity": period.granularity.value,
        "volume": {
            "messages": counted_.volume.messages,
            "conversations": counted_.volume.conversations,
            "channels": counted_.volume.channels,
            "languages": counted_.volume.languages,
            "visitors": counted_.volume.visitors,
        },
        "resolution": {
            "outcomes": resolution.outcomes,
            "by_bucket": resolution.by_bucket,
            "settled": resolution.settled,
            "resolved_surely": resolution.resolved_surely,
            "resolved_at_most": resolution.resolved_at_most,
            "deflected": resolution.deflected,
            "without_a_person": resolution.without_a_person,
        },
        "times": {name: _times(times) for name, times in counted_.times.items()},
        "first_text": {bucket: _times(times) for bucket, times in counted_.first_text.items()},
        "misleading": [
            {
                "document_id": a.document_id,
                "title": a.title,
                "cited": a.cited,
                "wrong": a.wrong,
                "rated_badly": a.rated_badly,
                "reopened": a.reopened,
                "handed_off": a.handed_off,
                "expected": a.expected,
                "p_value": a.p_value,
            }
            for a in counted_.misleading
        ],
        "topics": _themes(found.themes) if found.themes else None,
    }


def _times(times: Times | None) -> dict[str, float] | None:
    if times is None:
        return None
    return {"count": times.count, "median_ms": times.median_ms, "p95_ms": times.p95_ms}


def _themes(themes: Themes) -> dict[str, Any]:
    return {
        "messages_looked_at": themes.sampled,
        "messages_there": themes.offered,
        "without_topic": themes.other,
        "moods": themes.moods,
        "topics": [_theme(theme) for theme in themes.themes],
        "surges": [theme.topic.id for theme in themes.surging],
    }


def _theme(theme: Theme) -> dict[str, Any]:
    test = theme.test
    return {
        "id": theme.topic.id,
        "name": theme.topic.name,
        "words": list(theme.topic.words),
        "count": theme.count,
        "negative_share": round(theme.negative_share, 4),
        "trend": theme.trend.value,
        "messages": theme.messages,
        "moods": theme.moods,
        "surge_test": test
        and {
            "negative_in_window": test.count,
            "expected": test.expected,
            "overdispersion": test.overdispersion,
            "p_value": test.p_value,
            "corrected": test.corrected,
            "is_surge": test.is_surge,
        },
    }
