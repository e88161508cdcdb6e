"""An answer that an agent may send: the reviewed FAQ answer or the passage nearest to what the customer asked last."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from chatbot.citations import opening
from chatbot.policy import QUESTION_MARGIN
from chatbot.prompt import Passage
from chatbot.store import StoredMessage
from chatbot.understand import standalone_query
from knowledge_base.documents import RetrievalResult


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Text to send and where it stands."""

    text: str
    title: str
    url: str


def last_question(messages: Sequence[StoredMessage]) -> str:
    """What the customer asked last, so that it can be searched by itself; a bare wish for a person is none."""
    asked = [m for m in messages if m.role == "user"]
    wished = [m.id for m, told in pairwise(messages) if _only_wished(m, told)]
    said = [(m.observation.said if m.observation else "") or m.text for m in asked if m.id not in wished]
    return standalone_query(said[-1], said[:-1]) if said else ""


def suggested_answer(result: RetrievalResult, min_similarity: float) -> Suggestion | None:
    """The best of what was found; None when nothing comes close.

    Args:
        min_similarity: As for evidence: the cosine of a passage, or `QUESTION_MARGIN` less than that of a FAQ question.
    """
    match = result.faq[0] if result.faq else None
    chunk = max(result.chunks, key=lambda c: c.scores.get("dense", 0.0), default=None)
    asked = match.similarity - QUESTION_MARGIN if match else -1.0
    found = chunk.scores.get("dense", 0.0) if chunk else -1.0
    if max(asked, found) < min_similarity:
        return None
    if match and asked >= found:
        return Suggestion(match.entry.answer, match.entry.question, match.entry.url)
    if chunk is None:
        return None
    return Suggestion(opening(Passage.of(1, chunk.chunk)), chunk.chunk.title, chunk.chunk.url)


def _only_wished(question: StoredMessage, told: StoredMessage) -> bool:
    """Whether a question was handed off because a person was asked for by it."""
    return (
        question.role == "user"
        and told.evidence is not None
        and any(reason.startswith("a person was asked for") for reason in told.evidence.reasons)
    )
