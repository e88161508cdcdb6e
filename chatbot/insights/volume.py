"""How much is asked, when, by which channel and in which language."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from chatbot.insights.period import Period
from chatbot.insights.reading import Visitor


@dataclass(frozen=True, slots=True)
class Volume:
    """Counts of messages of customers and of conversations that began.

    Attributes:
        messages: By bucket and channel; every bucket is there.
        conversations: That began, by bucket.
        visitors: Different people who wrote something.
    """

    messages: Mapping[str, Mapping[str, int]]
    conversations: Mapping[str, int]
    channels: Mapping[str, int]
    languages: Mapping[str, int]
    visitors: int


class VolumeCount:
    """Counts as visitors are read."""

    def __init__(self, period: Period) -> None:
        self._period = period
        self._messages: dict[str, Counter[str]] = {bucket: Counter() for bucket in period.buckets()}
        self._conversations: Counter[str] = Counter(dict.fromkeys(self._messages, 0))
        self._channels: Counter[str] = Counter()
        self._languages: Counter[str] = Counter()
        self._visitors = 0

    def add(self, visitor: Visitor) -> None:
        """Counts what one visitor wrote in the period."""
        wrote = False
        for conversation in visitor:
            questions = conversation.questions
            if questions and self._period.holds(questions[0].at):
                self._conversations[self._period.bucket(questions[0].at)] += 1
            for question in questions:
                if self._period.holds(question.at):
                    wrote = True
                    self._messages[self._period.bucket(question.at)][question.channel] += 1
                    self._channels[question.channel] += 1
                    self._languages[question.language] += 1
        self._visitors += wrote

    def result(self) -> Volume:
        """What was counted so far."""
        return Volume(
            {bucket: dict(counts) for bucket, counts in self._messages.items()},
            dict(self._conversations),
            dict(self._channels.most_common()),
            dict(self._languages.most_common()),
            self._visitors,
        )
