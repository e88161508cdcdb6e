"""What customers are offered after an answer: reviewed questions to press, articles to open. Never another customer's
words.

What was learnt from past conversations is tried on the newest of them before anything is shown: only where it beats
the most frequent questions and articles are customers offered anything.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from chatbot.database import Database
from chatbot.insights.encoding import Encodes
from chatbot.insights.mood import Encode
from chatbot.insights.reading import ConversationFacts, visitors
from chatbot.insights.recommend import OFFERED, NextSteps, Trial, tried
from chatbot.messages import Citation
from chatbot.templates import Language
from chatbot.text import is_chinese
from knowledge_base.documents import Document, FaqEntry
from knowledge_base.scope import public_documents, public_entries

log = logging.getLogger(__name__)
_LEARNT_FROM = timedelta(days=180)
_MOST_SEQUENCES = 20_000
_HELD_OUT = 0.2
_RANKED = 12
_LABEL_CHARS = 90


@dataclass(frozen=True, slots=True)
class Step:
    """A reviewed question, which is asked when it is pressed, or an article with its address."""

    id: str
    label: str
    url: str = ""
    is_question: bool = False


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What is offered after an answer; both may be empty."""

    questions: tuple[Step, ...] = ()
    articles: tuple[Step, ...] = ()


NO_SUGGESTIONS = Suggestions()


class Catalogue(Encodes, Protocol):
    """What suggestions need of `knowledge_base.base.KnowledgeBase`."""

    def faq_entries(self) -> Sequence[FaqEntry]:
        """Reviewed questions."""
        ...

    def documents(self) -> Sequence[Document]:
        """Articles."""
        ...


class Suggester:
    """Learns from the stored conversations, and offers. Safe from several threads.

    Args:
        opened: Waits until the knowledge base is there.
        encode: Texts to unit vectors.
    """

    def __init__(
        self,
        database: Database,
        opened: Callable[[], Catalogue],
        encode: Encode,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._opened = opened
        self._encode = encode
        self._clock = clock
        self._lock = threading.Lock()
        self._learnt: tuple[NextSteps, Mapping[str, Step]] | None = None

    def learn(self) -> Trial:
        """Learns anew; what is then offered is what was learnt from all conversations, if the trial is won."""
        now = self._clock()
        catalogue = steps_of(self._opened())
        labels = [step.label for step in catalogue.values()]
        items = dict(zip(catalogue, self._encode(labels), strict=True)) if labels else {}
        sequences = _sequences(self._database, now - _LEARNT_FROM, now)
        begins = round(len(sequences) * (1 - _HELD_OUT))
        trial = tried(NextSteps(sequences[:begins], items), sequences[begins:])
        with self._lock:
            self._learnt = (NextSteps(sequences, items), catalogue) if trial.is_won else None
        log.log(
            logging.INFO if trial.cases else logging.DEBUG,  # a new desk has nothing to tell yet
            "suggestions: %d of %d right, %d of the most frequent ones (chance %.3g): %s",
            trial.hits, trial.cases, trial.popular_hits, trial.p_value, "shown" if trial.is_won else "not shown",
        )  # fmt: skip
        return trial

    @property
    def is_offering(self) -> bool:
        """Whether anything was learnt that is worth offering."""
        with self._lock:
            return self._learnt is not None

    def offer(self, citations: Sequence[Sequence[Citation]], language: Language) -> Suggestions:
        """What to offer after an answer.

        Args:
            citations: Of each answer of the conversation, the newest last; nothing is offered when that one has none.
            language: Of the answer: only what is in the same language is offered.
        """
        with self._lock:
            learnt = self._learnt
        if learnt is None or not citations or not citations[-1]:
            return NO_SUGGESTIONS
        steps, catalogue = learnt
        seen = [c.document_id for each in citations for c in reversed(each)]
        ranked = [catalogue[key] for key in steps.offer(seen, _RANKED)]
        fitting = [step for step in ranked if is_chinese(step.label) == (language == "zh")]
        return Suggestions(
            tuple(step for step in fitting if step.is_question)[:OFFERED],
            tuple(step for step in fitting if not step.is_question and step.url)[:OFFERED],
        )


def steps_of(knowledge_base: Catalogue) -> dict[str, Step]:
    """Everything that customers may be offered, by the id by which answers cite it."""
    documents = public_documents(knowledge_base.documents())
    found = {d.id: Step(d.id, _short(d.title), d.url) for d in documents}
    for entry in public_entries(knowledge_base.faq_entries()):
        found[entry.id] = Step(entry.id, entry.question, entry.url, is_question=True)
    return {key: step for key, step in found.items() if step.label and len(step.label) <= _LABEL_CHARS}


def _sequences(database: Database, since: datetime, until: datetime) -> list[tuple[str, ...]]:
    """What each conversation's answers rest on, in the order of the conversations' beginnings."""
    found = [
        (conversation.questions[0].at, sequence)
        for visitor in visitors(database, since, until)
        for conversation in visitor
        if len(sequence := _cited(conversation)) > 1
    ]
    return [sequence for _, sequence in sorted(found)[-_MOST_SEQUENCES:]]


def _cited(conversation: ConversationFacts) -> tuple[str, ...]:
    firsts = (next(iter(q.answer.documents), "") for q in conversation.questions if q.answer)
    return tuple(first for first in firsts if first)


def _short(title: str) -> str:
    return title if len(title) <= _LABEL_CHARS else f"{title[: _LABEL_CHARS - 1]}…"
