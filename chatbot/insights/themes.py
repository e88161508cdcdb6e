"""Topics over time with the mood of what was written about them, and which of them surge. It reads no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np

from chatbot.insights.kept import KeptMessage, texts_of
from chatbot.insights.mood import Encode, Judged, Mood, MoodJudge
from chatbot.insights.period import Period
from chatbot.insights.rule import DEFAULT_RULE, SurgeRule
from chatbot.insights.surge import TopicTest, surges, window_of
from chatbot.insights.topics import Grouped, Topic, group

_TREND_CHANCE = 0.05
_EXAMPLES = 3


class Trend(StrEnum):
    """How a topic's second half of the period compares with its first."""

    RISING = "rising"
    FALLING = "falling"
    STEADY = "steady"


@dataclass(frozen=True, slots=True)
class Theme:
    """A topic in a period.

    Attributes:
        messages: By bucket.
        moods: Messages by mood and bucket.
        trend: Rising or falling when an exact two-sided binomial test of the period's two halves, against those of
            all messages, says so with a chance below 0.05; not corrected for the number of topics.
        test: How its last window compares with its history; None while the history is too short.
        examples: Messages nearest to its middle; personal data is not masked.
    """

    topic: Topic
    messages: Mapping[str, int]
    moods: Mapping[str, Mapping[str, int]]
    trend: Trend
    test: TopicTest | None
    examples: tuple[str, ...]
    conversations: tuple[str, ...]

    @property
    def count(self) -> int:
        """Messages in the period."""
        return sum(self.messages.values())

    @property
    def negative_share(self) -> float:
        """Of the messages in the period, from 0 to 1."""
        return sum(self.moods[Mood.NEGATIVE].values()) / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Themes:
    """All topics, most written about first; those of the surge test's time without a message in the period last.

    Attributes:
        sampled, offered: How many messages were looked at, of how many.
        other: Messages in the period that belong to no topic.
        moods: Of all messages in the period, by mood and bucket.
    """

    themes: tuple[Theme, ...]
    sampled: int
    offered: int
    other: int
    moods: Mapping[str, Mapping[str, int]]

    @property
    def surging(self) -> tuple[Theme, ...]:
        """Those with a surge of negative messages, the least likely first."""
        found = [t for t in self.themes if t.test and t.test.is_surge]
        return tuple(sorted(found, key=lambda t: t.test.p_value if t.test else 1.0))


def themes_of(
    messages: Sequence[KeptMessage],
    offered: int,
    encode: Encode,
    period: Period,
    *,
    known: Sequence[Topic] = (),
    rule: SurgeRule = DEFAULT_RULE,
) -> Themes:
    """Groups messages, judges their moods, and tests for surges as of the end of the period.

    Args:
        messages: Also those of the test's history, before the period.
    """
    if not messages:
        return Themes((), 0, offered, 0, _moods((), (), period))
    texts = texts_of(messages)
    vectors = encode(texts)
    grouped = group(messages, vectors, known)
    judged = MoodJudge(encode).judge(texts, vectors)
    tests = {t.topic: t for t in topic_tests(messages, grouped, judged, period.until, rule)}
    inside = [place for place, message in enumerate(messages) if period.holds(message.at)]
    themes = []
    for rank, topic in enumerate(grouped.topics):
        own = [p for p in inside if grouped.labels[p] == rank]
        nearest = sorted(own, key=lambda p: (-float(vectors[p] @ topic.centroid), p))[:_EXAMPLES]
        themes.append(
            Theme(
                topic=topic,
                messages=_by_bucket([messages[p] for p in own], period),
                moods=_moods([messages[p] for p in own], [judged[p] for p in own], period),
                trend=_trend([messages[p].at for p in own], [messages[p].at for p in inside], period),
                test=tests.get(topic.id),
                examples=tuple(texts[p] for p in nearest),
                conversations=tuple(dict.fromkeys(messages[p].conversation_id for p in nearest)),
            )
        )
    other = sum(grouped.labels[p] < 0 for p in inside)
    moods = _moods([messages[p] for p in inside], [judged[p] for p in inside], period)
    return Themes(tuple(sorted(themes, key=lambda t: -t.count)), len(messages), offered, int(other), moods)


def topic_tests(
    messages: Sequence[KeptMessage],
    grouped: Grouped,
    judged: Sequence[Judged],
    now: datetime,
    rule: SurgeRule = DEFAULT_RULE,
) -> tuple[TopicTest, ...]:
    """The surge test of each topic, by the topic's id."""
    negative = np.zeros((len(grouped.topics) + 1, rule.windows), np.int64)  # the last row is of no topic
    everything = np.zeros(rule.windows, np.int64)
    for message, label, judgement in zip(messages, grouped.labels, judged, strict=True):
        window = window_of(message.at, now, rule)
        if window is not None:
            everything[window] += 1
            negative[label, window] += judgement.mood is Mood.NEGATIVE
    counts = {topic.id: negative[rank].tolist() for rank, topic in enumerate(grouped.topics)}
    return surges(counts, everything.tolist(), rule)


def _by_bucket(messages: Sequence[KeptMessage], period: Period) -> dict[str, int]:
    counts = dict.fromkeys(period.buckets(), 0)
    for message in messages:
        counts[period.bucket(message.at)] += 1
    return counts


def _moods(
    messages: Sequence[KeptMessage], judged: Sequence[Judged], period: Period
) -> dict[str, dict[str, int]]:
    return {
        mood.value: _by_bucket([m for m, j in zip(messages, judged, strict=True) if j.mood is mood], period)
        for mood in Mood
    }


def _trend(own: Sequence[datetime], everything: Sequence[datetime], period: Period) -> Trend:
    from scipy.stats import binomtest

    middle = period.since + (period.until - period.since) / 2
    late, all_late = sum(at >= middle for at in own), sum(at >= middle for at in everything)
    if not own or not 0 < all_late < len(everything):
        return Trend.STEADY
    share = all_late / len(everything)
    if binomtest(late, len(own), share).pvalue >= _TREND_CHANCE:
        return Trend.STEADY
    return Trend.RISING if late / len(own) > share else Trend.FALLING
