"""How conversations ended, told honestly: what is known, what is only assumed, and what went wrong, each by itself.

Each conversation whose first question lies in the period has exactly one outcome, the first of these that holds:

1. *handed off*: a person was asked for, by the customer or by the assistant, whatever came of it.
2. *reopened*: after an answer and a break of at least two hours, and within seven days, the customer came back to
   the same matter, in this conversation or in a new one of theirs.
3. *confirmed*: the last thing the customer said thanks or says that it works, or the answer rated last has a thumb
   up; or the conversation was rated 4 or 5 of 5. Rated 1 or 2, it is *abandoned* whatever was said.
4. *open*: the last message is younger than a day, so nothing can be said yet.
5. *abandoned*: the last answer found nothing, asked back, was broken off, has a thumb down, or there is none.
6. *assumed*: an answer was given and the customer said nothing more.

A customer comes back to the same matter when what they write shares half of its words with an earlier question,
leans on it ("and on the phone?"), or complains.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chatbot.insights.period import Period
from chatbot.insights.reading import ConversationFacts, QuestionFacts, Visitor
from chatbot.messages import Decision
from chatbot.text import content_words
from chatbot.understand import standalone_query
from chatbot.wishes import frustration

_THANKS = re.compile(
    r"\b(?:thanks|thank you|thx|ty|cheers|perfect|brilliant|solved|sorted|fixed|(?:that|it|this) "
    r"(?:works|worked|helped|helps|did it)|works now|got it|all good|danke\w*|vielen dank|hat geklappt|merci|gracias|"
    r"grazie|obrigad[oa])\b|谢谢|多谢|感谢|解决了|好了|搞定|可以了|ありがとう|شكرا",
    re.IGNORECASE,
)
_NOT_THANKS = re.compile(
    r"[?？]|\bthanks for nothing\b|\bno,? thanks\b|\b(?:not|n['’]t|never|still|but|however)\b|没|不|但|还是|\bnicht\b",
    re.IGNORECASE,
)
_THANKS_WORDS = 14
_SATISFIED, _DISSATISFIED = (4, 5), (1, 2)
_UNANSWERED = (Decision.CLARIFY, Decision.DECLINE, Decision.REFUSE)


class Outcome(StrEnum):
    """How a conversation ended."""

    CONFIRMED = "confirmed"
    ASSUMED = "assumed"
    ABANDONED = "abandoned"
    REOPENED = "reopened"
    HANDED_OFF = "handed_off"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Breaks:
    """The lengths of time in the definitions."""

    pause: timedelta = timedelta(hours=2)
    comes_back: timedelta = timedelta(days=7)
    settles: timedelta = timedelta(days=1)


DEFAULT_BREAKS = Breaks()


@dataclass(frozen=True, slots=True)
class Resolution:
    """How many conversations ended how.

    Attributes:
        outcomes: Every outcome is there.
        by_bucket: The same by the bucket of the first question.
    """

    outcomes: Mapping[str, int]
    by_bucket: Mapping[str, Mapping[str, int]]

    @property
    def settled(self) -> int:
        """Conversations that are not open any more: the denominator of every share."""
        return sum(self.outcomes.values()) - self.outcomes[Outcome.OPEN]

    @property
    def resolved_surely(self) -> float | None:
        """Share that is confirmed; None where nothing is settled."""
        return self._share(Outcome.CONFIRMED)

    @property
    def resolved_at_most(self) -> float | None:
        """Share that is confirmed or assumed."""
        return self._share(Outcome.CONFIRMED, Outcome.ASSUMED)

    @property
    def deflected(self) -> float | None:
        """Share that needed no person: confirmed or assumed. One that was abandoned or came back is not deflected."""
        return self.resolved_at_most

    @property
    def without_a_person(self) -> float | None:
        """Share in which no person was asked for, however it ended: what is often sold as deflection."""
        handed = self._share(Outcome.HANDED_OFF)
        return None if handed is None else 1 - handed

    def _share(self, *outcomes: Outcome) -> float | None:
        return sum(self.outcomes[o] for o in outcomes) / self.settled if self.settled else None


class ResolutionCount:
    """Counts as visitors are read.

    Args:
        now: The moment from which it is seen.
    """

    def __init__(self, period: Period, now: datetime, breaks: Breaks = DEFAULT_BREAKS) -> None:
        self._period = period
        self._now = now
        self._breaks = breaks
        self._by_bucket: dict[str, Counter[str]] = {bucket: Counter() for bucket in period.buckets()}

    def add(self, visitor: Visitor) -> None:
        """Counts the conversations that one visitor began in the period."""
        for place, conversation in enumerate(visitor):
            if conversation.questions and self._period.holds(conversation.questions[0].at):
                found = outcome(conversation, visitor[place + 1 :], self._now, self._breaks)
                self._by_bucket[self._period.bucket(conversation.questions[0].at)][found] += 1

    def result(self) -> Resolution:
        """What was counted so far."""
        by_bucket = {b: {o.value: counts[o] for o in Outcome} for b, counts in self._by_bucket.items()}
        return Resolution(
            {o.value: sum(counts[o.value] for counts in by_bucket.values()) for o in Outcome}, by_bucket
        )


def outcome(
    conversation: ConversationFacts,
    later: Sequence[ConversationFacts],
    now: datetime,
    breaks: Breaks = DEFAULT_BREAKS,
) -> Outcome:
    """How a conversation ended; see above.

    Args:
        later: The same visitor's conversations after it.
    """
    if conversation.person_asked_at:
        return Outcome.HANDED_OFF
    if came_back(conversation, later, breaks):
        return Outcome.REOPENED
    if conversation.csat in _DISSATISFIED:
        return Outcome.ABANDONED
    last = conversation.questions[-1]
    rated = [q.answer.rating for q in conversation.questions if q.answer and q.answer.rating]
    if is_thanks(last.said) or (rated and rated[-1] > 0) or conversation.csat in _SATISFIED:
        return Outcome.CONFIRMED
    if now - (last.answer.at if last.answer else last.at) < breaks.settles:
        return Outcome.OPEN
    answer = last.answer
    if answer is None or answer.stopped or answer.decision in _UNANSWERED or answer.rating < 0:
        return Outcome.ABANDONED
    return Outcome.ASSUMED


def came_back(
    conversation: ConversationFacts,
    later: Sequence[ConversationFacts],
    breaks: Breaks = DEFAULT_BREAKS,
) -> frozenset[str]:
    """Ids of the answers after which the customer came back to the same matter."""
    found = set()
    asked = conversation.questions
    for place, question in enumerate(asked[:-1]):
        after = asked[place + 1]
        if question.answer and _is_return(question, after, asked[: place + 1], breaks):
            found.add(question.answer.id)
    last = asked[-1]
    returns = (q for other in later for q in other.questions)
    if last.answer and any(_is_return(last, q, asked, breaks, is_new=True) for q in returns):
        found.add(last.answer.id)
    return frozenset(found)


def is_thanks(said: str) -> bool:
    """Whether a message does nothing but thank, or say that it works."""
    return (
        bool(_THANKS.search(said))
        and not _NOT_THANKS.search(said)
        and len(said.split()) <= _THANKS_WORDS
        and not frustration(said)[0]
    )


def _is_return(
    before: QuestionFacts,
    after: QuestionFacts,
    asked: Sequence[QuestionFacts],
    breaks: Breaks,
    *,
    is_new: bool = False,
) -> bool:
    answered_at = before.answer.at if before.answer else before.at
    if not breaks.pause <= after.at - answered_at <= breaks.comes_back or is_thanks(after.said):
        return False
    if any(_alike(after.said, question.said) for question in asked):
        return True
    leans = standalone_query(after.said, [before.said]) != after.said
    return not is_new and (leans or frustration(after.said)[0] > 0)


def _alike(said: str, earlier: str) -> bool:
    new, old = set(content_words(said)), set(content_words(earlier))
    return bool(new) and len(new & old) >= len(new) / 2
