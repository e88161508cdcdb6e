"""How long customers wait: for the first word, for the whole answer, for a person."""

import random
from array import array
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chatbot.insights.period import Period
from chatbot.insights.reading import ConversationFacts, Visitor

MEASURES = ("first_text", "first_token", "total")
PERSON = "person"
_MOST_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class Times:
    """Median and 95th percentile of so many values, in milliseconds."""

    count: int
    median_ms: float
    p95_ms: float


class Sample:
    """All values up to a limit, from then on an even sample of them (Vitter's algorithm R), the same at every run."""

    def __init__(self, most: int = _MOST_KEPT) -> None:
        self._most = most
        self._values = array("f")
        self._random = random.Random(0)  # noqa: S311 - a sample, not a secret
        self.count = 0

    def add(self, value: float) -> None:
        """Takes one more value."""
        self.count += 1
        if len(self._values) < self._most:
            self._values.append(value)
        elif (place := self._random.randrange(self.count)) < self._most:
            self._values[place] = value

    def result(self) -> Times | None:
        """Percentiles, interpolated between the two nearest values; None without any."""
        if not self.count:
            return None
        median, p95 = np.percentile(self._values, (50, 95))
        return Times(self.count, round(float(median), 1), round(float(p95), 1))


class TimesCount:
    """Gathers times as visitors are read.

    `first_text` is from the message to the first words shown, `first_token` from the prompt to the model's first token,
    `total` the whole turn; `person` is from asking for a person to the first thing that one says.
    """

    def __init__(self, period: Period) -> None:
        self._period = period
        self._all = {name: Sample() for name in (*MEASURES, PERSON)}
        self._by_bucket = {bucket: Sample(2_000) for bucket in period.buckets()}

    def add(self, visitor: Visitor) -> None:
        """Gathers the times of one visitor's questions in the period."""
        for conversation in visitor:
            self._add_person(conversation)
            for question in conversation.questions:
                if question.answer is None or not self._period.holds(question.at):
                    continue
                for name in MEASURES:
                    if (value := question.answer.timings_ms.get(name)) is not None:
                        self._all[name].add(value)
                if (first := question.answer.timings_ms.get("first_text")) is not None:
                    self._by_bucket[self._period.bucket(question.at)].add(first)

    def _add_person(self, conversation: ConversationFacts) -> None:
        if not conversation.person_asked_at or not self._period.holds(conversation.person_asked_at[0]):
            return
        asked = conversation.person_asked_at[0]
        said = next((at for at in conversation.person_said_at if at >= asked), None)
        if said is not None:
            self._all[PERSON].add((said - asked).total_seconds() * 1000)

    def result(self) -> Mapping[str, Times | None]:
        """By measure."""
        return {name: sample.result() for name, sample in self._all.items()}

    def first_text_by_bucket(self) -> Mapping[str, Times | None]:
        """How long the first words took, bucket by bucket."""
        return {bucket: sample.result() for bucket, sample in self._by_bucket.items()}
